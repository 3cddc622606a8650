use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde::Serialize;

use crate::{CorrelationId, FieldError, ProblemCode};

/// The media type of RFC 9457.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// A refusal on its way to the client as `application/problem+json` (RFC 9457).
#[derive(Debug, Clone)]
pub struct Problem {
    code: ProblemCode,
    detail: String,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

#[derive(Serialize)]
struct ProblemBody<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    correlation_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

impl Problem {
    /// A refusal with this code, and with the header that belongs to its status. `detail` is for the client's
    /// developer, and may hold only the client's own data.
    #[must_use]
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        let problem = Self { code, detail: detail.into(), errors: Vec::new(), headers: Vec::new() };
        match code.status {
            StatusCode::UNAUTHORIZED => {
                problem.with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
            }
            // A service is usually unavailable only for moments.
            StatusCode::SERVICE_UNAVAILABLE => problem.with_header(header::RETRY_AFTER, HeaderValue::from_static("1")),
            _ => problem,
        }
    }

    /// The request does not follow the contract.
    #[must_use]
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(ProblemCode::MALFORMED_REQUEST, detail)
    }

    /// No route has this path.
    #[must_use]
    pub fn no_such_path(path: &str) -> Self {
        Self::new(ProblemCode::NOT_FOUND, format!("There is no {path}."))
    }

    /// The path has other methods, which are given. The answer has `Allow` (RFC 9110, section 10.2.1), which also names
    /// HEAD if there is GET.
    #[must_use]
    pub fn method_not_allowed<'a>(methods: impl IntoIterator<Item = &'a Method>) -> Self {
        let mut allowed: Vec<&str> = methods.into_iter().map(Method::as_str).collect();
        if allowed.contains(&Method::GET.as_str()) {
            allowed.push(Method::HEAD.as_str());
        }
        allowed.sort_unstable();
        let allowed = allowed.join(", ");
        let problem = Self::new(ProblemCode::METHOD_NOT_ALLOWED, format!("This path has the methods {allowed}."));
        match HeaderValue::from_str(&allowed) {
            Ok(value) => problem.with_header(header::ALLOW, value),
            Err(_) => problem,
        }
    }

    /// These fields are wrong.
    #[must_use]
    pub fn validation_failed(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [_] => "1 field is wrong; see errors.".to_owned(),
            more => format!("{} fields are wrong; see errors.", more.len()),
        };
        Self { errors, ..Self::new(ProblemCode::VALIDATION_FAILED, detail) }
    }

    /// A defect or damage. It is logged completely where it happened, and the client is told none of it.
    #[must_use]
    pub fn internal_error() -> Self {
        Self::new(
            ProblemCode::INTERNAL_ERROR,
            "This is a defect of the service. It is in the logs under this answer's correlation id.",
        )
    }

    /// The refusal with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The kind of refusal.
    #[must_use]
    pub const fn code(&self) -> ProblemCode {
        self.code
    }

    pub(crate) fn into_response(self, correlation_id: &CorrelationId) -> lambda_http::Response<lambda_http::Body> {
        let ProblemCode { name, status, title } = self.code;
        let body = ProblemBody {
            r#type: format!("https://passbook.example/problems/{name}"),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            code: name,
            correlation_id: correlation_id.as_str(),
            errors: &self.errors,
        };
        let text = serde_json::to_string(&body).expect("texts and integers are plain JSON");
        let mut response = lambda_http::Response::new(lambda_http::Body::Text(text));
        *response.status_mut() = status;
        response.headers_mut().extend(self.headers);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        response
    }
}
