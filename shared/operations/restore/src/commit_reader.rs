use std::sync::Arc;

use cqrs::{CommitPlace, CommitScan, EventEnvelope, OpenedCommitScan, PersonalData, ReadError, StreamRange};

/// A commit's events, in its place.
pub(crate) struct ReadCommit {
    pub(crate) place: CommitPlace,
    /// Or why they cannot be read.
    pub(crate) events: Result<Vec<EventEnvelope>, String>,
}

/// Reads the event store's commits as the events that the read side takes. Every event of a restore comes through here.
#[derive(Clone)]
pub(crate) struct CommitReader {
    scan: Arc<OpenedCommitScan>,
}

impl CommitReader {
    pub(crate) fn new(scan: Arc<dyn CommitScan>, personal_data: Arc<dyn PersonalData>) -> Self {
        Self { scan: Arc::new(OpenedCommitScan::new(scan, personal_data)) }
    }

    /// Up to `limit` commits of this range, those behind `after`. Fewer only at its end.
    pub(crate) async fn page(
        &self,
        range: StreamRange,
        after: Option<CommitPlace>,
        limit: u32,
    ) -> Result<Vec<ReadCommit>, ReadError> {
        let scanned = self.scan.scan(range, after, limit).await?;
        let read = scanned.into_iter().map(|scanned| {
            let events = match scanned.commit {
                Ok(Ok(commit)) => Ok(commit.envelopes().collect()),
                Ok(Err(unopened)) => Err(format!("its personal data cannot be opened: {}", unopened.reason)),
                Err(error) => Err(error.to_string()),
            };
            ReadCommit { place: scanned.place, events }
        });
        Ok(read.collect())
    }
}
