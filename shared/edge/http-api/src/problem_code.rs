use http::StatusCode;

/// A kind of refusal. The general kinds are constants here. A domain declares its own kinds as constants in a crate of its
/// own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProblemCode {
    /// The `code` of the answer, for programs. It also ends the answer's `type`.
    pub name: &'static str,
    /// The HTTP status of the answer.
    pub status: StatusCode,
    /// The kind in a few words, for people.
    pub title: &'static str,
}

impl ProblemCode {
    /// The request breaks the contract.
    pub const MALFORMED_REQUEST: Self =
        Self { name: "malformed_request", status: StatusCode::BAD_REQUEST, title: "The request is malformed" };

    /// The request has no token, or its token is not valid.
    pub const UNAUTHENTICATED: Self =
        Self { name: "unauthenticated", status: StatusCode::UNAUTHORIZED, title: "A valid token is needed" };

    /// The token lacks a scope.
    pub const FORBIDDEN: Self =
        Self { name: "forbidden", status: StatusCode::FORBIDDEN, title: "The token does not allow this" };

    /// No route or resource has this path or id.
    pub const NOT_FOUND: Self =
        Self { name: "not_found", status: StatusCode::NOT_FOUND, title: "There is nothing here" };

    /// The path has other methods.
    pub const METHOD_NOT_ALLOWED: Self = Self {
        name: "method_not_allowed",
        status: StatusCode::METHOD_NOT_ALLOWED,
        title: "The method is not allowed here",
    };

    /// The client does not take the media type of the answer.
    pub const NOT_ACCEPTABLE: Self =
        Self { name: "not_acceptable", status: StatusCode::NOT_ACCEPTABLE, title: "The answer is JSON only" };

    /// Other writers were first, in every try.
    pub const CONFLICT: Self =
        Self { name: "conflict", status: StatusCode::CONFLICT, title: "Other writers were first" };

    /// The resource is at a version other than that in `If-Match`.
    pub const VERSION_MISMATCH: Self = Self {
        name: "version_mismatch",
        status: StatusCode::PRECONDITION_FAILED,
        title: "The resource is at another version",
    };

    /// The body is too long.
    pub const PAYLOAD_TOO_LARGE: Self =
        Self { name: "payload_too_large", status: StatusCode::PAYLOAD_TOO_LARGE, title: "The body is too large" };

    /// The `Content-Type` is not JSON.
    pub const UNSUPPORTED_MEDIA_TYPE: Self = Self {
        name: "unsupported_media_type",
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        title: "The body must be application/json",
    };

    /// Fields of the body are wrong.
    pub const VALIDATION_FAILED: Self = Self {
        name: "validation_failed",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        title: "Fields of the request are wrong",
    };

    /// The idempotency key was used before, for another request.
    pub const IDEMPOTENCY_KEY_REUSED: Self = Self {
        name: "idempotency_key_reused",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        title: "The key was used for another request",
    };

    /// A defect of the service, or damaged data.
    pub const INTERNAL_ERROR: Self = Self {
        name: "internal_error",
        status: StatusCode::INTERNAL_SERVER_ERROR,
        title: "The request could not be handled",
    };

    /// The read side has not caught up.
    pub const PROJECTION_BEHIND: Self = Self {
        name: "projection_behind",
        status: StatusCode::SERVICE_UNAVAILABLE,
        title: "The read side has not caught up yet",
    };

    /// A database cannot be reached.
    pub const UNAVAILABLE: Self =
        Self { name: "unavailable", status: StatusCode::SERVICE_UNAVAILABLE, title: "The service is unavailable now" };
}
