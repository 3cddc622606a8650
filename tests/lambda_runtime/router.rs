use std::collections::BTreeSet;

use bank_http_api::ROUTES;
use toml::{Table, Value};

use crate::harness::workspace_folder;

/// Every route of `cargo lambda watch`, as method, path and function.
fn watched_routes() -> BTreeSet<(String, String, String)> {
    let manifest = std::fs::read_to_string(workspace_folder().join("Cargo.toml")).expect("a file");
    let manifest: Table = manifest.parse().expect("TOML");
    let router = ["metadata", "lambda", "watch", "router"]
        .into_iter()
        .fold(&manifest["workspace"], |table, name| table.get(name).unwrap_or_else(|| panic!("no {name}")));
    let text = |value: &Value, name: &str| value[name].as_str().expect("text").to_owned();
    let mut routes = BTreeSet::new();
    for (path, functions) in router.as_table().expect("a table") {
        for function in functions.as_array().expect("a list, so that the methods are named") {
            routes.insert((text(function, "method"), path.clone(), text(function, "function")));
        }
    }
    routes
}

#[test]
fn cargo_lambda_watch_has_the_gateways_routes() {
    let gateways: BTreeSet<_> = ROUTES
        .iter()
        .map(|route| (route.method.to_string(), route.path.to_owned(), route.function.to_owned()))
        .collect();
    assert_eq!(watched_routes(), gateways);
}
