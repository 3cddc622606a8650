use std::sync::Arc;

use cqrs::{QueryEnvelope, QueryError, QueryHandler};
use restore::{RestoreId, RestoreRecord, RestoreRegister, RestoreStoreError};

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
        let found = self.restores.find(envelope.query.restore_id).await.map_err(|error| match error {
            RestoreStoreError::Corrupt { reason } => QueryError::Corrupt { reason },
            error => QueryError::Unavailable { source: error.into() },
        })?;
        found.ok_or(QueryError::NotFound)
    }
}
