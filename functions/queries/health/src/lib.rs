//! `GET /health`: whether this deployment can serve, with a line for each dependency.

mod dependency_check; // the checks of the dependencies

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use http::{HeaderValue, StatusCode, header};
use http_api::{Answer, ApiRequest, HttpFunction, Problem, Scope};
use serde::Serialize;

pub use dependency_check::{DependencyCheck, EventStoreCheck, KeyStoreCheck, ReadDbCheck};

/// The time limit of a check. A dependency that takes longer is of no use to a request.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// The function behind `GET /health`.
pub struct HealthFunction {
    checks: Vec<Arc<dyn DependencyCheck>>,
}

#[derive(Serialize)]
struct HealthBody {
    status: &'static str,
    dependencies: Vec<DependencyBody>,
}

#[derive(Serialize)]
struct DependencyBody {
    name: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl HealthFunction {
    /// The function with these checks.
    #[must_use]
    pub fn new(checks: Vec<Arc<dyn DependencyCheck>>) -> Self {
        Self { checks }
    }
}

#[async_trait]
impl HttpFunction for HealthFunction {
    async fn answer(&self, request: &ApiRequest) -> Result<Answer, Problem> {
        request.query(&[])?;
        // Only administrators are told about internal faults.
        let shows_details = request.caller_if_any().is_some_and(|caller| caller.has(Scope::ADMIN));
        let dependencies = join_all(self.checks.iter().map(|check| look_at(check.as_ref(), shows_details))).await;
        let is_well = dependencies.iter().all(|dependency| dependency.status == OK);
        let status = if is_well { OK } else { UNAVAILABLE };
        let body = HealthBody { status, dependencies };
        Ok(if is_well {
            Answer::json(StatusCode::OK, &body)
        } else {
            Answer::json(StatusCode::SERVICE_UNAVAILABLE, &body)
                .with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
        })
    }
}

const OK: &str = "ok";
const UNAVAILABLE: &str = "unavailable";

async fn look_at(check: &dyn DependencyCheck, shows_details: bool) -> DependencyBody {
    let result = tokio::time::timeout(CHECK_TIMEOUT, check.check())
        .await
        .unwrap_or_else(|_elapsed| Err(format!("no answer within {} s", CHECK_TIMEOUT.as_secs())));
    let (status, detail) = match result {
        Ok(detail) => (OK, detail),
        Err(reason) => (UNAVAILABLE, Some(reason)),
    };
    DependencyBody { name: check.name(), status, detail: detail.filter(|_| shows_details) }
}
