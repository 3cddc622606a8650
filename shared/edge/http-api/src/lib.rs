//! The HTTP edge, the same for a function behind API Gateway and on the local gateway. Requests and answers are
//! `lambda_http`'s types. All text is parsed here, or refused here. A domain has its own routes, bodies and refusals in
//! a crate of its own.

// --- running a function
mod http_function; // the interface of a function's library: one request in, one answer out
mod serve; // around each request: correlation id, log line, limits, panics

// --- reading a request
mod accept; // whether the client takes the media type of the answer
mod api_request; // path, query, headers, body of one request
mod caller; // the caller, and the rights of its token
mod command_headers; // Idempotency-Key, If-Match
mod correlation_id; // one id through logs, events and answers
mod cursor; // opaque page positions
mod entity_tag; // ETag, If-Match, If-None-Match
mod field_errors; // every wrong field, not only the first
mod json_body; // JSON objects, strictly
mod query_parameters; // known, once, well formed

// --- writing an answer
mod answer; // status, headers, JSON
mod problem; // RFC 9457
mod problem_code; // the kinds of refusal that every API has
mod query_problem; // the reason why a query has no answer

pub use accept::require_acceptable;
pub use answer::Answer;
pub use api_request::ApiRequest;
pub use caller::{Caller, Scope};
pub use correlation_id::CorrelationId;
pub use cursor::Cursor;
pub use entity_tag::version_entity_tag;
pub use field_errors::{FieldError, FieldErrors, WrongValue};
pub use http_function::HttpFunction;
pub use json_body::text_if_present;
pub use problem::Problem;
pub use problem_code::ProblemCode;
pub use query_parameters::{PageLimit, QueryParameters};
pub use query_problem::{log_fault, query_problem};
pub use serve::{MAX_BODY_BYTES, render_problem, run, serve};
