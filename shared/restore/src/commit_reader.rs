use std::sync::Arc;

use cqrs::{
    Commit, CommitPlace, CommitScan, EventEnvelope, PersonalData, PersonalDataError, ReadError, RecordedEvent,
    SealedPersonalData, StreamRange,
};

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
    personal_data: Arc<dyn PersonalData>,
}

impl CommitReader {
    pub(crate) fn new(scan: Arc<dyn CommitScan>, personal_data: Arc<dyn PersonalData>) -> Self {
        Self { scan, personal_data }
    }

    /// Up to `limit` commits of this range, those behind `after`. Fewer only at its end.
    pub(crate) async fn page(
        &self,
        range: StreamRange,
        after: Option<CommitPlace>,
        limit: u32,
    ) -> Result<Vec<ReadCommit>, ReadError> {
        let scanned = self.scan.scan(range, after, limit).await?;
        let (mut places, mut commits, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
        for scanned in scanned {
            match scanned.commit {
                Ok(commit) => {
                    places.push(scanned.place);
                    commits.push(commit);
                }
                Err(error) => unreadable.push(ReadCommit { place: scanned.place, events: Err(error.to_string()) }),
            }
        }
        match self.personal_data.open(&mut commits).await {
            Ok(()) => {}
            // It stays sealed, and so cannot be folded; those beside it are open.
            Err(error @ PersonalDataError::Corrupt { .. }) => tracing::error!(%error, "left sealed"),
            Err(error) => return Err(error.into()),
        }
        let mut read: Vec<ReadCommit> = places
            .into_iter()
            .zip(&commits)
            .map(|(place, commit)| ReadCommit { place, events: events_of(commit) })
            .collect();
        read.append(&mut unreadable);
        read.sort_by_key(|commit| commit.place);
        Ok(read)
    }
}

/// A commit that stayed sealed must not be taken for one whose personal data has been erased.
fn events_of(commit: &Commit) -> Result<Vec<EventEnvelope>, String> {
    let is_sealed = |event: &RecordedEvent| event.personal.as_ref().is_some_and(SealedPersonalData::is_sealed);
    if commit.draft.events.iter().any(is_sealed) {
        return Err("its personal data cannot be opened".to_owned());
    }
    Ok(commit.envelopes().collect())
}
