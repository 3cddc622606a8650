//! Each function's own binary as a process behind the Lambda Runtime API, as Lambda runs it. The event comes as API
//! Gateway writes it, and the answer goes back as API Gateway reads it. The databases are the files that the URLs name.
//! The projector runs beside them in this process.

#[cfg(feature = "services")]
mod event_fixtures; // the events of tests/events/, on the real servers
#[cfg(feature = "services")]
mod function_pool; // several processes of one function, each with one event at a time
#[cfg(feature = "services")]
mod kills; // processes that die at any moment
#[cfg(feature = "services")]
mod relay_log; // the line that an alarm reads
mod restores; // asked for, done in parts, told of
mod router; // the routes of cargo lambda watch
mod runtime_api; // a stand-in for the Runtime API that Lambda gives a function
#[cfg(feature = "services")]
mod secret_settings; // functions that are given the ARNs of their secrets
#[cfg(feature = "services")]
mod whole_way; // HTTP to HTTP on the real servers, each hop a process

use passbook::Embedded;
use serde_json::{Value, json};

#[cfg(feature = "services")]
pub use event_fixtures::{RECIPIENT_S_KEY, event_fixture, headers_of};
#[cfg(feature = "services")]
pub use function_pool::FunctionPool;
pub use runtime_api::FunctionProcess;

/// An event of API Gateway's HTTP API, payload 2.0, with the claims that its authorizer hands on.
pub fn event(method: &str, path: &str, account_id: Option<&str>, headers: &Value, body: Option<&Value>) -> Value {
    let mut all_headers = json!({"host": "api.example.com", "content-type": "application/json"});
    for (name, value) in headers.as_object().into_iter().flatten() {
        all_headers[name] = value.clone();
    }
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": all_headers,
        "pathParameters": account_id.map_or_else(|| json!({}), |id| json!({ "id": id })),
        "requestContext": {
            "accountId": "123456789012", "apiId": "api", "domainName": "api.example.com", "domainPrefix": "api",
            "authorizer": {"jwt": {"claims": {"sub": "ann", "scope": "accounts:read accounts:write"}, "scopes": null}},
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test"},
            "requestId": "request", "routeKey": "$default", "stage": "$default",
            "time": "24/Nov/2026:13:06:22 +0000", "timeEpoch": 1_795_525_582_000_i64,
        },
        "body": body.map(Value::to_string),
        "isBase64Encoded": false,
    })
}

/// A function's answer: the status and the body. The body is a text if its media type is not JSON.
pub fn answer(response: &Value) -> (u64, Value) {
    let status = response["statusCode"].as_u64().unwrap_or_else(|| panic!("no status in {response}"));
    let body = match response["body"].as_str().filter(|body| !body.is_empty()) {
        Some(text) if response["headers"]["content-type"] == "application/yaml" => json!(text),
        Some(text) => serde_json::from_str(text).expect("JSON"),
        None => Value::Null,
    };
    (status, body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_function_answers_the_contract_from_its_own_binary() {
    let folder = tempfile::tempdir().expect("a folder");
    let embedded = Embedded::open(folder.path()).await.expect("an empty folder");
    let event_store = ("EVENT_STORE_URL", format!("sqlite://{}", folder.path().join("events.db").display()));
    let read_db = ("READ_DB_URL", format!("sqlite://{}", folder.path().join("read.db").display()));
    let open = FunctionProcess::start("open-account", &[&event_store]).await;
    let body = json!({"holder": "Ann Lee", "kind": "checking", "currency": "EUR", "opening_balance": "10"});
    let key = json!({"idempotency-key": "first"});
    let opening = event("POST", "/accounts", None, &key, Some(&body));
    let (status, opened) = answer(&open.invoke(&opening).await);
    assert_eq!((status, &opened["balance"]), (201, &json!("10.00")));
    let id = opened["account_id"].as_str().expect("an id");
    // The second invocation is warm, and is a retry.
    assert_eq!(answer(&open.invoke(&opening).await), (201, opened.clone()));

    let path = format!("/accounts/{id}");
    let amount = json!({"amount": "2.50"});
    for (function, sub_path, body, expected) in [
        ("deposit-funds", "/deposits", Some(&amount), (200, json!("12.50"))),
        ("withdraw-funds", "/withdrawals", Some(&json!({"amount": "12.5"})), (200, json!("0.00"))),
        ("close-account", "/close", None, (200, json!("0.00"))),
    ] {
        let process = FunctionProcess::start(function, &[&event_store]).await;
        let request = event("POST", &format!("{path}{sub_path}"), Some(id), &json!({}), body);
        let (status, answered) = answer(&process.invoke(&request).await);
        assert_eq!((status, answered["balance"].clone()), expected, "{function}: {answered}");
    }

    let wait = json!({"passbook-min-version": "4"});
    for (function, environment, path, id, member, expected) in [
        ("get-account", &read_db, path.clone(), Some(id), "/status", json!("closed")),
        ("list-accounts", &read_db, "/accounts".to_owned(), None, "/accounts/0/version", json!(4)),
        (
            "list-transactions",
            &read_db,
            format!("{path}/transactions"),
            Some(id),
            "/transactions/0/type",
            json!("withdrawal"),
        ),
        (
            "list-account-events",
            &event_store,
            format!("{path}/events"),
            Some(id),
            "/events/3/type",
            json!("AccountClosed"),
        ),
    ] {
        let process = FunctionProcess::start(function, &[environment]).await;
        let (status, answered) = answer(&process.invoke(&event("GET", &path, id, &wait, None)).await);
        assert_eq!((status, answered.pointer(member)), (200, Some(&expected)), "{function}: {answered}");
    }
    let as_of = FunctionProcess::start("get-account-as-of", &[&event_store]).await;
    let mut request = event("GET", &format!("{path}/as-of/2999-01-01T00:00:00Z"), Some(id), &json!({}), None);
    // The time may be percent-encoded or not, because gateways differ in decoding it.
    for time in ["2999-01-01T00:00:00Z", "2999-01-01T00%3A00%3A00%2B00%3A00"] {
        request["pathParameters"]["time"] = json!(time);
        let (status, answered) = answer(&as_of.invoke(&request).await);
        assert_eq!(
            (status, &answered["version"], &answered["status"]),
            (200, &json!(4), &json!("closed")),
            "{answered}"
        );
    }
    let health = FunctionProcess::start("health", &[&event_store, &read_db]).await;
    let (status, answered) = answer(&health.invoke(&event("GET", "/health", None, &json!({}), None)).await);
    assert_eq!((status, &answered["status"]), (200, &json!("ok")), "{answered}");
    embedded.close().await;
}

#[tokio::test]
async fn a_function_without_its_setting_says_which_and_does_not_start() {
    let (success, log) = FunctionProcess::run("get-account", &[]).await;
    assert!(!success && log.contains("READ_DB_URL"), "{log}");
    let (success, log) = FunctionProcess::run("open-account", &[]).await;
    assert!(!success && log.contains("EVENT_STORE_URL"), "{log}");
}
