use async_trait::async_trait;

use crate::{Lease, RestoreId, RestoreRecord, RestoreStoreError};

/// What became of asking for the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseAnswer {
    /// The lease is the asker's: this restore is to be done, from where it is.
    Taken(RestoreRecord),
    /// Another worker, who is alive, has the lease.
    HeldByAnother(RestoreRecord),
    /// No restore runs.
    NothingToDo,
}

/// Port: the lease that lets one worker at a time work on the restore that runs.
#[async_trait]
pub trait RestoreLeases: Send + Sync {
    /// Takes the lease of the restore that runs, unless a living worker holds it.
    async fn take_lease(&self, lease: &Lease) -> Result<LeaseAnswer, RestoreStoreError>;

    /// Keeps the lease for another while.
    async fn renew_lease(&self, id: RestoreId, lease: &Lease) -> Result<(), RestoreStoreError>;

    /// Gives the lease back, so that the next worker need not wait for its end.
    async fn release_lease(&self, id: RestoreId, lease: &Lease) -> Result<(), RestoreStoreError>;
}
