//! `POST /admin/read-db/restore`: records a restore of the read database, and invokes the worker.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cqrs::{DispatchLimits, QueryError};
use http::{HeaderName, HeaderValue, StatusCode, header};
use http_api::{Answer, ApiRequest, HttpFunction, Problem, ProblemCode, Scope, query_problem, version_entity_tag};
use restore::{Requested, RestoreId, RestoreKind, RestoreRegister, RestoreStatus, RestoreTrigger};
use serde::{Deserialize, Serialize};

/// The function behind `POST /admin/read-db/restore`.
pub struct RestoreReadDbFunction {
    restores: Arc<dyn RestoreRegister>,
    trigger: Arc<dyn RestoreTrigger>,
    timeout: Duration,
}

/// The body. A request may have no body.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RestoreReadDbRequest {}

#[derive(Serialize)]
struct RestoreBody {
    restore_id: String,
    status: &'static str,
}

impl RestoreReadDbFunction {
    /// The function that records restores in this register and invokes the worker by this trigger.
    pub fn new(restores: Arc<dyn RestoreRegister>, trigger: Arc<dyn RestoreTrigger>) -> Self {
        // The time limit is that of a command. The trigger's own time limit still fits into Lambda's.
        Self { restores, trigger, timeout: DispatchLimits::default().timeout }
    }

    async fn request(&self, id: RestoreId) -> Result<Requested, QueryError> {
        let requested = tokio::time::timeout(self.timeout, self.restores.request(id, RestoreKind::Rebuild, None)).await;
        // The restore may be recorded although the answer was lost. Then the schedule's next run finds it, and a repeated
        // request finds it too.
        Ok(requested.map_err(|_elapsed| QueryError::DeadlineExceeded)??)
    }
}

#[async_trait]
impl HttpFunction for RestoreReadDbFunction {
    async fn answer(&self, request: &ApiRequest) -> Result<Answer, Problem> {
        let caller = request.caller(Scope::ADMIN)?;
        request.query(&[])?;
        let RestoreReadDbRequest {} = request.json_if_any()?;
        let context = request.command_context(&caller, &())?;
        // A new restore has no version.
        if let Some(expected) = context.expected_version.filter(|expected| *expected != 0) {
            let detail = format!("A restore has no version, and so is not at {expected}.");
            return Err(
                Problem::new(ProblemCode::VERSION_MISMATCH, detail).with_header(header::ETAG, version_entity_tag(0))
            );
        }
        let id = context.idempotency.map_or_else(RestoreId::generate, |sent| RestoreId::derived_from(&sent.key));
        match self.request(id).await.map_err(|error| query_problem(&error))? {
            Requested::Recorded => {
                // The schedule's next run finds the recorded restore all the same.
                if let Err(error) = self.trigger.trigger().await {
                    tracing::warn!(restore_id = %id, %error, causes = telemetry::causes(&error), "nobody was told");
                }
                Ok(accepted(id))
            }
            // A repeated request gets the first answer, at any state of the restore.
            Requested::Known(_) => {
                let replayed = HeaderName::from_static("idempotency-replayed");
                Ok(accepted(id).with_header(replayed, HeaderValue::from_static("true")))
            }
            Requested::OtherRuns(other) => {
                Err(Problem::new(ProblemCode::CONFLICT, format!("The restore {} runs already.", other.id)))
            }
        }
    }
}

fn accepted(id: RestoreId) -> Answer {
    let body = RestoreBody { restore_id: id.to_string(), status: RestoreStatus::Running.as_str() };
    let location = format!("/admin/read-db/restore/{id}");
    let location = HeaderValue::from_str(&location).expect("a UUID is plain ASCII");
    Answer::json(StatusCode::ACCEPTED, &body).with_header(header::LOCATION, location)
}

#[cfg(test)]
mod tests {
    use restore::{RestoreRecord, RestoreStoreError, TriggerError};

    use super::*;

    /// A register that gives no answer, or this answer.
    struct Restores(Option<fn() -> RestoreStoreError>);

    #[async_trait]
    impl RestoreRegister for Restores {
        async fn request(&self, _: RestoreId, _: RestoreKind, _: Option<&str>) -> Result<Requested, RestoreStoreError> {
            match self.0 {
                Some(error) => Err(error()),
                None => std::future::pending().await,
            }
        }

        async fn find(&self, _: RestoreId) -> Result<Option<RestoreRecord>, RestoreStoreError> {
            Ok(None)
        }
    }

    #[async_trait]
    impl RestoreTrigger for Restores {
        async fn trigger(&self) -> Result<(), TriggerError> {
            Ok(())
        }
    }

    async fn refusal(restores: Restores) -> ProblemCode {
        let restores = Arc::new(restores);
        let timeout = Duration::from_millis(20);
        let function = RestoreReadDbFunction { restores: restores.clone(), trigger: restores, timeout };
        let error = function.request(RestoreId::generate()).await.expect_err("there is no answer");
        query_problem(&error).code()
    }

    #[tokio::test]
    async fn a_database_that_falls_silent_is_unavailable_and_one_that_is_damaged_is_not() {
        assert_eq!(refusal(Restores(None)).await, ProblemCode::UNAVAILABLE);
        assert_eq!(refusal(Restores(Some(|| RestoreStoreError::Busy))).await, ProblemCode::UNAVAILABLE);
        let corrupt = || RestoreStoreError::Corrupt { reason: "no status".to_owned() };
        assert_eq!(refusal(Restores(Some(corrupt))).await, ProblemCode::INTERNAL_ERROR);
    }
}
