use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde::Deserialize;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const FUNCTION_ERROR_HEADER: &str = "x-amz-function-error";
const REQUEST_ID_HEADER: &str = "x-amzn-requestid";

/// Calls functions through Lambda's Invoke API (<https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>) and waits for
/// their answers. `cargo lambda watch` and [`InvokeApi`](super::InvokeApi) serve that API on a person's machine, where calls need
/// no signature.
#[derive(Debug, Clone)]
pub struct InvokeClient {
    http: Client,
    base_url: String,
    timeout: Duration,
}

/// A function's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The function's result, as JSON.
    pub payload: Vec<u8>,
}

/// The reason why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// The function ran and failed. Handling: its log says more; the event may be tried again.
    #[error("the function failed ({kind}): {error_type}: {error_message}")]
    Function {
        /// `Unhandled` or `Handled`.
        kind: String,
        /// The kind of error.
        error_type: String,
        /// The function's own message.
        error_message: String,
    },
    /// The function did not answer in time. It may still run. Handling: as for a function that failed.
    #[error("the function did not answer within {timeout:?}")]
    TimedOut {
        /// The time that the client waited.
        timeout: Duration,
    },
    /// The API did not invoke the function: no function has that name, the function is busy, or the event is too large.
    /// Handling: follow the status. 429 and 5xx pass by themselves.
    #[error("the Invoke API answered {status}: {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The body of the answer.
        message: String,
    },
    /// No connection was made, or it broke off. Handling: try again. The function may have run.
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
    /// A client for the functions behind `base_url`, such as `http://127.0.0.1:9000`. Each invocation must answer
    /// within `timeout`.
    #[must_use]
    pub fn new(base_url: &str, timeout: Duration) -> Self {
        // Building a client fails only over TLS or a proxy, and this client has neither.
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
        // `cargo lambda watch` reports a failed function by this status and the function's own message, without the
        // header.
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
