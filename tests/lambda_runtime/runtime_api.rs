use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};

use crate::harness::program;

/// A function's binary as a process, and the Runtime API that it asks for events
/// (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).
pub struct FunctionProcess {
    _process: Child,
    log: Arc<std::sync::Mutex<String>>,
    events: mpsc::Sender<(Value, DeadlineMs)>,
    answers: Mutex<mpsc::Receiver<Result<Value, Value>>>,
}

/// In milliseconds since 1970, or what AWS gives: a time to come.
type DeadlineMs = Option<i64>;

struct RuntimeApi {
    events: Mutex<mpsc::Receiver<(Value, DeadlineMs)>>,
    /// An error is what the function reported as one.
    answers: mpsc::Sender<Result<Value, Value>>,
}

/// Of every invocation: Lambda repeats one where it delivers a request again.
pub const REQUEST_ID: &str = "invocation";

impl FunctionProcess {
    /// Starts the binary with this environment and no other.
    pub async fn start(function: &str, environment: &[&(&'static str, String)]) -> Self {
        let environment: Vec<_> = environment.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Self::start_with(function, &environment).await
    }

    /// Starts the binary with this environment and no other.
    pub async fn start_with(function: &str, environment: &[(String, String)]) -> Self {
        let (events, waiting_events) = mpsc::channel(1);
        let (answering, answers) = mpsc::channel(1);
        let api = Arc::new(RuntimeApi { events: Mutex::new(waiting_events), answers: answering });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .with_state(api);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut command = command(function);
        command.env("AWS_LAMBDA_RUNTIME_API", address.to_string());
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let mut process = command.kill_on_drop(true).spawn().expect("the function starts");
        let log: Arc<std::sync::Mutex<String>> = Arc::default();
        let (mut lines, written) = (BufReader::new(process.stderr.take().expect("piped")).lines(), log.clone());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let mut log = written.lock().expect("nobody panicked");
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self { _process: process, log, events, answers: Mutex::new(answers) }
    }

    /// What it has logged by now, a line each.
    pub fn log(&self) -> String {
        self.log.lock().expect("nobody panicked").clone()
    }

    /// Hands it one event and waits for its answer.
    pub async fn invoke(&self, event: &Value) -> Value {
        self.try_invoke(event).await.unwrap_or_else(|error| panic!("the function failed: {error}"))
    }

    /// Hands it one event and waits for its answer, or for the error that it reports.
    pub async fn try_invoke(&self, event: &Value) -> Result<Value, Value> {
        self.try_invoke_until(event, None).await
    }

    /// The same with this deadline.
    pub async fn try_invoke_until(&self, event: &Value, deadline_ms: DeadlineMs) -> Result<Value, Value> {
        self.events.send((event.clone(), deadline_ms)).await.expect("the function asks");
        let answer = tokio::time::timeout(Duration::from_secs(30), async { self.answers.lock().await.recv().await });
        let answer = answer.await.unwrap_or_else(|_| panic!("no answer in time; the log:\n{}", self.log()));
        answer.expect("an answer")
    }

    /// Runs the binary with this environment and no other, until it ends: whether well, and what it said.
    pub async fn run(function: &str, environment: &[(String, String)]) -> (bool, String) {
        let mut command = command(function);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        // Nobody listens there; the function is not to come so far.
        command.env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9");
        let output = tokio::time::timeout(Duration::from_secs(30), command.kill_on_drop(true).output());
        let output = output.await.expect("it ends by itself").expect("it starts");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn command(function: &str) -> Command {
    let mut command = Command::new(program(function));
    command
        .env_clear()
        .env("AWS_LAMBDA_FUNCTION_NAME", function)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", "log")
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "log")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

async fn next(State(api): State<Arc<RuntimeApi>>) -> Response {
    match api.events.lock().await.recv().await {
        Some((event, deadline_ms)) => {
            let in_a_minute = cqrs::Timestamp::now().unix_millis() + 60_000;
            let deadline_ms = deadline_ms.unwrap_or(in_a_minute);
            let headers = [
                ("lambda-runtime-aws-request-id", REQUEST_ID.to_owned()),
                ("lambda-runtime-deadline-ms", deadline_ms.to_string()),
                (
                    "lambda-runtime-invoked-function-arn",
                    "arn:aws:lambda:eu-central-1:123456789012:function:f".to_owned(),
                ),
                ("content-type", "application/json".to_owned()),
            ];
            (headers, event.to_string()).into_response()
        }
        None => std::future::pending().await,
    }
}

async fn response(State(api): State<Arc<RuntimeApi>>, Path(_id): Path<String>, body: String) -> http::StatusCode {
    answer(&api, Ok(json_or_text(body))).await
}

async fn error(State(api): State<Arc<RuntimeApi>>, Path(_id): Path<String>, body: String) -> http::StatusCode {
    answer(&api, Err(json_or_text(body))).await
}

async fn answer(api: &RuntimeApi, answer: Result<Value, Value>) -> http::StatusCode {
    // The test may have ended.
    let _ = api.answers.send(answer).await;
    http::StatusCode::ACCEPTED
}

fn json_or_text(body: String) -> Value {
    serde_json::from_str(&body).unwrap_or(Value::String(body))
}
