use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use lambda_http::{Body, Response};
use serde::Serialize;

/// A function's answer if it does not refuse.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
}

impl Answer {
    /// An answer with a JSON body.
    ///
    /// # Panics
    /// Never for this project's answers: they are texts, integers and lists of them.
    #[must_use]
    pub fn json<T: Serialize>(status: StatusCode, body: &T) -> Self {
        let text = serde_json::to_string(body).expect("an answer is plain JSON");
        Self { status, headers: HeaderMap::new(), body: Body::Text(text) }
            .with_header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }

    /// An answer with a text of this media type and status 200.
    #[must_use]
    pub fn text(media_type: &'static str, text: &str) -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new(), body: Body::Text(text.to_owned()) }
            .with_header(header::CONTENT_TYPE, HeaderValue::from_static(media_type))
    }

    /// An answer without a body.
    #[must_use]
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Body::Empty }
    }

    /// The answer with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
