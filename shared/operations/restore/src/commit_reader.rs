use std::sync::Arc;

use cqrs::{Commit, CommitPlace, CommitScan, EventEnvelope, OpeningScan, PersonalData, ReadError, StreamRange};

/// A commit's events, in its place.
pub(crate) struct ReadCommit {
    pub(crate) place: CommitPlace,
    /// Or why they cannot be read.
    pub(crate) events: Result<Vec<EventEnvelope>, String>,
}

/// Reads the event store's commits as the events that the read side takes. Every event of a restore comes through here.
#[derive(Clone)]
pub(crate) struct CommitReader {
    scan: Arc<OpeningScan>,
}

impl CommitReader {
    pub(crate) fn new(scan: Arc<dyn CommitScan>, personal_data: Arc<dyn PersonalData>) -> Self {
        Self { scan: Arc::new(OpeningScan::new(scan, personal_data)) }
    }

    /// Up to `limit` commits of this range, those behind `after`. Fewer only at its end.
    pub(crate) async fn page(
        &self,
        range: StreamRange,
        after: Option<CommitPlace>,
        limit: u32,
    ) -> Result<Vec<ReadCommit>, ReadError> {
        let scanned = self.scan.scan(range, after, limit).await?;
        let read = scanned.into_iter().map(|scanned| ReadCommit {
            place: scanned.place,
            events: scanned.commit.map_err(|error| error.to_string()).and_then(|commit| events_of(&commit)),
        });
        Ok(read.collect())
    }
}

/// A commit that stayed sealed, since what is there cannot be opened, must not be taken for one whose personal data has been
/// erased.
fn events_of(commit: &Commit) -> Result<Vec<EventEnvelope>, String> {
    if commit.is_sealed() {
        return Err("its personal data cannot be opened".to_owned());
    }
    Ok(commit.envelopes().collect())
}
