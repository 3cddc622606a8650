use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::workspace::{Crate, reached};
use super::{EXCEPTIONS, GROUPS};

/// Who knows whom, by the names in a picture.
type Arrows = BTreeMap<String, BTreeSet<String>>;

const HEADING: &str = "\
<!-- tests/layers/ writes this page: UPDATE_DOCS=1 cargo test --workspace --all-features --test passbook layers:: -->

# The crates

Each folder below `shared/` is a group of crates. The groups have an order: a crate knows only crates of its own group and of groups
below it. A test holds the crates to this order, and to the rule of each group.

An arrow leads from a crate to a crate that it knows. An arrow is left out where other arrows lead to the same crate. Optional
dependencies are shown, dependencies of tests are not.

## The groups

";

/// The page about the crates.
pub fn document(crates: &BTreeMap<String, Crate>) -> String {
    let mut page = HEADING.to_owned();
    picture(&mut page, &[], &arrows(crates, &|one| one.group().to_owned()));
    page.push_str("\n## The crates by group\n\nThe functions of one kind are one box.\n\n");
    let boxes: Vec<(&str, BTreeSet<String>)> = GROUPS
        .iter()
        .filter(|group| !["passbook", "tests"].contains(&group.name))
        .map(|group| (group.name, crates.values().filter(|one| one.group() == group.name).map(box_of).collect()))
        .collect();
    let mut shown = arrows(crates, &box_of);
    shown.retain(|name, _| crates.get(name).is_none_or(|one| one.group() != "tests"));
    picture(&mut page, &boxes, &shown);
    for group in GROUPS {
        writeln!(page, "\n## {}\n\n{}\n", group.name, group.rule).expect("a text takes all");
        page.push_str("| crate | what it is | knows |\n| --- | --- | --- |\n");
        for one in crates.values().filter(|one| one.group() == group.name) {
            writeln!(page, "| [`{}`](../{}) | {} | {} |", one.name, one.folder, one.description, known(one))
                .expect("a text takes all");
        }
    }
    page.push_str("\n## Exceptions\n\nThese dependencies are against the order.\n\n");
    for (name, known, reason) in EXCEPTIONS {
        writeln!(page, "- `{name}` knows `{known}`. {reason}").expect("a text takes all");
    }
    page
}

fn known(one: &Crate) -> String {
    let names: Vec<String> = one.knows.iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

/// The box of a crate in the picture.
fn box_of(one: &Crate) -> String {
    match one.folder.rsplit_once('/') {
        Some((kind, _)) if one.group() == "functions" => kind.to_owned(),
        _ => one.name.clone(),
    }
}

fn arrows(crates: &BTreeMap<String, Crate>, name_of: &dyn Fn(&Crate) -> String) -> Arrows {
    let mut arrows = Arrows::new();
    for one in crates.values() {
        let from = arrows.entry(name_of(one)).or_default();
        let exception = |name: &&String| EXCEPTIONS.iter().any(|(by, known, _)| *by == one.name && known == *name);
        from.extend(one.knows.iter().filter(|name| !exception(name)).map(|name| name_of(&crates[name])));
    }
    for (name, known) in &mut arrows {
        known.remove(name);
    }
    without_detours(&arrows)
}

/// Leaves out each arrow to a box that other arrows lead to.
fn without_detours(arrows: &Arrows) -> Arrows {
    let is_needed = |from: &String, to: &String| {
        let others = arrows[from].iter().filter(|other| *other != to);
        others.into_iter().all(|other| !reached(other, &|name| &arrows[name]).contains(to.as_str()))
    };
    let needed =
        |from: &String, known: &BTreeSet<String>| known.iter().filter(|to| is_needed(from, to)).cloned().collect();
    arrows.iter().map(|(from, known)| (from.clone(), needed(from, known))).collect()
}

fn picture(page: &mut String, boxes: &[(&str, BTreeSet<String>)], arrows: &Arrows) {
    let id = |name: &str| name.replace(['-', '/'], "_");
    page.push_str("```mermaid\nflowchart TD\n");
    for (title, names) in boxes.iter().rev() {
        writeln!(page, "    subgraph group_{title}[\"{title}\"]").expect("a text takes all");
        for name in names {
            writeln!(page, "        {}[\"{name}\"]", id(name)).expect("a text takes all");
        }
        page.push_str("    end\n");
    }
    for (from, known) in arrows {
        for to in known {
            writeln!(page, "    {} --> {}", id(from), id(to)).expect("a text takes all");
        }
    }
    page.push_str("```\n");
}
