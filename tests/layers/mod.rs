//! Which crate may know which. The folders below `shared/` are groups, and so are `functions/`, `passbook/` and `tests/`. The
//! groups have an order, so that a reader can understand one crate after the other from the bottom to the top.
//!
//! `docs/crates.md` shows the crates and is written here: `UPDATE_DOCS=1 cargo test --workspace --all-features --test passbook layers::`.

mod document; // docs/crates.md
mod passbook_modules; // the modules of the program, which have an order, too
mod workspace; // the crates, as their manifests describe them

use std::collections::{BTreeMap, BTreeSet};

use document::document;
use workspace::{Crate, crates, reached, root};

const DOCUMENT: &str = "docs/crates.md";
/// The variable that has the document written instead of compared.
const UPDATE_DOCS: &str = "UPDATE_DOCS";

/// A group of crates.
struct Group {
    name: &'static str,
    /// The groups that its crates may know beside their own. All of them stand before this group in the list.
    knows: &'static [&'static str],
    /// The groups that its tests and benches may know as well.
    tests_know: &'static [&'static str],
    /// Why it knows these groups and no other.
    rule: &'static str,
}

/// The groups from the bottom to the top.
const GROUPS: &[Group] = &[
    Group {
        name: "process",
        knows: &[],
        tests_know: &[],
        rule: "The environment's variables and the logs know nobody. Every process has them, whatever it does.",
    },
    Group {
        name: "core",
        knows: &[],
        tests_know: &[],
        rule: "The core knows nobody: no bank, no driver and no AWS. Any domain can use it.",
    },
    Group {
        name: "edge",
        knows: &["process", "core"],
        tests_know: &[],
        rule: "The edge turns HTTP into the core's commands and queries. It knows no bank.",
    },
    Group {
        name: "bank",
        knows: &["core", "edge"],
        tests_know: &[],
        rule: "The bank is the domain, its read model and its part of the HTTP API. It knows no database and no AWS.",
    },
    Group {
        name: "operations",
        knows: &["core"],
        tests_know: &[],
        rule: "Restoring and verifying work through ports. They know no adapter and no bank.",
    },
    Group {
        name: "aws",
        knows: &["process", "operations"],
        tests_know: &[],
        rule: "A crate that talks to AWS knows the settings, and the port through which a restore is begun.",
    },
    Group {
        name: "adapters",
        knows: &["process", "core", "operations", "aws"],
        tests_know: &["bank"],
        rule: "An adapter knows the ports that it implements, and AWS for signing in. It knows neither the edge nor a bank.",
    },
    Group {
        name: "wiring",
        knows: &["process", "core", "operations", "aws", "adapters"],
        tests_know: &[],
        rule: "The wiring opens the adapters that the URLs name. Only from here up is an adapter chosen.",
    },
    Group {
        name: "local",
        knows: &["process", "core", "edge", "aws", "adapters"],
        tests_know: &[],
        rule: "The stand-ins for AWS on a person's machine know no bank and no function. Everything of an application is handed in.",
    },
    Group {
        name: "functions",
        knows: &["process", "core", "edge", "bank", "operations", "aws", "wiring"],
        tests_know: &["adapters"],
        rule: "A function names no adapter: the wiring opens it.",
    },
    Group {
        name: "passbook",
        knows: &["process", "core", "edge", "bank", "operations", "aws", "adapters", "wiring", "local", "functions"],
        tests_know: &[],
        rule: "The program for people puts everything together. Only the tests know it.",
    },
    Group {
        name: "tests",
        knows: &[
            "process",
            "core",
            "edge",
            "bank",
            "operations",
            "aws",
            "adapters",
            "wiring",
            "local",
            "functions",
            "passbook",
        ],
        tests_know: &[
            "process",
            "core",
            "edge",
            "bank",
            "operations",
            "aws",
            "adapters",
            "wiring",
            "local",
            "functions",
            "passbook",
        ],
        rule: "The tests know everything.",
    },
];

