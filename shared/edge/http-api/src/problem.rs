use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde::Serialize;

use crate::{CorrelationId, FieldError};

/// The media type of RFC 9457.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// Every refusal of the HTTP contract, by its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemCode {
    /// Not what the contract says a request is.
    MalformedRequest,
    /// No token, or none that counts.
    Unauthenticated,
    /// The token lacks a scope.
    Forbidden,
    /// No such account, or another caller's.
    AccountNotFound,
    /// No such path.
    NotFound,
    /// The path takes other methods.
    MethodNotAllowed,
    /// The client takes no JSON.
    NotAcceptable,
    /// The account takes no commands.
    AccountClosed,
    /// Lost every race.
    Conflict,
    /// The account is at another version.
    VersionMismatch,
    /// The body is too long.
    PayloadTooLarge,
    /// The body is not JSON by its own word.
    UnsupportedMediaType,
    /// Fields are wrong.
    ValidationFailed,
    /// More than the account holds.
    InsufficientFunds,
    /// Closing an account that holds money.
    BalanceNotZero,
    /// More than an account may hold.
    BalanceLimitExceeded,
    /// The key came with another request before.
    IdempotencyKeyReused,
    /// A defect, or damage.
    InternalError,
    /// The read side has not caught up.
    ProjectionBehind,
    /// A database cannot be reached.
    Unavailable,
}

impl ProblemCode {
    /// Code, status and title.
    const fn parts(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::MalformedRequest => ("malformed_request", StatusCode::BAD_REQUEST, "The request is malformed"),
            Self::Unauthenticated => ("unauthenticated", StatusCode::UNAUTHORIZED, "A valid token is needed"),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "The token does not allow this"),
            Self::AccountNotFound => ("account_not_found", StatusCode::NOT_FOUND, "There is no such account"),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND, "There is nothing here"),
            Self::MethodNotAllowed => {
                ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED, "The method is not allowed here")
            }
            Self::NotAcceptable => ("not_acceptable", StatusCode::NOT_ACCEPTABLE, "The answer is JSON only"),
            Self::AccountClosed => ("account_closed", StatusCode::CONFLICT, "The account is closed"),
            Self::Conflict => ("conflict", StatusCode::CONFLICT, "Other writers were first"),
            Self::VersionMismatch => {
                ("version_mismatch", StatusCode::PRECONDITION_FAILED, "The account is at another version")
            }
            Self::PayloadTooLarge => ("payload_too_large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::UnsupportedMediaType => {
                ("unsupported_media_type", StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body must be application/json")
            }
            Self::ValidationFailed => {
                ("validation_failed", StatusCode::UNPROCESSABLE_ENTITY, "Fields of the request are wrong")
            }
            Self::InsufficientFunds => {
                ("insufficient_funds", StatusCode::UNPROCESSABLE_ENTITY, "The account holds too little")
            }
            Self::BalanceNotZero => {
                ("balance_not_zero", StatusCode::UNPROCESSABLE_ENTITY, "The account still holds money")
            }
            Self::BalanceLimitExceeded => {
                ("balance_limit_exceeded", StatusCode::UNPROCESSABLE_ENTITY, "The account would hold too much")
            }
            Self::IdempotencyKeyReused => {
                ("idempotency_key_reused", StatusCode::UNPROCESSABLE_ENTITY, "The key was used for another request")
            }
            Self::InternalError => {
                ("internal_error", StatusCode::INTERNAL_SERVER_ERROR, "The request could not be handled")
            }
            Self::ProjectionBehind => {
                ("projection_behind", StatusCode::SERVICE_UNAVAILABLE, "The read side has not caught up yet")
            }
            Self::Unavailable => ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "The service is unavailable now"),
        }
    }

    /// The code as the client reads it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.parts().0
    }

    /// The status that goes with it.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.parts().1
    }
}

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
    /// With this code; `detail` is for the client's developer and must hold nothing that is not theirs.
    #[must_use]
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        let problem = Self { code, detail: detail.into(), errors: Vec::new(), headers: Vec::new() };
        match code {
            ProblemCode::Unauthenticated => {
                problem.with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
            }
            // Both pass within moments as a rule; a client that waits a second finds them gone.
            ProblemCode::ProjectionBehind | ProblemCode::Unavailable => {
                problem.with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
            }
            _ => problem,
        }
    }

    /// The request is not what the contract says.
    #[must_use]
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(ProblemCode::MalformedRequest, detail)
    }

    /// There is no such account, or it is another caller's: the same to the letter.
    #[must_use]
    pub fn account_not_found() -> Self {
        Self::new(ProblemCode::AccountNotFound, "No account of yours has this id.")
    }

    /// No route has this path.
    #[must_use]
    pub fn no_such_path(path: &str) -> Self {
        Self::new(ProblemCode::NotFound, format!("There is no {path}."))
    }

    /// The path has other methods, these. With `Allow` (RFC 9110, section 10.2.1), which names HEAD wherever there is GET.
    #[must_use]
    pub fn method_not_allowed<'a>(methods: impl IntoIterator<Item = &'a Method>) -> Self {
        let mut allowed: Vec<&str> = methods.into_iter().map(Method::as_str).collect();
        if allowed.contains(&Method::GET.as_str()) {
            allowed.push(Method::HEAD.as_str());
        }
        allowed.sort_unstable();
        let allowed = allowed.join(", ");
        let problem = Self::new(ProblemCode::MethodNotAllowed, format!("This path has the methods {allowed}."));
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
        Self { errors, ..Self::new(ProblemCode::ValidationFailed, detail) }
    }

    /// A defect or damage: logged whole where it happened, told to the client without a word of it.
    #[must_use]
    pub fn internal_error() -> Self {
        Self::new(
            ProblemCode::InternalError,
            "This is a defect of the service. It is in the logs under this answer's correlation id.",
        )
    }

    /// What the answer needs cannot be reached: logged whole where it happened, told to the client without a word of it.
    #[must_use]
    pub fn unavailable(error: &(dyn std::error::Error + 'static)) -> Self {
        crate::query_problem::log_fault(error);
        Self::new(ProblemCode::Unavailable, "The answer cannot be given now. Try again shortly.")
    }

    /// With one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Which refusal it is.
    #[must_use]
    pub const fn code(&self) -> ProblemCode {
        self.code
    }

    pub(crate) fn into_response(self, correlation_id: &CorrelationId) -> lambda_http::Response<lambda_http::Body> {
        let (code, status, title) = self.code.parts();
        let body = ProblemBody {
            r#type: format!("https://passbook.example/problems/{code}"),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            code,
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
