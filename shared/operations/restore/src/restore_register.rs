use async_trait::async_trait;

use crate::{RestoreId, RestoreKind, RestoreRecord, RestoreStoreError};

/// What became of a request for a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requested {
    /// It is recorded, and waits for somebody to do the work.
    Recorded,
    /// The same was asked for before.
    Known(RestoreRecord),
    /// Another runs; there is one at a time. Nothing was recorded.
    OtherRuns(RestoreRecord),
}

/// Port: restores, asked for and looked up.
#[async_trait]
pub trait RestoreRegister: Send + Sync {
    /// Records a restore as running, unless another runs.
    async fn request(&self, id: RestoreId, kind: RestoreKind) -> Result<Requested, RestoreStoreError>;

    /// The restore of this id.
    async fn find(&self, id: RestoreId) -> Result<Option<RestoreRecord>, RestoreStoreError>;
}