/// Dependencies against the order: who knows whom, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("personal-data", "settings", "The environment chooses how the keys of personal data are protected."),
    ("personal-data", "aws-requests", "AWS KMS may protect those keys. Only the feature `kms` links it."),
];

fn group(name: &str) -> &'static Group {
    GROUPS.iter().find(|group| group.name == name).unwrap_or_else(|| panic!("the group {name} is not in the list"))
}

fn is_exception(one: &Crate, other: &str) -> bool {
    EXCEPTIONS.iter().any(|(name, known, _)| *name == one.name && *known == other)
}

#[test]
fn every_crate_is_in_a_group_of_the_list_and_every_group_has_crates() {
    let crates = crates();
    let found: BTreeSet<&str> = crates.values().map(Crate::group).collect();
    let listed: BTreeSet<&str> = GROUPS.iter().map(|group| group.name).collect();
    assert_eq!(found, listed);
}

#[test]
fn every_group_knows_only_groups_below_it_so_that_there_is_no_circle_of_groups() {
    for (place, group) in GROUPS.iter().enumerate() {
        let below: Vec<&str> = GROUPS[..place].iter().map(|group| group.name).collect();
        for known in group.knows.iter().chain(group.tests_know) {
            assert!(below.contains(known), "{} may not know {known}, which stands above it", group.name);
        }
    }
}

#[test]
fn every_crate_knows_only_crates_of_its_own_group_and_of_those_that_its_group_may_know() {
    let crates = crates();
    let mut wrong = Vec::new();
    for one in crates.values() {
        let own = group(one.group());
        let is_allowed = |name: &String, groups: &[&str]| {
            let other = crates[name].group();
            other == own.name || groups.contains(&other) || is_exception(one, name)
        };
        let tests_know: Vec<&str> = own.knows.iter().chain(own.tests_know).copied().collect();
        let forbidden = one.knows.iter().filter(|name| !is_allowed(name, own.knows));
        let forbidden_to_tests = one.tests_know.iter().filter(|name| !is_allowed(name, &tests_know));
        wrong.extend(forbidden.map(|name| format!("{} knows {name}: {}", one.name, own.rule)));
        wrong.extend(forbidden_to_tests.map(|name| format!("the tests of {} know {name}: {}", one.name, own.rule)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_crate_knows_itself_through_others_not_even_in_its_tests() {
    let crates = crates();
    let known: BTreeMap<&str, BTreeSet<String>> =
        crates.values().map(|one| (one.name.as_str(), &one.knows | &one.tests_know)).collect();
    for name in crates.keys() {
        assert!(!reached(name, &|name| &known[name]).contains(name.as_str()), "{name} is in a circle");
    }
}

#[test]
fn only_the_functions_and_the_program_reach_the_bank() {
    let crates = crates();
    let may_reach = ["bank", "functions", "passbook", "tests"];
    for one in crates.values().filter(|one| !may_reach.contains(&one.group())) {
        for name in reached(&one.name, &|name| &crates[name].knows) {
            assert_ne!(crates[name].group(), "bank", "{} reaches {name}", one.name);
        }
    }
}

#[test]
fn every_exception_is_still_needed() {
    let crates = crates();
    for (name, known, reason) in EXCEPTIONS {
        assert!(crates[*name].knows.contains(*known), "{name} no longer knows {known}, so strike out: {reason}");
    }
}

#[test]
fn the_page_of_the_crates_says_what_the_crates_are() {
    let written = document(&crates());
    let path = root().join(DOCUMENT);
    if std::env::var_os(UPDATE_DOCS).is_some() {
        std::fs::write(&path, written).expect("writes");
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == written,
        "{DOCUMENT} is out of date: {UPDATE_DOCS}=1 cargo test --workspace --all-features --test passbook layers:: writes it"
    );
}
