use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// One crate of the workspace, as its manifest describes it.
pub struct Crate {
    pub name: String,
    pub description: String,
    /// The folder, from the root of the repository.
    pub folder: String,
    /// The crates of the workspace that the crate itself knows.
    pub knows: BTreeSet<String>,
    /// The crates of the workspace that only its tests, examples and benches know.
    pub tests_know: BTreeSet<String>,
}

impl Crate {
    /// The name of the group: the folder below `shared/`, or else the first folder.
    pub fn group(&self) -> &str {
        let mut folders = self.folder.split('/');
        match folders.next() {
            Some("shared") => folders.next().unwrap_or_default(),
            first => first.unwrap_or_default(),
        }
    }
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every crate of the workspace, by its name.
pub fn crates() -> BTreeMap<String, Crate> {
    let workspace = manifest(&root());
    let patterns = workspace["workspace"]["members"].as_array().expect("a list");
    let folders = patterns.iter().flat_map(|pattern| folders_of(pattern.as_str().expect("a text")));
    let manifests: Vec<(String, Table)> =
        folders.map(|folder| (folder.clone(), manifest(&root().join(folder)))).collect();
    let names: BTreeSet<String> = manifests.iter().map(|(_, manifest)| text(&manifest["package"]["name"])).collect();
    let known = |manifest: &Table, kind: &str| -> BTreeSet<String> {
        let dependencies = manifest.get(kind).and_then(Value::as_table);
        dependencies.into_iter().flat_map(Table::keys).filter(|name| names.contains(*name)).cloned().collect()
    };
    let crates = manifests.iter().map(|(folder, manifest)| Crate {
        name: text(&manifest["package"]["name"]),
        description: text(&manifest["package"]["description"]),
        folder: folder.clone(),
        knows: &known(manifest, "dependencies") | &known(manifest, "build-dependencies"),
        tests_know: known(manifest, "dev-dependencies"),
    });
    crates.map(|one| (one.name.clone(), one)).collect()
}

/// The crates that can be reached from `start` by `next`, without `start` unless there is a circle.
pub fn reached<'a>(start: &str, next: &dyn Fn(&str) -> &'a BTreeSet<String>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut unseen: Vec<&str> = next(start).iter().map(String::as_str).collect();
    while let Some(name) = unseen.pop() {
        if reached.insert(name) {
            unseen.extend(next(name).iter().map(String::as_str));
        }
    }
    reached
}

fn manifest(folder: &Path) -> Table {
    let path = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The folders of a member's pattern that have a manifest. `*` stands for one folder's name.
fn folders_of(pattern: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for part in pattern.split('/') {
        found = found.into_iter().flat_map(|folder| children_of(&folder, part)).collect();
    }
    found.retain(|folder| root().join(folder).join("Cargo.toml").is_file());
    found.sort();
    found
}

fn children_of(folder: &str, part: &str) -> Vec<String> {
    let joined = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
    if part != "*" {
        return vec![joined(part)];
    }
    let entries = std::fs::read_dir(root().join(folder)).expect("a folder");
    entries.map(|entry| joined(&entry.expect("an entry").file_name().to_string_lossy())).collect()
}
