//! `GET /openapi.yaml`: what there is; and 404 or 405 for the rest, which API Gateway would say in words of its own.

use async_trait::async_trait;
use bank_http_api::{OPENAPI_PATH, methods_of};
use http::{HeaderValue, Method, header};
use http_api::{Answer, ApiRequest, HttpFunction, Problem};

/// The contract as a document for programs, the project's own file.
pub const OPENAPI_YAML: &str = include_str!("../../../../openapi.yaml");

/// The function behind `GET /openapi.yaml` and behind API Gateway's route `$default`.
pub struct ApiDescriptionFunction;

#[async_trait]
impl HttpFunction for ApiDescriptionFunction {
    /// Of the document. A refusal has its own, whatever the client would have taken.
    fn media_type(&self, request: &ApiRequest) -> Option<&'static str> {
        is_for_document(request).then_some("application/yaml")
    }

    async fn answer(&self, request: &ApiRequest) -> Result<Answer, Problem> {
        if !is_for_document(request) {
            return Err(nothing_there(request));
        }
        request.query(&[])?;
        let document = Answer::text("application/yaml", OPENAPI_YAML);
        Ok(document
            .with_header(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))
            .with_header(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
    }
}

fn is_for_document(request: &ApiRequest) -> bool {
    request.path() == OPENAPI_PATH && matches!(*request.method(), Method::GET | Method::HEAD)
}

fn nothing_there(request: &ApiRequest) -> Problem {
    match methods_of(request.path()) {
        methods if methods.is_empty() => Problem::no_such_path(request.path()),
        methods => Problem::method_not_allowed(methods),
    }
}
