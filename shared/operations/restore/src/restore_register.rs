use async_trait::async_trait;

use crate::{RestoreId, RestoreKind, RestoreRecord, RestoreStoreError};

/// What became of a request for a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requested {
    /// The restore is recorded, and waits for a worker.
    Recorded,
    /// The same restore was asked for before.
    Known(RestoreRecord),
    /// Another restore runs; there is one at a time. Nothing was recorded.
    OtherRuns(RestoreRecord),
}

/// Port: restores, asked for and looked up.
#[async_trait]
pub trait RestoreRegister: Send + Sync {
    /// Records a restore as running, unless another runs. The restore is of the projection of this name, or of all.
    async fn request(
        &self,
        id: RestoreId,
        kind: RestoreKind,
        projection: Option<&str>,
    ) -> Result<Requested, RestoreStoreError>;

    /// The restore of this id.
    async fn find(&self, id: RestoreId) -> Result<Option<RestoreRecord>, RestoreStoreError>;
}
