use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures::FutureExt as _;
use http::header;
use lambda_http::{Body, Error, Request, RequestExt as _, Response, service_fn};
use tracing::Instrument as _;

use crate::accept::require_acceptable;
use crate::correlation_id::HEADER as CORRELATION_ID_HEADER;
use crate::{Answer, ApiRequest, CorrelationId, HttpFunction, Problem, ProblemCode};

/// The longest body that is read. The HTTP contract gives this number.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// Hands the function to the Lambda runtime, for ever.
///
/// # Errors
/// When the runtime API is gone. Then the process ends.
pub async fn run(function: impl HttpFunction) -> Result<(), Error> {
    let function = &function;
    lambda_http::run(service_fn(move |request: Request| async move { Ok::<_, Error>(serve(function, request).await) }))
        .await
}

/// Serves one request through one function, with the common parts of every request: a correlation id, a log line, the
/// limits of the contract, and an answer even when the function panics.
pub async fn serve(function: &dyn HttpFunction, request: Request) -> Response<Body> {
    let started_at = Instant::now();
    let correlation_id = CorrelationId::of(request.headers());
    let span = tracing::info_span!(
        "request",
        correlation_id = correlation_id.as_str(),
        method = %request.method(),
        path = request.raw_http_path(),
    );
    async {
        let request = ApiRequest::new(request, correlation_id.clone());
        let handled = AssertUnwindSafe(answer(function, &request)).catch_unwind().await;
        let result = handled.unwrap_or_else(|_panic| {
            // The panic hook has logged the panic's message and place, within this span.
            Err(Problem::internal_error())
        });
        let response = match result {
            Ok(answer) => with_correlation_id(answer.into_response(), &correlation_id),
            Err(problem) => render_problem(problem, &correlation_id),
        };
        let elapsed_us = u64::try_from(started_at.elapsed().as_micros()).unwrap_or(u64::MAX);
        let status = response.status().as_u16();
        tracing::info!(status, elapsed_us, "answered");
        response
    }
    .instrument(span)
    .await
}

async fn answer(function: &dyn HttpFunction, request: &ApiRequest) -> Result<Answer, Problem> {
    if request.body().len() > MAX_BODY_BYTES {
        return Err(Problem::new(
            ProblemCode::PAYLOAD_TOO_LARGE,
            format!("A body has at most {MAX_BODY_BYTES} bytes."),
        ));
    }
    if let Some(media_type) = function.media_type(request) {
        require_acceptable(request.headers(), media_type)?;
    }
    function.answer(request).await
}

/// Makes a response of a refusal. It is for the gateway's own refusals, which come from no function.
#[must_use]
pub fn render_problem(problem: Problem, correlation_id: &CorrelationId) -> Response<Body> {
    with_correlation_id(problem.into_response(correlation_id), correlation_id)
}

fn with_correlation_id(mut response: Response<Body>, correlation_id: &CorrelationId) -> Response<Body> {
    if let Ok(value) = correlation_id.as_str().parse() {
        response.headers_mut().insert(CORRELATION_ID_HEADER, value);
    }
    // An answer is for its caller alone, so no cache in between may keep it. `no-store` would also keep the caller from
    // asking again with If-None-Match.
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(http::HeaderValue::from_static("private, no-cache"));
    response
}
