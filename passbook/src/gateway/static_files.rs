use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderValue, header};
use http_api::{CorrelationId, Problem, require_acceptable};

/// The contract as a document for programs, the project's own file.
pub const OPENAPI_YAML: &str = include_str!("../../../openapi.yaml");

/// A file that the gateway serves by itself.
pub(crate) struct StaticFile {
    pub(crate) path: &'static str,
    media_type: &'static str,
    content: &'static str,
    /// Part of the API rather than of the console.
    is_api: bool,
}

const fn console(path: &'static str, media_type: &'static str, content: &'static str) -> StaticFile {
    StaticFile { path, media_type, content, is_api: false }
}

pub(crate) const ALL: &[StaticFile] = &[
    StaticFile { path: "/openapi.yaml", media_type: "application/yaml", content: OPENAPI_YAML, is_api: true },
    console("/", "text/html; charset=utf-8", include_str!("../../console/index.html")),
    console("/console.css", "text/css; charset=utf-8", include_str!("../../console/console.css")),
    console("/console.js", "text/javascript; charset=utf-8", include_str!("../../console/console.js")),
    console("/console.svg", "image/svg+xml", include_str!("../../console/console.svg")),
];

/// The console takes nothing from elsewhere, and nothing that is in a page's text may run.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'; require-trusted-types-for 'script'";

impl StaticFile {
    /// Whether the request is one for this file. What is part of the API is as strict as the rest of it.
    pub(crate) fn check(&self, request: &Request) -> Result<(), Problem> {
        if !self.is_api {
            return Ok(());
        }
        if request.uri().query().is_some_and(|query| !query.is_empty()) {
            return Err(Problem::malformed("There are no query parameters here."));
        }
        require_acceptable(request.headers(), self.media_type)
    }

    pub(crate) fn response(&self, correlation_id: &CorrelationId) -> Response {
        let mut response = Response::new(Body::from(self.content));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
        if let Ok(value) = HeaderValue::from_str(correlation_id.as_str()) {
            headers.insert("x-correlation-id", value);
        }
        response
    }
}
