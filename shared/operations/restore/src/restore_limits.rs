use std::time::Duration;

/// How a restore is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoreLimits {
    /// The number of ranges that are built at once.
    pub readers: u32,
    /// The number of commits in a page, which is one transaction.
    pub page_commits: u32,
    /// About how many commits a range holds. Smaller ranges are done sooner, and there are more of them.
    pub range_commits: u64,
    /// The pause between two pages of a range.
    pub pause_between_pages: Duration,
    /// How long other workers leave a restore alone whose worker is silent.
    pub lease: Duration,
    /// Whether the restore goes on where the event store looks like another's: see
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
            // The lease is renewed with each page and beside every longer step: a worker that is silent for longer is dead or frozen.
            lease: Duration::from_secs(15),
            is_forced: false,
        }
    }
}
