//! The local gateway: API Gateway's place on a laptop. It knows the routes, checks the token, makes of each
//! HTTP request the very event that API Gateway would send, and calls the function's own handler with it, in this
//! process or through the Invoke API in the function's own.

mod api_gateway_event; // an HTTP request as API Gateway hands it to a function
mod bus_check; // the embedded bus's line in the health check
mod functions; // every function, on this stack's adapters
#[cfg(feature = "servers")]
mod invoked_functions; // functions that are processes of their own
#[cfg(feature = "servers")]
mod kafka_check; // Kafka's line in the health check
mod static_files; // the console
mod tokens; // API Gateway's JWT authorizer

use std::collections::BTreeMap;
use std::error::Error as _;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use axum::response::Response;
use bank_http_api::{ROUTES, Route};
use http::Method;
use http_api::{CorrelationId, Problem, ProblemCode, render_problem};
use http_body_util::LengthLimitError;
use restore::RestoreTrigger;
use serde_json::Value;

pub use api_gateway_event::api_gateway_event;
pub use bus_check::BusCheck;
#[cfg(feature = "servers")]
pub use kafka_check::KafkaCheck;
pub use tokens::{Claims, DEVELOPMENT_CALLER, TokenChecker, TokenCheckerError};

use functions::{Function, functions};
use static_files::StaticFile;

use crate::Stack;
#[cfg(feature = "servers")]
use crate::event_source_mapping::InvokeClient;
#[cfg(feature = "servers")]
use invoked_functions::InvokedFunctions;

/// The longest body that is taken in; API Gateway's own limit for a request. The functions refuse far
/// shorter ones (64 KiB), and a client is told so rather than cut off.
const MAX_TAKEN_IN_BYTES: usize = 10 * 1024 * 1024;

/// The longest path and query that are taken in; API Gateway's own limit for a request line with its headers.
/// `lambda_http` panics where a request's whole URL is longer than 65,534 bytes.
const MAX_TARGET_BYTES: usize = 10 * 1024;

/// The functions behind their routes.
#[derive(Clone)]
pub struct Gateway {
    functions: Functions,
    tokens: Arc<TokenChecker>,
}

/// Where the functions are.
#[derive(Clone)]
enum Functions {
    /// In this process: their handlers.
    Here(Arc<BTreeMap<&'static str, Function>>),
    /// Behind an Invoke API.
    #[cfg(feature = "servers")]
    Invoked(InvokedFunctions),
}

impl Functions {
    async fn answer(
        &self,
        name: &str,
        event: &Value,
        correlation_id: &CorrelationId,
    ) -> lambda_http::Response<lambda_http::Body> {
        let functions = match self {
            Self::Here(functions) => functions,
            #[cfg(feature = "servers")]
            Self::Invoked(functions) => return functions.answer(name, event, correlation_id).await,
        };
        let Some(function) = functions.get(name) else {
            return render_problem(Problem::internal_error(), correlation_id);
        };
        match lambda_http::request::from_str(&event.to_string()) {
            Ok(request) => http_api::serve(function.as_ref(), request).await,
            Err(error) => {
                tracing::error!(%error, "the request makes no event");
                render_problem(Problem::malformed("The request cannot be read."), correlation_id)
            }
        }
    }
}

impl Gateway {
    /// With the functions on this stack's adapters; `restore_trigger` tells whoever does restores.
    #[must_use]
    pub fn new(stack: &Stack, restore_trigger: Arc<dyn RestoreTrigger>, tokens: TokenChecker) -> Self {
        let functions = functions(stack, restore_trigger);
        Self { functions: Functions::Here(Arc::new(functions)), tokens: Arc::new(tokens) }
    }

    /// With the functions behind this client's Invoke API.
    #[cfg(feature = "servers")]
    #[must_use]
    pub fn through(client: InvokeClient, tokens: TokenChecker) -> Self {
        Self { functions: Functions::Invoked(InvokedFunctions::new(client)), tokens: Arc::new(tokens) }
    }

    /// As a router that a server takes.
    pub fn into_router(self) -> Router {
        let mut by_path: BTreeMap<&'static str, Vec<&'static Route>> = BTreeMap::new();
        for route in ROUTES {
            by_path.entry(route.path).or_default().push(route);
        }
        let mut router = Router::new();
        for (path, routes) in by_path {
            let gateway = self.clone();
            let routes: Arc<[&'static Route]> = routes.into();
            let answer = move |parameters: Result<RawPathParams, RawPathParamsRejection>, request: Request| {
                let (gateway, routes) = (gateway.clone(), routes.clone());
                async move { gateway.answer(&routes, parameters.ok(), request).await }
            };
            router = router.route(path, axum::routing::any(answer));
        }
        for file in static_files::ALL {
            router = router.route(file.path, axum::routing::any(move |request| static_file(file, request)));
        }
        router.fallback(|request: Request| async move { refuse(&request, Problem::no_such_path(request.uri().path())) })
    }

    async fn answer(&self, routes: &[&Route], parameters: Option<RawPathParams>, request: Request) -> Response {
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
            // A route without an authorizer does not look at tokens.
            Err(_) if route.is_public => None,
            Err(problem) => return refuse(&request, problem),
        };
        let correlation_id = CorrelationId::of(request.headers());
        let (parts, body) = request.into_parts();
        let body = match to_bytes(body, MAX_TAKEN_IN_BYTES).await {
            Ok(body) => body,
            Err(error) => return into_axum(render_problem(body_problem(&error), &correlation_id)),
        };
        // Parameters that do not decode to UTF-8 name nothing; the function finds them missing.
        let parameters: Vec<(String, String)> = parameters
            .iter()
            .flat_map(RawPathParams::iter)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let event = api_gateway_event(route, &parts, &parameters, claims.as_ref(), &body, &correlation_id);
        into_axum(self.functions.answer(route.function, &event, &correlation_id).await)
    }
}

async fn static_file(file: &'static StaticFile, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return refuse(&request, Problem::method_not_allowed([&Method::GET]));
    }
    file.response(&CorrelationId::of(request.headers()))
}

/// Why a body was not taken in whole.
fn body_problem(error: &axum::Error) -> Problem {
    if error.source().is_some_and(|source| source.is::<LengthLimitError>()) {
        Problem::new(ProblemCode::PAYLOAD_TOO_LARGE, format!("A body has at most {} bytes.", http_api::MAX_BODY_BYTES))
    } else {
        Problem::malformed("The body broke off, or its chunks are none.")
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
