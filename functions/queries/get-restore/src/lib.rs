//! `GET /admin/read-db/restore/{id}`: the status of a restore.

mod get_restore_handler; // reads the restore's record

use std::sync::Arc;

use async_trait::async_trait;
use cqrs::{QueryDispatcher, QueryEnvelope, QueryError};
use http::StatusCode;
use http_api::{Answer, ApiRequest, HttpFunction, Problem, ProblemCode, Scope, query_problem};
use restore::{RestoreRecord, RestoreRegister};
use serde::Serialize;

pub use get_restore_handler::{GetRestore, GetRestoreHandler};

/// The function behind `GET /admin/read-db/restore/{id}`.
pub struct GetRestoreFunction {
    dispatcher: QueryDispatcher<GetRestore, RestoreRecord>,
}

#[derive(Serialize)]
struct RestoreBody {
    restore_id: String,
    status: &'static str,
    events_replayed: u64,
    events_total: u64,
}

impl GetRestoreFunction {
    /// The function on this register of restores.
    pub fn new(restores: Arc<dyn RestoreRegister>) -> Self {
        Self { dispatcher: QueryDispatcher::new(GetRestoreHandler::new(restores)) }
    }
}

#[async_trait]
impl HttpFunction for GetRestoreFunction {
    async fn answer(&self, request: &ApiRequest) -> Result<Answer, Problem> {
        let caller = request.caller(Scope::ADMIN)?;
        request.query(&[])?;
        let restore_id = request.path_id().and_then(|id| id.parse().ok()).ok_or_else(not_found)?;
        let context = request.query_context(&caller);
        let answer = self.dispatcher.dispatch(QueryEnvelope { query: GetRestore { restore_id }, context }).await;
        let record = answer.map_err(|error| match error {
            QueryError::NotFound => not_found(),
            error => query_problem(&error),
        })?;
        let body = RestoreBody {
            restore_id: record.id.to_string(),
            status: record.status.as_str(),
            events_replayed: record.events_replayed,
            // The service goes on, so a restore may find more events than there were when it began.
            events_total: record.events_total.max(record.events_replayed),
        };
        Ok(Answer::json(StatusCode::OK, &body))
    }
}

fn not_found() -> Problem {
    Problem::new(ProblemCode::NOT_FOUND, "There is no restore of this id.")
}
