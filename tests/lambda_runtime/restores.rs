//! A restore by its three functions, each in its own binary. It is requested, done in parts by a worker that has itself
//! invoked again, and its status is queried.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use http::StatusCode;
use passbook::Embedded;
use restore::{Lease, RestoreId, RestoreKind, RestoreLeases as _, RestoreRegister as _};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::runtime_api::{FunctionProcess, REQUEST_ID};
use super::{answer, event};

/// A replacement for Lambda: it takes invocations and answers at once. The receiver gets each invocation.
async fn lambda() -> (String, mpsc::Receiver<String>) {
    let (invoked, invocations) = mpsc::channel(100);
    let invoked = Arc::new(invoked);
    let app = Router::new().fallback(move |request: Request| {
        let invoked = invoked.clone();
        async move {
            let invocation_type = request.headers().get("x-amz-invocation-type").and_then(|value| value.to_str().ok());
            let line = format!("{} {}", invocation_type.unwrap_or("none"), request.uri().path());
            invoked.send(line).await.expect("the test listens");
            StatusCode::ACCEPTED
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, invocations)
}

/// The functions' settings: the folder's databases, and this replacement for Lambda.
fn environment(folder: &Path, endpoint: String) -> Vec<(String, String)> {
    [
        ("EVENT_STORE_URL", format!("sqlite://{}", folder.join("events.db").display())),
        ("READ_DB_URL", format!("sqlite://{}", folder.join("read.db").display())),
        ("AWS_REGION", "eu-central-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ("AWS_ENDPOINT_URL_LAMBDA", endpoint),
        ("RESTORE_WORKER_FUNCTION", "passbook-restore-worker".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

fn admin_event(method: &str, path: &str, id: Option<&str>, headers: &Value) -> Value {
    let mut event = event(method, path, id, headers, None);
    event["requestContext"]["authorizer"]["jwt"]["claims"]["scope"] = json!("admin");
    event
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_is_asked_for_done_by_the_worker_and_told_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let embedded = Embedded::open(folder.path()).await.expect("an empty folder");
    let (endpoint, mut invocations) = lambda().await;
    let environment = environment(folder.path(), endpoint);
    let open = FunctionProcess::start_with("open-account", &environment).await;
    let body = json!({"holder": "Ann Lee", "kind": "checking", "currency": "EUR", "opening_balance": "10"});
    assert_eq!(answer(&open.invoke(&event("POST", "/accounts", None, &json!({}), Some(&body))).await).0, 201);

    let path = "/admin/read-db/restore";
    let restore = FunctionProcess::start_with("restore-read-db", &environment).await;
    let get = FunctionProcess::start_with("get-restore", &environment).await;
    let (status, refused) = answer(&restore.invoke(&event("POST", path, None, &json!({}), None)).await);
    assert_eq!((status, &refused["code"]), (403, &json!("forbidden")));
    let first = admin_event("POST", path, None, &json!({"idempotency-key": "first"}));
    let response = restore.invoke(&first).await;
    let (status, begun) = answer(&response);
    let id = begun["restore_id"].as_str().expect("an id").to_owned();
    assert_eq!((status, &begun["status"]), (202, &json!("running")));
    let invoked = "Event /2015-03-31/functions/passbook-restore-worker/invocations";
    assert_eq!(invocations.recv().await.as_deref(), Some(invoked));
    // The same request again, and another request during the restore, begin nothing new.
    let replayed = restore.invoke(&first).await;
    assert_eq!(answer(&replayed), (202, begun));
    assert_eq!(replayed["headers"]["idempotency-replayed"], "true", "{replayed}");
    let other = admin_event("POST", path, None, &json!({"idempotency-key": "second"}));
    let (status, refused) = answer(&restore.invoke(&other).await);
    assert_eq!((status, &refused["code"]), (409, &json!("conflict")));
    assert!(refused["detail"].as_str().expect("a detail").contains(&id), "{refused}");

    let about = format!("{path}/{id}");
    let (status, running) = answer(&get.invoke(&admin_event("GET", &about, Some(&id), &json!({}))).await);
    let expected = json!({"restore_id": id, "status": "running", "events_replayed": 0, "events_total": 0});
    assert_eq!((status, running), (200, expected));
    let (status, refused) = answer(&get.invoke(&event("GET", &about, Some(&id), &json!({}), None)).await);
    assert_eq!((status, &refused["code"]), (403, &json!("forbidden")));

    let worker = FunctionProcess::start_with("restore-worker", &environment).await;
    let report = worker.invoke(&json!({})).await;
    assert_eq!(report, json!({"outcome": "succeeded", "restore_id": id}));
    let (_, done) = answer(&get.invoke(&admin_event("GET", &about, Some(&id), &json!({}))).await);
    let expected = json!({"restore_id": id, "status": "succeeded", "events_replayed": 1, "events_total": 1});
    assert_eq!(done, expected);
    assert_eq!(worker.invoke(&json!({})).await, json!({"outcome": "nothing_to_do", "restore_id": null}));
    // A finished restore does not block others, and the repeated request gets its first answer.
    assert_eq!(answer(&restore.invoke(&first).await).1["restore_id"], json!(id));
    assert_eq!(answer(&restore.invoke(&other).await).0, 202);
    let nobody = tokio::time::timeout(Duration::from_secs(5), invocations.recv()).await.expect("one for the second");
    assert_eq!(nobody.as_deref(), Some(invoked));
    embedded.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_delivered_twice_has_one_worker_and_one_without_a_deadline_gets_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let embedded = Embedded::open(folder.path()).await.expect("an empty folder");
    let (endpoint, _invocations) = lambda().await;
    let worker = FunctionProcess::start_with("restore-worker", &environment(folder.path(), endpoint)).await;
    let id = RestoreId::generate();
    embedded.read_db.request(id, RestoreKind::Rebuild, None).await.expect("records");
    // The first delivery holds the lease.
    let lease = Lease { holder: REQUEST_ID.to_owned(), duration: Duration::from_secs(60) };
    embedded.read_db.take_lease(&lease).await.expect("answers");
    assert_eq!(worker.invoke(&json!({})).await, json!({"outcome": "held_by_another", "restore_id": id.to_string()}));
    embedded.read_db.release_lease(id, &lease).await.expect("releases");
    // The deadline is the one that `cargo lambda watch` gives to every invocation: ten minutes after the beginning of
    // 1970.
    let report = worker.try_invoke_until(&json!({}), Some(600_000)).await.expect("answers");
    assert_eq!(report, json!({"outcome": "succeeded", "restore_id": id.to_string()}));
    embedded.close().await;
}
