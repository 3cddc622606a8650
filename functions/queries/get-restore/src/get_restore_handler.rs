use std::sync::Arc;

use cqrs::{QueryEnvelope, QueryError, QueryHandler};
use restore::{RestoreId, RestoreRecord, RestoreRegister};

/// How a restore stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetRestore {
    /// Which.
    pub restore_id: RestoreId,
}

/// Handles [`GetRestore`].
pub struct GetRestoreHandler {
    restores: Arc<dyn RestoreRegister>,
}

impl GetRestoreHandler {
    /// Of what is recorded here.
    pub fn new(restores: Arc<dyn RestoreRegister>) -> Self {
        Self { restores }
    }
}

impl QueryHandler<GetRestore> for GetRestoreHandler {
    type Answer = RestoreRecord;

    async fn handle(&self, envelope: &QueryEnvelope<GetRestore>) -> Result<RestoreRecord, QueryError> {
        self.restores.find(envelope.query.restore_id).await?.ok_or(QueryError::NotFound)
    }
}
