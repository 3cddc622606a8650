use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// The longest event: Lambda's own limit.
const MAX_PAYLOAD_BYTES: usize = 6_291_556;

/// A function in this process that takes an event and does not serve HTTP.
#[async_trait]
pub trait EventFunction: Send + Sync {
    /// Handles one event. An error is a failed invocation, as the Lambda runtime would report it.
    async fn invoke(&self, event: Value) -> Result<Value, Box<dyn std::error::Error + Send + Sync>>;
}

type Functions = BTreeMap<String, Arc<dyn EventFunction>>;

/// Lambda's Invoke API (<https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>) for functions in this process.
/// A caller then uses the same interface as on AWS. It listens on this machine only, because it checks no signature.
/// Dropping it ends the service.
pub struct InvokeApi {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl InvokeApi {
    /// Serves these functions by their names, on a free port.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn serve(
        functions: impl IntoIterator<Item = (String, Arc<dyn EventFunction>)>,
    ) -> Result<Self, std::io::Error> {
        let functions: Functions = functions.into_iter().collect();
        let router = Router::new()
            .route("/2015-03-31/functions/{name}/invocations", post(invoke))
            .with_state(Arc::new(functions));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the Invoke API has ended");
            }
        });
        Ok(Self { address, serving })
    }

    /// The URL for an [`InvokeClient`](super::InvokeClient).
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for InvokeApi {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn invoke(State(functions): State<Arc<Functions>>, Path(name): Path<String>, request: Request) -> Response {
    let invocation_type = request.headers().get("x-amz-invocation-type");
    if invocation_type.is_some_and(|value| value != "RequestResponse") {
        let message = "only the invocation type RequestResponse is served here";
        return refuse(StatusCode::BAD_REQUEST, "InvalidParameterValueException", message);
    }
    let Some(function) = functions.get(&name).cloned() else {
        let message = format!("Function not found: {name}");
        return refuse(StatusCode::NOT_FOUND, "ResourceNotFoundException", &message);
    };
    let Ok(body) = to_bytes(request.into_body(), MAX_PAYLOAD_BYTES).await else {
        let message =
            format!("Request must be smaller than {MAX_PAYLOAD_BYTES} bytes for the InvokeFunction operation");
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", &message);
    };
    let Ok(event) = event_of(&body) else {
        return refuse(StatusCode::BAD_REQUEST, "InvalidRequestContentException", "the event is not JSON");
    };
    // The function gets a task of its own. As on Lambda it runs to its end after the caller has gone, and its panic
    // ends only the task.
    match tokio::spawn(async move { function.invoke(event).await }).await {
        Ok(Ok(answer)) => answered(None, &answer),
        Ok(Err(error)) => failed("Error", &error.to_string()),
        // The panic hook has logged the panic.
        Err(_) => failed("Panic", "the function panicked"),
    }
}

/// An empty body is an empty event, as on Lambda.
fn event_of(body: &Bytes) -> Result<Value, serde_json::Error> {
    if body.is_empty() { Ok(json!({})) } else { serde_json::from_slice(body) }
}

fn failed(error_type: &str, error_message: &str) -> Response {
    answered(Some("Unhandled"), &json!({"errorType": error_type, "errorMessage": error_message}))
}

fn answered(function_error: Option<&'static str>, payload: &Value) -> Response {
    let mut response = (
        [
            ("content-type", "application/json".to_owned()),
            ("x-amz-executed-version", "$LATEST".to_owned()),
            ("x-amzn-requestid", Uuid::now_v7().to_string()),
        ],
        payload.to_string(),
    )
        .into_response();
    if let Some(kind) = function_error {
        response.headers_mut().insert("x-amz-function-error", http::HeaderValue::from_static(kind));
    }
    response
}

fn refuse(status: StatusCode, error_type: &'static str, message: &str) -> Response {
    let body = json!({"Type": "User", "Message": message}).to_string();
    (status, [("content-type", "application/json"), ("x-amzn-errortype", error_type)], body).into_response()
}
