use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, header};
use http_api::CorrelationId;

/// A file of the console, which the gateway serves by itself.
pub(crate) struct StaticFile {
    pub(crate) path: &'static str,
    media_type: &'static str,
    content: &'static str,
}

const fn file(path: &'static str, media_type: &'static str, content: &'static str) -> StaticFile {
    StaticFile { path, media_type, content }
}

pub(crate) const ALL: &[StaticFile] = &[
    file("/", "text/html; charset=utf-8", include_str!("../../console/index.html")),
    file("/console.css", "text/css; charset=utf-8", include_str!("../../console/console.css")),
    file("/console.js", "text/javascript; charset=utf-8", include_str!("../../console/console.js")),
    file("/console.svg", "image/svg+xml", include_str!("../../console/console.svg")),
];

/// The console takes nothing from elsewhere, and nothing that is in a page's text may run.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'; require-trusted-types-for 'script'";

impl StaticFile {
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
