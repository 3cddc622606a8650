use std::sync::Arc;

use cqrs::{CommitPlace, EventEnvelope, OpenedCommitScan, ReadError, StreamRange};

/// The events of one commit, and the commit's place.
pub(crate) struct ReadCommit {
    pub(crate) place: CommitPlace,
    /// The events, or the reason why they cannot be read.
    pub(crate) events: Result<Vec<EventEnvelope>, String>,
}

/// Reads the event store's commits as events for the read side. Every event of a restore comes through this reader.
#[derive(Clone)]
pub(crate) struct CommitReader {
    commits: Arc<OpenedCommitScan>,
}

impl CommitReader {
    pub(crate) const fn new(commits: Arc<OpenedCommitScan>) -> Self {
        Self { commits }
    }

    /// Up to `limit` commits of this range, after `after`. Fewer commits are given only at the end of the range.
    pub(crate) async fn page(
        &self,
        range: StreamRange,
        after: Option<CommitPlace>,
        limit: u32,
    ) -> Result<Vec<ReadCommit>, ReadError> {
        let scanned = self.commits.scan(range, after, limit).await?;
        let read = scanned.into_iter().map(|scanned| ReadCommit {
            place: scanned.place,
            events: match scanned.commit {
                Ok(Ok(opened)) => Ok(opened.envelopes().collect()),
                Ok(Err(_)) => Err("its personal data cannot be opened".to_owned()),
                Err(error) => Err(error.to_string()),
            },
        });
        Ok(read.collect())
    }
}
