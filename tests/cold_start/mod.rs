//! Measures how long a function takes from the start of its process to its first request for an event, and to its first
//! answer. It also measures the memory until then and the artifact's size. `make cold-start` runs it. A test here makes
//! sure that the README's table has every function.

#[cfg(feature = "services")]
mod events; // an event for each function, in an order in which each has work to do
mod machine; // makes the machine as similar to Lambda's as possible
#[cfg(feature = "services")]
mod measure; // the starts themselves, each beside a start of the floor
mod report; // target/cold-start.json, and the README's table

use std::collections::BTreeSet;

use report::Side;

use crate::harness::{MeasuredText, workspace_folder};

const README_S_TABLE: MeasuredText = MeasuredText { document: "README.md", written_by: "make cold-start" };

/// Every function of the workspace, by its side.
fn functions_of(side: Side) -> BTreeSet<String> {
    let folder = workspace_folder().join("functions").join(side.folder());
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect()
}

#[test]
fn the_readme_tells_of_every_function_s_cold_start_in_figures_or_that_it_was_not_measured() {
    let rows = README_S_TABLE.rows();
    let named: BTreeSet<String> = rows.iter().map(|row| row[0].clone()).collect();
    let mut expected: BTreeSet<String> = Side::ALL.into_iter().flat_map(functions_of).collect();
    expected.insert("floor".to_owned());
    assert_eq!((named, rows.len()), (expected.clone(), expected.len()));
    for row in rows {
        let figures: Vec<&String> = row.iter().skip(2).collect();
        let are_figures = figures.iter().all(|cell| cell.parse::<f64>().is_ok_and(|figure| figure > 0.0));
        // A function that came after the last measurement has no figures yet. The next measurement writes them.
        let is_not_measured = figures.iter().all(|cell| *cell == "not measured");
        assert!(figures.len() == 5 && (are_figures || is_not_measured), "{row:?}");
    }
}
