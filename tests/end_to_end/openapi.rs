use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bank_http_api::ROUTES;
use http::Method;
use serde_json::Value;

use crate::harness::{OpenApi, Server, escape};

/// The members of a path that are operations (OpenAPI 3.1, "Path Item Object").
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// Every operation: method, path, and the operation itself.
fn operations() -> Vec<(Method, &'static str, &'static Value)> {
    let mut operations = Vec::new();
    for (path, item) in members(&OpenApi::get().document["paths"]) {
        for (method, operation) in members(item).filter(|(name, _)| METHODS.contains(&name.as_str())) {
            let method: Method = method.to_ascii_uppercase().parse().expect("a method");
            operations.push((method, path.as_str(), operation));
        }
    }
    operations
}

/// Visits every value of the document with the JSON pointer to it.
fn visit(pointer: &str, value: &'static Value, visitor: &mut impl FnMut(&str, &'static Value)) {
    visitor(pointer, value);
    match value {
        Value::Object(object) => {
            for (name, member) in object {
                visit(&format!("{pointer}/{}", escape(name)), member, visitor);
            }
        }
        Value::Array(array) => {
            for (place, item) in array.iter().enumerate() {
                visit(&format!("{pointer}/{place}"), item, visitor);
            }
        }
        _ => {}
    }
}

#[test]
fn the_document_and_the_gateway_have_the_same_operations() {
    let documented: BTreeSet<(String, &str, &str, bool)> = operations()
        .into_iter()
        .filter_map(|(method, path, operation)| {
            let function = operation["x-passbook-function"].as_str()?;
            let is_public = operation["security"].as_array().is_some_and(Vec::is_empty);
            Some((method.to_string(), path, function, is_public))
        })
        .collect();
    let served: BTreeSet<(String, &str, &str, bool)> =
        ROUTES.iter().map(|route| (route.method.to_string(), route.path, route.function, route.is_public)).collect();
    assert_eq!(documented, served);
    assert_eq!(served.len(), ROUTES.len(), "a route that is there twice");
    assert_eq!(documented.len(), operations().len(), "each operation has a function behind it");
}

#[test]
fn each_function_is_a_folder_and_each_folder_of_commands_or_queries_has_a_route() {
    let mut folders = BTreeMap::new();
    for kind in ["commands", "queries"] {
        for folder in repository().join("functions").join(kind).read_dir().expect("a folder") {
            let path = folder.expect("an entry").path();
            if path.join("Cargo.toml").is_file() {
                folders.insert(path.file_name().expect("a name").to_string_lossy().into_owned(), kind);
            }
        }
    }
    // Commands are what is posted.
    let routed: BTreeMap<String, &str> = ROUTES
        .iter()
        .map(|route| (route.function.to_owned(), if route.method == Method::POST { "commands" } else { "queries" }))
        .collect();
    assert_eq!(routed, folders);
}

#[test]
fn every_example_fits_its_schema() {
    let openapi = OpenApi::get();
    let mut count = 0;
    visit("", &openapi.document, &mut |pointer, value| {
        // A media type, parameter or header: what has a schema beside its examples.
        if value["schema"].is_null() || pointer.contains("/examples/") {
            return;
        }
        let mut examples: Vec<(String, &Value)> = Vec::new();
        if let Some(example) = value.get("example") {
            examples.push(("example".to_owned(), example));
        }
        for (name, example) in members(&value["examples"]) {
            let (_, example) = openapi.resolve("", example);
            let what = format!("examples/{name}");
            examples
                .push((what, example.get("value").unwrap_or_else(|| panic!("{pointer}/examples/{name}: no value"))));
        }
        for (name, example) in examples {
            openapi.check_schema(&format!("{pointer}/schema"), example, &format!("{pointer}/{name}"));
            count += 1;
        }
        if let Some(default) = value["schema"].get("default") {
            openapi.check_schema(&format!("{pointer}/schema"), default, &format!("{pointer}/schema/default"));
        }
    });
    assert!(count > 60, "only {count} examples were found");
}

/// A reader takes an example for what a real answer looks like.
#[test]
fn every_example_of_a_problem_tells_its_own_status_code_and_type() {
    let openapi = OpenApi::get();
    let mut codes = BTreeSet::new();
    for (method, path, operation) in operations() {
        for (status, response) in members(&operation["responses"]) {
            let (pointer, response) = openapi.resolve("", response);
            for (name, example) in members(&response["content"]["application/problem+json"]["examples"]) {
                let what = format!("{method} {path} {status} {pointer}: {name}");
                let (_, example) = openapi.resolve("", example);
                let problem = &example["value"];
                let code = problem["code"].as_str().expect("a code");
                assert_eq!(problem["status"].to_string(), *status, "{what}");
                assert_eq!(problem["type"], format!("https://passbook.example/problems/{code}"), "{what}");
                codes.insert(code);
            }
        }
    }
    assert!(codes.len() >= 15, "only {codes:?} were found");
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() {
    let document = &OpenApi::get().document;
    let mut references = 0;
    visit("", document, &mut |pointer, value| {
        let mapping = members(&value["discriminator"]["mapping"]).map(|(_, target)| target);
        for reference in value.get("$ref").into_iter().chain(mapping) {
            let target = reference.as_str().and_then(|reference| reference.strip_prefix('#'));
            let target = target.unwrap_or_else(|| panic!("{pointer}: {reference} is not within the document"));
            assert!(document.pointer(target).is_some(), "{pointer}: {reference} leads nowhere");
            references += 1;
        }
    });
    assert!(references > 100, "only {references} references were found");
    let mut names = BTreeSet::new();
    for (method, path, operation) in operations() {
        let name = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no operationId"));
        assert!(names.insert(name), "{name} is there twice");
    }
}

#[test]
fn every_parameter_of_a_path_is_declared_and_every_declared_one_is_in_the_path() {
    let openapi = OpenApi::get();
    for (method, path, operation) in operations() {
        let in_path: BTreeSet<&str> =
            path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')).collect();
        let of_path = &openapi.document["paths"][path]["parameters"];
        let mut declared = BTreeSet::new();
        let mut all = BTreeSet::new();
        for parameter in of_path.as_array().into_iter().chain(operation["parameters"].as_array()).flatten() {
            let (_, parameter) = openapi.resolve("", parameter);
            let (name, place) =
                (parameter["name"].as_str().expect("a name"), parameter["in"].as_str().expect("a place"));
            assert!(all.insert((place, name)), "{method} {path}: {name} is declared twice");
            if place == "path" {
                assert_eq!(parameter["required"], true, "{method} {path}: {name}");
                declared.insert(name);
            }
        }
        assert_eq!(declared, in_path, "{method} {path}");
    }
}

#[tokio::test]
async fn the_document_is_served_to_the_byte() {
    let server = Server::start();
    let client = server.client();
    let response = client.request(Method::GET, "/openapi.yaml").send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers().get("content-type").map(|value| value.as_bytes()), Some(&b"application/yaml"[..]));
    let served = response.bytes().await.expect("a body");
    let file = std::fs::read(repository().join("openapi.yaml")).expect("the file");
    assert!(served == file, "what is served is not the file: {} bytes, not {}", served.len(), file.len());
}
