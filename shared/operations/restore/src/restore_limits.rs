use std::time::Duration;

/// The settings of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoreLimits {
    /// The number of ranges that are built at once.
    pub readers: u32,
    /// The number of commits in a page, which is one transaction.
    pub page_commits: u32,
    /// The approximate number of commits in a range. Smaller ranges are finished sooner, and there are more of them.
    pub range_commits: u64,
    /// The pause between two pages of a range.
    pub pause_between_pages: Duration,
    /// The time for which a silent worker keeps its restore. Other workers do not touch the restore until then.
    pub lease: Duration,
    /// Whether the restore goes on although the event store looks like the wrong one: see
    /// [`RestoreError::NoEvents`](crate::RestoreError::NoEvents) and
    /// [`RestoreError::RowsWithoutEvents`](crate::RestoreError::RowsWithoutEvents).
    pub is_forced: bool,
}

impl Default for RestoreLimits {
    fn default() -> Self {
        Self {
            readers: 4,
            page_commits: 2_000,
            range_commits: 50_000,
            pause_between_pages: Duration::ZERO,
            // The lease is renewed with each page and during every longer step. A worker that is silent for longer is
            // dead or frozen.
            lease: Duration::from_secs(15),
            is_forced: false,
        }
    }
}
