use async_trait::async_trait;

use crate::{Lease, RestoreId, RestoreRecord, RestoreStoreError};

/// The answer to a request for the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseAnswer {
    /// The asker has the lease, and must do this restore from its present progress.
    Taken(RestoreRecord),
    /// Another worker, who is alive, has the lease.
    HeldByAnother(RestoreRecord),
    /// No restore runs.
    NothingToDo,
}

/// Port: the lease that lets one worker at a time work on the running restore.
#[async_trait]
pub trait RestoreLeases: Send + Sync {
    /// Takes the lease of the running restore, unless a living worker holds it.
    async fn take_lease(&self, lease: &Lease) -> Result<LeaseAnswer, RestoreStoreError>;

    /// Extends the lease by its duration.
    async fn renew_lease(&self, id: RestoreId, lease: &Lease) -> Result<(), RestoreStoreError>;

    /// Gives the lease back, so that the next worker need not wait for its end.
    async fn release_lease(&self, id: RestoreId, lease: &Lease) -> Result<(), RestoreStoreError>;
}
