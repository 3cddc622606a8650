//! How long a function takes from the start of its process until it asks for an event, and until it has answered its first;
//! how much memory that takes, and how large its artifact is. `make cold-start` measures it; here is also what holds the
//! README's table to be of every function.

#[cfg(feature = "services")]
mod events; // an event for each function, in an order in which each has something to do
#[cfg(feature = "services")]
mod measure; // the starts themselves, each beside one of the floor
mod report; // target/cold-start.json, and the README's table

use std::collections::BTreeSet;

use report::{Side, TABLE_BEGINS, TABLE_ENDS};

use crate::harness::workspace_folder;

/// Every function of the workspace, by its side.
fn functions_of(side: Side) -> BTreeSet<String> {
    let folder = workspace_folder().join("functions").join(side.folder());
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect()
}

/// The cells of each row of the README's table, without what marks them up.
fn readmes_rows() -> Vec<Vec<String>> {
    let readme = std::fs::read_to_string(workspace_folder().join("README.md")).expect("a file");
    let (_, behind) = readme.split_once(TABLE_BEGINS).expect("where the table begins");
    let (table, _) = behind.split_once(TABLE_ENDS).expect("where it ends");
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(2);
    let cell = |cell: &str| cell.trim().trim_matches('*').to_owned();
    rows.map(|row| row.trim_matches('|').split('|').map(cell).collect()).collect()
}

#[test]
fn the_readme_tells_of_every_function_s_cold_start_in_figures() {
    let rows = readmes_rows();
    let named: BTreeSet<String> = rows.iter().map(|row| row[0].clone()).collect();
    let mut expected: BTreeSet<String> = Side::ALL.into_iter().flat_map(functions_of).collect();
    expected.insert("floor".to_owned());
    assert_eq!((named, rows.len()), (expected.clone(), expected.len()));
    for row in rows {
        let figures: Vec<&String> = row.iter().skip(2).collect();
        assert!(figures.len() == 5 && figures.iter().all(|cell| cell.parse::<f64>().is_ok_and(|f| f > 0.0)), "{row:?}");
    }
}
