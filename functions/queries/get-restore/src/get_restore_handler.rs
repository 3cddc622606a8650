use std::sync::Arc;

use cqrs::{QueryEnvelope, QueryError, QueryHandler};
use restore::{RestoreId, RestoreRecord, RestoreRegister};

/// A query for the status of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetRestore {
    /// The restore.
    pub restore_id: RestoreId,
}

/// Handles [`GetRestore`].
pub struct GetRestoreHandler {
    restores: Arc<dyn RestoreRegister>,
}

impl GetRestoreHandler {
    /// A handler on this register of restores.
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
