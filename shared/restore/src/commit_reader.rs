use std::sync::Arc;

use cqrs::{CommitPlace, CommitScan, EventEnvelope, ReadError, ScannedCommit, StreamRange};

/// A commit's events, in its place.
pub(crate) struct ReadCommit {
    pub(crate) place: CommitPlace,
    /// Or why they cannot be read.
    pub(crate) events: Result<Vec<EventEnvelope>, String>,
}

/// Reads the event store's commits as the events that the read side takes. Every event of a restore comes through here.
#[derive(Clone)]
pub(crate) struct CommitReader {
    scan: Arc<dyn CommitScan>,
}

impl CommitReader {
    pub(crate) fn new(scan: Arc<dyn CommitScan>) -> Self {
        Self { scan }
    }

    /// Up to `limit` commits of this range, those behind `after`. Fewer only at its end.
    pub(crate) async fn page(
        &self,
        range: StreamRange,
        after: Option<CommitPlace>,
        limit: u32,
    ) -> Result<Vec<ReadCommit>, ReadError> {
        let scanned = self.scan.scan(range, after, limit).await?;
        Ok(scanned.into_iter().map(events_of).collect())
    }
}

/// The one place where a stored commit becomes events.
fn events_of(scanned: ScannedCommit) -> ReadCommit {
    let events = match scanned.commit {
        Ok(commit) => Ok(commit.envelopes().collect()),
        Err(error) => Err(error.to_string()),
    };
    ReadCommit { place: scanned.place, events }
}
