use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc, watch};

use crate::harness::function_program;

/// A function's binary as a process, and the Runtime API from which it gets its events
/// (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).
pub struct FunctionProcess {
    process: Child,
    started_at: Instant,
    first_asked_at: watch::Receiver<Option<Instant>>,
    log: Arc<std::sync::Mutex<String>>,
    events: mpsc::Sender<(Value, DeadlineMs)>,
    answers: Mutex<mpsc::Receiver<Result<Value, Value>>>,
}

/// The deadline in milliseconds since 1970. `None` gives a time in the future, as AWS does.
type DeadlineMs = Option<i64>;

struct RuntimeApi {
    /// The time at which the function first asked for an event. Its start ends there.
    first_asked_at: watch::Sender<Option<Instant>>,
    events: Mutex<mpsc::Receiver<(Value, DeadlineMs)>>,
    /// The answers. An error is an error that the function reported.
    answers: mpsc::Sender<Result<Value, Value>>,
}

/// The id of every invocation. Lambda repeats an id if it delivers a request again.
pub const REQUEST_ID: &str = "invocation";

impl FunctionProcess {
    /// Starts the binary with this environment and no other.
    pub async fn start(function: &str, environment: &[&(&'static str, String)]) -> Self {
        let environment: Vec<_> = environment.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Self::start_with(function, &environment).await
    }

    /// Starts the binary with this environment and no other.
    pub async fn start_with(function: &str, environment: &[(String, String)]) -> Self {
        Self::start_and_find(None, function, environment).await
    }

    /// Starts the binary with an event that waits for it. [`answer`](Self::answer) gives the answer to that event.
    pub async fn start_for(event: Value, function: &str, environment: &[(String, String)]) -> Self {
        Self::start_and_find(Some(event), function, environment).await
    }

    async fn start_and_find(event: Option<Value>, function: &str, environment: &[(String, String)]) -> Self {
        let (events, waiting_events) = mpsc::channel(1);
        if let Some(event) = event {
            events.send((event, None)).await.expect("there is room for one");
        }
        let (answering, answers) = mpsc::channel(1);
        let (asking, first_asked_at) = watch::channel(None);
        let api =
            Arc::new(RuntimeApi { first_asked_at: asking, events: Mutex::new(waiting_events), answers: answering });
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
        command.kill_on_drop(true);
        let started_at = Instant::now();
        let mut process = command.spawn().expect("the function starts");
        let log: Arc<std::sync::Mutex<String>> = Arc::default();
        let (mut lines, written) = (BufReader::new(process.stderr.take().expect("piped")).lines(), log.clone());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let mut log = written.lock().expect("nobody panicked");
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self { process, started_at, first_asked_at, log, events, answers: Mutex::new(answers) }
    }

    /// The log so far, in lines.
    pub fn log(&self) -> String {
        self.log.lock().expect("nobody panicked").clone()
    }

    /// The time from the start of the process to its first request for an event.
    pub async fn time_to_first_request(&self) -> Duration {
        let mut first_asked_at = self.first_asked_at.clone();
        let asked = tokio::time::timeout(Duration::from_secs(30), first_asked_at.wait_for(Option::is_some));
        let asked_at = asked.await.expect("it asks in time").expect("the API is there").expect("waited for");
        asked_at - self.started_at
    }

    /// The time since the start of the process.
    pub fn age(&self) -> Duration {
        self.started_at.elapsed()
    }

    /// The most memory that the process has used so far, in KiB, as Linux counts it.
    pub fn peak_memory_kib(&self) -> u64 {
        let id = self.process.id().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("Linux tells of its processes");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        peak.trim().strip_suffix(" kB").expect("in KiB").parse().expect("a number")
    }

    /// Kills the process and waits until it is gone.
    pub async fn stop(mut self) {
        self.process.kill().await.expect("it runs");
    }

    /// Hands the process one event and waits for its answer.
    pub async fn invoke(&self, event: &Value) -> Value {
        self.try_invoke(event).await.unwrap_or_else(|error| panic!("the function failed: {error}"))
    }

    /// Hands the process one event and waits for its answer, or for the error that it reports.
    pub async fn try_invoke(&self, event: &Value) -> Result<Value, Value> {
        self.try_invoke_until(event, None).await
    }

    /// As [`try_invoke`](Self::try_invoke), with this deadline.
    pub async fn try_invoke_until(&self, event: &Value, deadline_ms: DeadlineMs) -> Result<Value, Value> {
        self.events.send((event.clone(), deadline_ms)).await.expect("the function asks");
        self.next_answer().await
    }

    /// Waits for the answer to the event with which the process was started.
    pub async fn answer(&self) -> Value {
        self.next_answer().await.unwrap_or_else(|error| panic!("the function failed: {error}"))
    }

    async fn next_answer(&self) -> Result<Value, Value> {
        let answer = tokio::time::timeout(Duration::from_secs(30), async { self.answers.lock().await.recv().await });
        let answer = answer.await.unwrap_or_else(|_| panic!("no answer in time; the log:\n{}", self.log()));
        answer.expect("an answer")
    }

    /// Runs the binary with this environment and no other, until it ends. Answers whether it succeeded, and its output.
    pub async fn run(function: &str, environment: &[(String, String)]) -> (bool, String) {
        let mut command = command(function);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        // No server listens there. The function must end before it would connect.
        command.env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9");
        let output = tokio::time::timeout(Duration::from_secs(30), command.kill_on_drop(true).output());
        let output = output.await.expect("it ends by itself").expect("it starts");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn command(function: &str) -> Command {
    let mut command = Command::new(function_program(function));
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
    let asked_at = Instant::now();
    api.first_asked_at.send_if_modified(|first| first.replace(first.unwrap_or(asked_at)).is_none());
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
    // The send fails if the test has ended.
    let _ = api.answers.send(answer).await;
    http::StatusCode::ACCEPTED
}

fn json_or_text(body: String) -> Value {
    serde_json::from_str(&body).unwrap_or(Value::String(body))
}
