use std::collections::BTreeMap;
use std::path::Path;

use super::workspace::root;

/// The modules that `lib.rs` declares, each with the number of its group. Groups are apart by an empty line.
fn modules(lib: &str) -> BTreeMap<&str, usize> {
    let mut modules = BTreeMap::new();
    let mut group = 0;
    for line in lib.lines() {
        if line.is_empty() {
            group += 1;
        }
        let declared = line.split_once("mod ").filter(|(before, _)| ["", "pub "].contains(before));
        if let Some((name, _)) = declared.and_then(|(_, behind)| behind.split_once(';')) {
            modules.insert(name, group);
        }
    }
    modules
}

/// All text of a module: its file, or the files of its folder.
fn source(path: &Path) -> String {
    if let Ok(text) = std::fs::read_to_string(path.with_extension("rs")) {
        return text;
    }
    let entries = std::fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| if path.is_dir() { source(&path) } else { std::fs::read_to_string(&path).expect("text") })
        .collect()
}

#[test]
fn a_module_of_passbook_uses_only_modules_of_the_groups_above_its_own_in_lib_rs() {
    let folder = root().join("passbook/src");
    let lib = std::fs::read_to_string(folder.join("lib.rs")).expect("text");
    let modules = modules(&lib);
    assert!(modules.len() > 10, "{modules:?}");
    for (name, group) in &modules {
        let source = source(&folder.join(name));
        for behind in source.split("crate::").skip(1) {
            let end = behind.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(behind.len());
            let used = &behind[..end];
            let used_group =
                modules.get(used).unwrap_or_else(|| panic!("{name} uses crate::{used}, which is no module"));
            assert!(used == *name || used_group < group, "{name} uses {used}, which does not stand above it");
        }
    }
}
