use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, header};
use http_api::CorrelationId;

/// A file that the gateway serves itself, without a function.
#[derive(Debug, Clone, Copy)]
pub struct StaticFile {
    /// The path under which it is served.
    pub path: &'static str,
    /// Its media type, for `Content-Type`.
    pub media_type: &'static str,
    /// The text of the file.
    pub content: &'static str,
    /// The policy that tells a browser which contents the file may load and run.
    pub content_security_policy: &'static str,
}

impl StaticFile {
    pub(crate) fn response(&self, correlation_id: &CorrelationId) -> Response {
        let mut response = Response::new(Body::from(self.content));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(self.content_security_policy));
        if let Ok(value) = HeaderValue::from_str(correlation_id.as_str()) {
            headers.insert("x-correlation-id", value);
        }
        response
    }
}
