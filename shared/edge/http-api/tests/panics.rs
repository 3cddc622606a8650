//! Tests of a function that panics: the client's answer and the log.

use std::io::Write;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http_api::{Answer, ApiRequest, HttpFunction, Problem, serve};
use serde_json::{Value, json};
use telemetry::Format;

/// A function that panics as a defect would, in one of several ways. Its message is a text that must stay secret.
struct Panics {
    how: fn(),
    waits_first: bool,
}

#[async_trait]
impl HttpFunction for Panics {
    async fn answer(&self, _request: &ApiRequest) -> Result<Answer, Problem> {
        if self.waits_first {
            tokio::task::yield_now().await;
        }
        (self.how)();
        Err(Problem::no_such_path("/accounts"))
    }
}

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no writer panics").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn lines(&self) -> Vec<Value> {
        let bytes = self.0.lock().expect("no writer panics").clone();
        let text = String::from_utf8(bytes).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }
}

/// The event that API Gateway makes of a request.
fn request(correlation_id: &str) -> lambda_http::Request {
    let event = json!({
        "version": "2.0",
        "routeKey": "GET /accounts",
        "rawPath": "/accounts",
        "rawQueryString": "",
        "headers": { "x-correlation-id": correlation_id },
        "requestContext": {
            "accountId": "a",
            "apiId": "a",
            "domainName": "localhost",
            "http": { "method": "GET", "path": "/accounts", "protocol": "HTTP/1.1", "sourceIp": "::1", "userAgent": "" },
            "requestId": "a",
            "routeKey": "GET /accounts",
            "stage": "$default",
            "time": "",
            "timeEpoch": 0,
        },
        "isBase64Encoded": false,
    });
    lambda_http::request::from_str(&event.to_string()).expect("an event")
}

/// This test is alone in its binary, because the panic hook belongs to the whole process.
#[tokio::test]
async fn a_panic_is_500_without_a_word_of_it_and_a_log_line_under_the_answers_correlation_id() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = telemetry::subscriber(Format::Json, telemetry::default_filter(), move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber);

    let ways: [(fn(), &str); 4] = [
        (|| panic!("the vault's code is 4711"), "the vault's code is 4711"),
        (|| panic!("the vault's code is {}", 47 * 100 + 11), "the vault's code is 4711"),
        (
            || drop("x".parse::<u8>().map(|_| String::new()).expect("4711")),
            "4711: ParseIntError { kind: InvalidDigit }",
        ),
        (|| std::panic::panic_any(4711), "(no text)"),
    ];
    for (number, (how, message)) in ways.into_iter().enumerate() {
        for waits_first in [false, true] {
            let correlation_id = format!("request-{number}-{waits_first}");
            telemetry::log_panics();
            let response = serve(&Panics { how, waits_first }, request(&correlation_id)).await;
            // Failures below must show on the terminal.
            drop(std::panic::take_hook());

            assert_eq!(response.status(), 500);
            let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
            assert_eq!(header("content-type"), Some("application/problem+json"));
            assert_eq!(header("x-correlation-id"), Some(correlation_id.as_str()));
            let lambda_http::Body::Text(text) = response.body() else { panic!("no text: {:?}", response.body()) };
            for secret in ["4711", "vault", "opens", "panic", ".rs"] {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
            let body: Value = serde_json::from_str(text).expect("JSON");
            assert_eq!((&body["code"], &body["status"]), (&json!("internal_error"), &json!(500)));
            assert_eq!(body["correlation_id"], *correlation_id);

            let lines = log.lines();
            let of_request: Vec<&Value> =
                lines.iter().filter(|line| line["span"]["correlation_id"] == *correlation_id).collect();
            let [panic, answered] = of_request.as_slice() else { panic!("not two lines: {lines:#?}") };
            assert_eq!((&panic["level"], &panic["message"]), (&json!("ERROR"), &json!("panic")));
            assert_eq!(panic["reason"], message);
            assert!(panic["location"].as_str().is_some_and(|place| place.contains(".rs:")), "{panic}");
            assert_eq!((&answered["message"], &answered["status"]), (&json!("answered"), &json!(500)));
        }
    }
}
