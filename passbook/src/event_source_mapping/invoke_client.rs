use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde::Deserialize;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const FUNCTION_ERROR_HEADER: &str = "x-amz-function-error";
const REQUEST_ID_HEADER: &str = "x-amzn-requestid";

/// Calls functions through Lambda's Invoke API (<https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>) and waits for
/// their answers, as it is served by `cargo lambda watch` and by [`InvokeApi`](super::InvokeApi). Without AWS's
/// signatures: for a person's machine.
#[derive(Debug, Clone)]
pub struct InvokeClient {
    http: Client,
    base_url: String,
    timeout: Duration,
}

/// A function's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// What the function returned: JSON.
    pub payload: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// The function ran and failed. Handling: its log says more; the event may be tried again.
    #[error("the function failed ({kind}): {error_type}: {error_message}")]
    Function {
        /// `Unhandled` or `Handled`.
        kind: String,
        /// The kind of error.
        error_type: String,
        /// The function's own words.
        error_message: String,
    },
    /// The function did not answer in time; it may run still. Handling: as if it had failed.
    #[error("the function did not answer within {timeout:?}")]
    TimedOut {
        /// How long it was waited for.
        timeout: Duration,
    },
    /// The API did not invoke the function: there is none of that name, it is busy, the event is too large. Handling: by
    /// the status; 429 and 5xx pass.
    #[error("the Invoke API answered {status}: {message}")]
    Refused {
        /// Of HTTP.
        status: u16,
        /// What it said.
        message: String,
    },
    /// Nobody is there, or the connection broke off. Handling: try again; the function may have run.
    #[error("the Invoke API cannot be reached")]
    Unreachable(#[source] reqwest::Error),
}

/// The answer of a function that failed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody {
    error_type: String,
    error_message: String,
}

impl InvokeClient {
    /// For the functions behind `base_url`, `http://127.0.0.1:9000`; each has `timeout` to answer.
    #[must_use]
    pub fn new(base_url: &str, timeout: Duration) -> Self {
        // With no TLS and no proxy to set up there is nothing in it that can fail.
        let http = Client::builder().connect_timeout(CONNECT_TIMEOUT).build().unwrap_or_default();
        Self { http, base_url: base_url.trim_end_matches('/').to_owned(), timeout }
    }

    /// Invokes a function with an event, which is JSON, and waits for its answer.
    ///
    /// # Errors
    /// See [`InvokeError`].
    pub async fn invoke(&self, function_name: &str, event: Vec<u8>) -> Result<Invocation, InvokeError> {
        let url = format!("{}/2015-03-31/functions/{function_name}/invocations", self.base_url);
        let request = self.http.post(url).header("content-type", "application/json");
        let request = request.header("x-amz-invocation-type", "RequestResponse").timeout(self.timeout);
        let failed = |error: reqwest::Error| {
            if error.is_timeout() && !error.is_connect() {
                InvokeError::TimedOut { timeout: self.timeout }
            } else {
                InvokeError::Unreachable(error)
            }
        };
        let response = request.body(event).send().await.map_err(failed)?;
        let status = response.status();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        let function_error = header(FUNCTION_ERROR_HEADER);
        tracing::debug!(function_name, request_id = header(REQUEST_ID_HEADER), %status, "invoked");
        let payload = response.bytes().await.map_err(failed)?.to_vec();
        if let Some(kind) = function_error {
            return Err(function_error_of(kind, &payload));
        }
        // `cargo lambda watch` tells of a failed function by this status and the function's own words, without the header.
        if status == StatusCode::INTERNAL_SERVER_ERROR && serde_json::from_slice::<ErrorBody>(&payload).is_ok() {
            return Err(function_error_of("Unhandled".to_owned(), &payload));
        }
        if status != StatusCode::OK {
            let message = String::from_utf8_lossy(&payload).into_owned();
            return Err(InvokeError::Refused { status: status.as_u16(), message });
        }
        Ok(Invocation { payload })
    }
}

fn function_error_of(kind: String, payload: &[u8]) -> InvokeError {
    let body: ErrorBody = serde_json::from_slice(payload).unwrap_or_else(|_| ErrorBody {
        error_type: String::new(),
        error_message: String::from_utf8_lossy(payload).into_owned(),
    });
    InvokeError::Function { kind, error_type: body.error_type, error_message: body.error_message }
}
