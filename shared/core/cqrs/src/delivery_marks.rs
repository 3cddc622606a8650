use async_trait::async_trait;

use crate::{Commit, ReadError, StreamId, Timestamp};

/// Commits that the bus may not have.
#[derive(Debug, Default)]
pub struct Undelivered {
    /// The oldest first, and each stream's in its order.
    pub commits: Vec<Commit>,
    /// One for each that is marked and cannot be read: it must not keep the others from being delivered.
    pub unreadable: Vec<ReadError>,
}

/// Why a commit's mark was not taken away. Handling: log it; the commit is delivered once more.
#[derive(Debug, thiserror::Error)]
#[error("the commit is still marked as undelivered")]
pub struct MarkError {
    /// The driver's error.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Port: the marks of commits that the bus may not have.
///
/// A commit is stored together with its mark, in one insert, so that no process has to live until it is published:
/// whoever looks for marks finds what a dead one left behind. See `docs/decisions/0014-mark-publish-unmark-relay.md`.
#[async_trait]
pub trait DeliveryMarks: Send + Sync {
    /// Up to `limit` marked commits that happened before `older_than`.
    ///
    /// What is left out for the limit or for its age is never before what is given in the same stream.
    async fn undelivered(&self, older_than: Timestamp, limit: u32) -> Result<Undelivered, ReadError>;

    /// Takes the commit's mark away: the bus has it. A commit that has no mark, or is not there, is left as it is.
    /// A mark that comes back, or is still seen for a moment, costs one more delivery.
    async fn mark_delivered(&self, stream_id: StreamId, first_version: u64) -> Result<(), MarkError>;
}
