//! `POST /admin/read-db/restore`: records a restore of the read database, and tells whoever does the work.

use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderName, HeaderValue, StatusCode, header};
use http_api::{Answer, ApiRequest, HttpFunction, Problem, ProblemCode, Scope, version_entity_tag};
use restore::{Requested, RestoreId, RestoreKind, RestoreRegister, RestoreStatus, RestoreTrigger};
use serde::{Deserialize, Serialize};

/// The function behind `POST /admin/read-db/restore`.
pub struct RestoreReadDbFunction {
    restores: Arc<dyn RestoreRegister>,
    trigger: Arc<dyn RestoreTrigger>,
}

/// The body, which may be left out.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RestoreReadDbRequest {}

#[derive(Serialize)]
struct RestoreBody {
    restore_id: String,
    status: &'static str,
}

impl RestoreReadDbFunction {
    /// Recorded here, and told to this.
    pub fn new(restores: Arc<dyn RestoreRegister>, trigger: Arc<dyn RestoreTrigger>) -> Self {
        Self { restores, trigger }
    }
}

#[async_trait]
impl HttpFunction for RestoreReadDbFunction {
    async fn answer(&self, request: &ApiRequest) -> Result<Answer, Problem> {
        let caller = request.caller(Scope::Admin)?;
        request.query(&[])?;
        let RestoreReadDbRequest {} = request.json_if_any()?;
        let context = request.command_context(&caller, &())?;
        // What is not there yet is at no version.
        if let Some(expected) = context.expected_version.filter(|expected| *expected != 0) {
            let detail = format!("A restore has no version, and so is not at {expected}.");
            return Err(
                Problem::new(ProblemCode::VersionMismatch, detail).with_header(header::ETAG, version_entity_tag(0))
            );
        }
        let id = context.idempotency.map_or_else(RestoreId::generate, |sent| RestoreId::derived_from(&sent.key));
        let requested =
            self.restores.request(id, RestoreKind::Rebuild).await.map_err(|error| Problem::unavailable(&error))?;
        match requested {
            Requested::Recorded => {
                // Whoever looks for recorded restores every few minutes finds it all the same.
                if let Err(error) = self.trigger.trigger().await {
                    tracing::warn!(restore_id = %id, %error, causes = telemetry::causes(&error), "nobody was told");
                }
                Ok(accepted(id))
            }
            // The first answer again, however the restore has gone on.
            Requested::Known(_) => {
                let replayed = HeaderName::from_static("idempotency-replayed");
                Ok(accepted(id).with_header(replayed, HeaderValue::from_static("true")))
            }
            Requested::OtherRuns(other) => {
                Err(Problem::new(ProblemCode::Conflict, format!("The restore {} runs already.", other.id)))
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
