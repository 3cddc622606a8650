use async_trait::async_trait;

use crate::{Commit, CommitPlace, ReadError, Timestamp};

/// Commits that the bus may not have.
#[derive(Debug, Default)]
pub struct Undelivered {
    /// The commits that can be read. The oldest comes first, and each stream's commits are in their order.
    pub commits: Vec<Commit>,
    /// One error for each marked commit that cannot be read. Such a commit must not keep the others from being
    /// delivered.
    pub unreadable: Vec<ReadError>,
}

/// The reason why marks were not taken away. Handling: log it; the commits are delivered once more.
#[derive(Debug, thiserror::Error)]
#[error("the commits are still marked as undelivered")]
pub struct MarkError {
    /// The driver's error.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Port: the marks of commits that the bus may not have.
///
/// A commit is stored together with its mark, in one insert. So no process has to live until the commit is published: a
/// reader of the marks finds the commits that a dead process left behind. See
/// `docs/decisions/0014-mark-publish-unmark-relay.md`.
#[async_trait]
pub trait DeliveryMarks: Send + Sync {
    /// Up to `limit` marked commits that happened before `older_than`.
    ///
    /// A commit may be left out because of the limit or its age. Then all later commits of its stream are left out too.
    async fn undelivered(&self, older_than: Timestamp, limit: u32) -> Result<Undelivered, ReadError>;

    /// Takes the marks of these commits away, because the bus has the commits. A commit that has no mark or does not exist
    /// is left as it is. A mark that comes back, or is still seen for a moment, costs one more delivery.
    async fn mark_delivered(&self, places: &[CommitPlace]) -> Result<(), MarkError>;
}
