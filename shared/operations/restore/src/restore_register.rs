use async_trait::async_trait;

use crate::{RestoreId, RestoreKind, RestoreRecord, RestoreStoreError};

/// The result of a request for a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requested {
    /// The restore is recorded, and waits for a worker.
    Recorded,
    /// The same restore was requested before.
    Known(RestoreRecord),
    /// Another restore runs, and only one can run at a time. Nothing was recorded.
    OtherRuns(RestoreRecord),
}

/// Port: records requested restores and finds them.
#[async_trait]
pub trait RestoreRegister: Send + Sync {
    /// Records a restore as running, unless another restore runs. It concerns the projection of this name, or all
    /// projections.
    async fn request(
        &self,
        id: RestoreId,
        kind: RestoreKind,
        projection: Option<&str>,
    ) -> Result<Requested, RestoreStoreError>;

    /// The restore of this id.
    async fn find(&self, id: RestoreId) -> Result<Option<RestoreRecord>, RestoreStoreError>;
}
