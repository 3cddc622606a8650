//! The events of `tests/events/`, one for each function, as AWS sends them. `make invoke` sends them to a function by
//! hand. Here each function's own binary gets its event, on the real servers.

use std::collections::BTreeSet;
use std::path::Path;

use api_description::OPENAPI_YAML;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cloud_events::{from_record, to_record};
use serde_json::{Value, json};

use super::answer;
use super::runtime_api::FunctionProcess;
use crate::harness::{ServersStack, workspace_folder};

/// The event of `tests/events/` for this function.
pub fn event_fixture(function: &str) -> Value {
    let path = workspace_folder().join(format!("tests/events/{function}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// The idempotency key with which the account is opened that the transfer of `transfer-funds.json` goes to. The account's
/// id in that event is derived from this key.
pub const RECIPIENT_S_KEY: &str = "recipient";

/// A record's headers as Lambda hands them on: an object for each header, with the value's bytes as numbers.
pub fn headers_of(record: &Value) -> Vec<(String, Vec<u8>)> {
    let headers = record["headers"].as_array().expect("headers").iter();
    headers
        .flat_map(|header| header.as_object().expect("an object").clone())
        .map(|(name, bytes)| (name, serde_json::from_value(bytes).expect("bytes")))
        .collect()
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
}

#[test]
fn every_function_has_its_event_and_every_event_its_function() {
    let workspace = workspace_folder();
    let functions: BTreeSet<String> = ["commands", "queries", "events"]
        .into_iter()
        .flat_map(|kind| names_in(&workspace.join("functions").join(kind)))
        .collect();
    assert_eq!(names_in(&workspace.join("tests/events")), functions);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_function_answers_its_event_on_the_real_servers() {
    let stack = tokio::task::spawn_blocking(ServersStack::new).await.expect("a stack");
    let environment = stack.environment();
    let answer_of = async |function: &str| {
        let process = FunctionProcess::start_with(function, &environment).await;
        process.invoke(&event_fixture(function)).await
    };
    let mut opening_of_the_recipient = event_fixture("open-account");
    opening_of_the_recipient["headers"]["idempotency-key"] = json!(RECIPIENT_S_KEY);
    let process = FunctionProcess::start_with("open-account", &environment).await;
    assert_eq!(answer(&process.invoke(&opening_of_the_recipient).await).0, 201);
    for (function, status, balance, account_status) in
        [("open-account", 201, "100.00", "active"), ("deposit-funds", 200, "125.50", "active")]
    {
        let (answered, body) = answer(&answer_of(function).await);
        assert_eq!(answered, status, "{function}: {body}");
        assert_eq!(
            (&body["balance"], &body["status"]),
            (&json!(balance), &json!(account_status)),
            "{function}: {body}"
        );
    }
    for (function, status, transfer_status, member, balance) in [
        ("transfer-funds", 201, "completed", "from_balance", "115.50"),
        ("reverse-transfer", 200, "reversed", "to_balance", "100.00"),
    ] {
        let (answered, body) = answer(&answer_of(function).await);
        assert_eq!(answered, status, "{function}: {body}");
        assert_eq!((&body["status"], &body[member]), (&json!(transfer_status), &json!(balance)), "{function}: {body}");
    }
    for (function, status, balance, account_status) in [
        ("withdraw-funds", 200, "0.00", "active"),
        ("close-account", 200, "0.00", "closed"),
        ("erase-holder", 200, "0.00", "closed"),
    ] {
        let (answered, body) = answer(&answer_of(function).await);
        assert_eq!(answered, status, "{function}: {body}");
        assert_eq!(
            (&body["balance"], &body["status"]),
            (&json!(balance), &json!(account_status)),
            "{function}: {body}"
        );
    }
    // The batch holds the first two of the account's seven events, and a transfer that is only on the bus.
    assert_eq!(answer_of("account-projector").await, json!({"batchItemFailures": []}));
    for (function, member, expected) in [
        ("get-account", "/balance", json!("125.50")),
        ("list-accounts", "/accounts/0/version", json!(2)),
        ("list-transactions", "/transactions/0/reference", json!("wages")),
        ("get-transfer", "/reference", json!("rent")),
        ("list-transfers", "/transfers/0/amount", json!("10.00")),
        ("list-account-events", "/events/6/type", json!("AccountHolderErased")),
        ("list-account-events", "/events/0/data/holder", json!("[erased]")),
        ("get-account-as-of", "/status", json!("closed")),
        ("health", "/status", json!("ok")),
        ("api-description", "", json!(OPENAPI_YAML)),
    ] {
        let (status, body) = answer(&answer_of(function).await);
        assert_eq!((status, body.pointer(member)), (200, Some(&expected)), "{function}: {body}");
    }
    // The two functions that invoke the worker get an address where no server listens. The recorded restore is found
    // nevertheless.
    let mut of_restores = environment.clone();
    of_restores.extend(
        [
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:9"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let restore = FunctionProcess::start_with("restore-read-db", &of_restores).await;
    let (status, begun) = answer(&restore.invoke(&event_fixture("restore-read-db")).await);
    assert_eq!((status, &begun["status"]), (202, &json!("running")), "{begun}");
    let worker = FunctionProcess::start_with("restore-worker", &of_restores).await;
    let report = worker.invoke(&event_fixture("restore-worker")).await;
    assert_eq!((&report["outcome"], &report["restore_id"]), (&json!("succeeded"), &begun["restore_id"]), "{report}");
    let (status, body) = answer(&answer_of("get-restore").await);
    let expected = json!({
        "restore_id": begun["restore_id"], "status": "succeeded", "events_replayed": 12, "events_total": 12,
    });
    assert_eq!((status, &body), (200, &expected));
    // The commands have published all twelve commits themselves. But their processes ended right after their answers, and
    // may have left marks. The relay looks at marks once they are old enough.
    let report = answer_of("event-relay").await;
    assert!(report["failed"] == json!(0) && report["delivered"].as_u64().is_some_and(|count| count <= 12), "{report}");
}

/// The event is one that API Gateway sends to its route `$default`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_no_route_is_for_is_answered_as_the_contract_says() {
    let process = FunctionProcess::start_with("api-description", &[]).await;
    for (method, path, accept, status, code) in [
        ("GET", "/nothing", "text/html", 404, "not_found"),
        ("GET", "/accounts/1/nothing", "*/*", 404, "not_found"),
        ("DELETE", "/accounts/1", "*/*", 405, "method_not_allowed"),
        ("POST", "/openapi.yaml", "*/*", 405, "method_not_allowed"),
        ("GET", "/openapi.yaml", "text/html", 406, "not_acceptable"),
    ] {
        let mut event = event_fixture("api-description");
        for (place, value) in [
            ("/routeKey", "$default"),
            ("/requestContext/routeKey", "$default"),
            ("/rawPath", path),
            ("/requestContext/http/path", path),
            ("/requestContext/http/method", method),
            ("/headers/accept", accept),
        ] {
            *event.pointer_mut(place).expect("it is there") = json!(value);
        }
        let response = process.invoke(&event).await;
        let (answered, body) = answer(&response);
        assert_eq!((answered, &body["code"]), (status, &json!(code)), "{method} {path}: {response}");
        assert_eq!(response["headers"]["content-type"], "application/problem+json", "{method} {path}");
        let allowed = (status == 405).then_some("GET, HEAD");
        assert_eq!(response["headers"]["allow"].as_str(), allowed, "{method} {path}");
    }
}

#[test]
fn the_projectors_event_holds_records_as_the_producer_writes_them() {
    let event = event_fixture("account-projector");
    let records = event["records"]
        .as_object()
        .expect("records")
        .values()
        .flat_map(|partition| partition.as_array().expect("an array").clone());
    let mut count = 0;
    for record in records {
        let headers = headers_of(&record);
        let value = STANDARD.decode(record["value"].as_str().expect("text")).expect("base64");
        let key = STANDARD.decode(record["key"].as_str().expect("text")).expect("base64");
        let header = |name: &str| headers.iter().find(|(header, _)| header == name).map(|(_, bytes)| bytes.as_slice());
        let written = to_record(&from_record(header, &value).expect("an event"));
        assert_eq!((written.key.as_bytes(), &written.value), (key.as_slice(), &value));
        let written: Vec<(String, Vec<u8>)> =
            written.headers.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())).collect();
        assert_eq!(written, headers);
        count += 1;
    }
    assert_eq!(count, 3);
}
