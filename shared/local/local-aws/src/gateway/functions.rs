use std::collections::BTreeMap;
use std::sync::Arc;

use http_api::{CorrelationId, HttpFunction, Problem, render_problem};
use lambda_http::{Body, Response};
use serde_json::Value;

#[cfg(feature = "invoke")]
use super::invoked_functions::InvokedFunctions;
#[cfg(feature = "invoke")]
use crate::InvokeClient;

/// The functions behind the gateway.
#[derive(Clone)]
pub struct Functions(Place);

/// The place of the functions.
#[derive(Clone)]
enum Place {
    /// Functions in this process: their handlers, by the functions' names.
    Here(Arc<BTreeMap<String, Arc<dyn HttpFunction>>>),
    /// Functions behind an Invoke API.
    #[cfg(feature = "invoke")]
    Invoked(InvokedFunctions),
}

impl Functions {
    /// Functions in this process: their handlers, by the functions' names.
    #[must_use]
    pub fn here(functions: BTreeMap<String, Arc<dyn HttpFunction>>) -> Self {
        Self(Place::Here(Arc::new(functions)))
    }

    /// Functions behind the client's Invoke API.
    #[cfg(feature = "invoke")]
    #[must_use]
    pub const fn invoked(client: InvokeClient) -> Self {
        Self(Place::Invoked(InvokedFunctions::new(client)))
    }

    pub(crate) async fn answer(&self, name: &str, event: &Value, correlation_id: &CorrelationId) -> Response<Body> {
        let functions = match &self.0 {
            Place::Here(functions) => functions,
            #[cfg(feature = "invoke")]
            Place::Invoked(functions) => return functions.answer(name, event, correlation_id).await,
        };
        let Some(function) = functions.get(name) else {
            return render_problem(Problem::internal_error(), correlation_id);
        };
        match lambda_http::request::from_str(&event.to_string()) {
            Ok(request) => http_api::serve(function.as_ref(), request).await,
            Err(error) => {
                tracing::error!(%error, "the request cannot be made into an event");
                render_problem(Problem::malformed("The request cannot be read."), correlation_id)
            }
        }
    }
}
