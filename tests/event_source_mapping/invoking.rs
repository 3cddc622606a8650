use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::routing::post;
use local_aws::{EventFunction, InvokeApi, InvokeClient, InvokeError, Schedule};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::harness::eventually;

/// A function that does as the event says.
#[derive(Default)]
struct Obedient {
    running: AtomicUsize,
    most_at_once: AtomicUsize,
    invocations: AtomicUsize,
}

#[async_trait]
impl EventFunction for Obedient {
    async fn invoke(&self, event: Value) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        self.invocations.fetch_add(1, Ordering::SeqCst);
        match event["do"].as_str() {
            Some("fail") => Err("told to fail".into()),
            Some("panic") => panic!("told to panic"),
            Some("sleep") => {
                tokio::time::sleep(Duration::from_secs(30)).await;
                Ok(Value::Null)
            }
            // The event comes from a schedule. The function takes longer than the schedule's pause, and fails every
            // second time.
            None if event["source"] == "aws.scheduler" => {
                let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
                self.most_at_once.fetch_max(running, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(30)).await;
                self.running.fetch_sub(1, Ordering::SeqCst);
                let is_even = self.invocations.load(Ordering::SeqCst).is_multiple_of(2);
                if is_even { Err("every second time".into()) } else { Ok(Value::Null) }
            }
            _ => Ok(json!({ "got": event })),
        }
    }
}

async fn served() -> (Arc<Obedient>, InvokeApi, InvokeClient) {
    let function = Arc::new(Obedient::default());
    let api = InvokeApi::serve([("obedient".to_owned(), function.clone() as Arc<dyn EventFunction>)]).await;
    let api = api.expect("a port");
    let client = InvokeClient::new(&api.base_url(), Duration::from_millis(500));
    (function, api, client)
}

#[tokio::test]
async fn an_event_is_answered() {
    let (_, _api, client) = served().await;
    let answer = client.invoke("obedient", br#"{"a":1}"#.to_vec()).await.expect("answers");
    assert_eq!(serde_json::from_slice::<Value>(&answer.payload).expect("JSON"), json!({"got": {"a": 1}}));
}

#[tokio::test]
async fn a_function_that_fails_or_panics_is_told_from_one_that_was_not_invoked() {
    let (function, _api, client) = served().await;
    let invoke = async |name: &str, event: Vec<u8>| client.invoke(name, event).await.expect_err("fails");
    let failed = invoke("obedient", br#"{"do":"fail"}"#.to_vec()).await;
    assert!(
        matches!(&failed, InvokeError::Function { kind, error_message, .. } if kind == "Unhandled" && error_message == "told to fail"),
        "{failed:?}"
    );
    let panicked = invoke("obedient", br#"{"do":"panic"}"#.to_vec()).await;
    assert!(matches!(&panicked, InvokeError::Function { error_type, .. } if error_type == "Panic"), "{panicked:?}");
    let silent = invoke("obedient", br#"{"do":"sleep"}"#.to_vec()).await;
    assert!(matches!(silent, InvokeError::TimedOut { .. }), "{silent:?}");
    let invoked = function.invocations.load(Ordering::SeqCst);
    for (name, event, expected) in [
        ("nobody", b"{}".to_vec(), 404),
        ("obedient", b"{".to_vec(), 400),
        ("obedient", format!("\"{}\"", "x".repeat(6_300_000)).into_bytes(), 413),
    ] {
        let refused = invoke(name, event).await;
        assert!(matches!(refused, InvokeError::Refused { status, .. } if status == expected), "{refused:?}");
    }
    assert_eq!(function.invocations.load(Ordering::SeqCst), invoked);
}

#[tokio::test]
async fn a_failed_function_behind_cargo_lambda_watch_is_told_from_a_server_that_fails() {
    let answers = [
        (r#"{"errorType":"E","errorMessage":"told to fail"}"#, true),
        (r#"{"Type":"Service","Message":"an internal error"}"#, false),
        ("", false),
    ];
    for (body, is_the_functions) in answers {
        let answer = move || async move { (http::StatusCode::INTERNAL_SERVER_ERROR, body) };
        let router = Router::new().route("/2015-03-31/functions/{name}/invocations", post(answer));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = InvokeClient::new(&url, Duration::from_secs(5));
        let error = client.invoke("function", b"{}".to_vec()).await.expect_err("fails");
        match &error {
            InvokeError::Function { error_message, .. } => {
                assert!(is_the_functions && error_message == "told to fail", "{error:?}");
            }
            InvokeError::Refused { status, .. } => assert!(!is_the_functions && *status == 500, "{error:?}"),
            _ => panic!("{error:?}"),
        }
    }
}

#[tokio::test]
async fn where_nobody_listens_nobody_is_reached() {
    let client = InvokeClient::new("http://127.0.0.1:9/", Duration::from_secs(5));
    let error = client.invoke("obedient", b"{}".to_vec()).await.expect_err("there is nobody");
    assert!(matches!(error, InvokeError::Unreachable(_)), "{error:?}");
}

#[tokio::test]
async fn a_schedule_invokes_again_and_again_never_twice_at_once_and_after_failures_too() {
    let (function, _api, client) = served().await;
    let schedule =
        Schedule { name: "relay".to_owned(), function_name: "obedient".to_owned(), every: Duration::from_millis(10) };
    let enough =
        eventually("five invocations", async || (function.invocations.load(Ordering::SeqCst) >= 5).then_some(()));
    schedule.run(&client, enough).await;
    assert_eq!(function.most_at_once.load(Ordering::SeqCst), 1);
}
