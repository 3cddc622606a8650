//! A replacement for API Gateway: it knows the routes and checks the token. It turns each HTTP request into the event
//! that API Gateway would send. The function's own handler answers that event, either in this process or through the
//! Invoke API in the function's process.

mod api_gateway_event; // an HTTP request in the form that API Gateway hands to a function
mod functions; // the place of the functions: in this process or behind the Invoke API
#[cfg(feature = "invoke")]
mod invoked_functions; // functions that are processes of their own
mod route; // the function of a method and a path
mod static_file; // a file that is served without a function
mod token_checker; // API Gateway's JWT authorizer

use std::collections::BTreeMap;
use std::error::Error as _;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use axum::response::Response;
use http::Method;
use http_api::{CorrelationId, Problem, ProblemCode, render_problem};
use http_body_util::LengthLimitError;

pub use api_gateway_event::api_gateway_event;
pub use functions::Functions;
pub use route::Route;
pub use static_file::StaticFile;
pub use token_checker::{Claims, TokenChecker, TokenCheckerError};

/// The longest body that is read. It is API Gateway's own limit for a request. The functions refuse far shorter bodies.
/// With this limit a client gets an answer and not a broken connection.
const MAX_TAKEN_IN_BYTES: usize = 10 * 1024 * 1024;

/// The longest path and query that are read. It is API Gateway's own limit for a request line with its headers.
/// `lambda_http` panics if a request's whole URL is longer than 65,534 bytes.
const MAX_TARGET_BYTES: usize = 10 * 1024;

/// The functions behind their routes, with the files beside them.
pub struct Gateway {
    routes: Vec<Route>,
    static_files: Vec<StaticFile>,
    request_handler: RequestHandler,
}

/// The parts that answer a request once its route is known.
#[derive(Clone)]
struct RequestHandler {
    functions: Functions,
    tokens: Arc<TokenChecker>,
}

impl Gateway {
    /// A gateway for these routes. Each route names its function. A route whose function is not among `functions`
    /// answers `internal_error`.
    #[must_use]
    pub fn new(routes: Vec<Route>, functions: Functions, static_files: Vec<StaticFile>, tokens: TokenChecker) -> Self {
        Self { routes, static_files, request_handler: RequestHandler { functions, tokens: Arc::new(tokens) } }
    }

    /// The gateway as a router for a server.
    pub fn into_router(self) -> Router {
        let mut by_path: BTreeMap<String, Vec<Route>> = BTreeMap::new();
        for route in self.routes {
            by_path.entry(route.path.clone()).or_default().push(route);
        }
        let mut router = Router::new();
        for (path, routes) in by_path {
            let request_handler = self.request_handler.clone();
            let routes: Arc<[Route]> = routes.into();
            let answer = move |parameters: Result<RawPathParams, RawPathParamsRejection>, request: Request| {
                let (request_handler, routes) = (request_handler.clone(), routes.clone());
                async move { request_handler.answer(&routes, parameters.ok(), request).await }
            };
            router = router.route(&path, axum::routing::any(answer));
        }
        for file in self.static_files {
            router = router.route(file.path, axum::routing::any(move |request| static_file(file, request)));
        }
        router.fallback(|request: Request| async move { refuse(&request, Problem::no_such_path(request.uri().path())) })
    }
}

impl RequestHandler {
    async fn answer(&self, routes: &[Route], parameters: Option<RawPathParams>, request: Request) -> Response {
        // HEAD is GET without the body, which the server leaves out by itself.
        let method = if *request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
        let Some(route) = routes.iter().find(|route| route.method == method) else {
            return refuse(&request, Problem::method_not_allowed(routes.iter().map(|route| &route.method)));
        };
        if request.uri().path_and_query().is_some_and(|target| target.as_str().len() > MAX_TARGET_BYTES) {
            let detail = format!("Path and query together have at most {MAX_TARGET_BYTES} bytes.");
            return refuse(&request, Problem::malformed(detail));
        }
        let claims = match self.tokens.claims_of(request.headers()) {
            Ok(claims) => claims,
            // A route without an authorizer does not check tokens.
            Err(_) if route.is_public => None,
            Err(problem) => return refuse(&request, problem),
        };
        let correlation_id = CorrelationId::of(request.headers());
        let (parts, body) = request.into_parts();
        let body = match to_bytes(body, MAX_TAKEN_IN_BYTES).await {
            Ok(body) => body,
            Err(error) => return into_axum(render_problem(body_problem(&error), &correlation_id)),
        };
        // A parameter that does not decode to UTF-8 is left out. The function then finds it missing.
        let parameters: Vec<(String, String)> = parameters
            .iter()
            .flat_map(RawPathParams::iter)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let event = api_gateway_event(route, &parts, &parameters, claims.as_ref(), &body, &correlation_id);
        into_axum(self.functions.answer(&route.function, &event, &correlation_id).await)
    }
}

async fn static_file(file: StaticFile, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return refuse(&request, Problem::method_not_allowed([&Method::GET]));
    }
    file.response(&CorrelationId::of(request.headers()))
}

/// The reason why a body was not read completely.
fn body_problem(error: &axum::Error) -> Problem {
    if error.source().is_some_and(|source| source.is::<LengthLimitError>()) {
        Problem::new(ProblemCode::PAYLOAD_TOO_LARGE, format!("A body has at most {} bytes.", http_api::MAX_BODY_BYTES))
    } else {
        Problem::malformed("The body ended early, or its chunks are not valid.")
    }
}

fn refuse(request: &Request, problem: Problem) -> Response {
    into_axum(render_problem(problem, &CorrelationId::of(request.headers())))
}

fn into_axum(response: lambda_http::Response<lambda_http::Body>) -> Response {
    response.map(|body| match body {
        lambda_http::Body::Text(text) => Body::from(text),
        lambda_http::Body::Binary(bytes) => Body::from(bytes),
        _ => Body::empty(),
    })
}
