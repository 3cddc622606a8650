use cqrs::{Commit, CommitDraft, Digest, Idempotency, OpenedCommit, RecordedEvent, RecordedState, StreamId, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

/// The end of a stream, to which its next commit is chained.
#[derive(Debug, Clone)]
pub struct StreamEnd {
    pub stream_id: StreamId,
    version: u64,
    hash: Option<Digest>,
}

impl StreamEnd {
    /// The end of a stream without commits.
    pub fn of_new_stream() -> Self {
        Self::of_empty(StreamId(Uuid::now_v7()))
    }

    pub fn of_empty(stream_id: StreamId) -> Self {
        Self { stream_id, version: 0, hash: None }
    }

    pub fn after(commit: &Commit) -> Self {
        Self { stream_id: commit.draft.stream_id, version: commit.last_version(), hash: Some(commit.hash) }
    }

    /// A possible next commit. Every member differs from every other by its content.
    pub fn draft(&self, events: Vec<RecordedEvent>) -> CommitDraft {
        let first_version = self.version + 1;
        let micros = 1_764_000_000_123_456 + i64::try_from(first_version).expect("small");
        CommitDraft {
            stream_id: self.stream_id,
            aggregate_type: "counter".to_owned(),
            first_version,
            events,
            occurred_at: Timestamp::from_unix_micros(micros).expect("a time"),
            caller: "a caller".to_owned(),
            correlation_id: format!("correlation {first_version}"),
            causation_id: format!("causation {first_version}"),
            idempotency: None,
            state: RecordedState { state_version: 3, data: json!({ "count": first_version }) },
            previous_hash: self.hash,
        }
    }

    /// The next commit, with this number of events. The end moves behind it.
    pub fn push(&mut self, number_of_events: u64) -> Commit {
        let commit = self.draft(counted(number_of_events)).seal();
        *self = Self::after(&commit);
        commit
    }
}

/// The commit as an opened commit: it has no sealed part.
pub fn opened(commit: &Commit) -> OpenedCommit {
    commit.clone().into_opened().expect("no sealed part")
}

/// This number of events.
pub fn counted(number_of_events: u64) -> Vec<RecordedEvent> {
    (1..=number_of_events).map(|number| recorded(json!({ "number": number }))).collect()
}

pub fn recorded(data: Value) -> RecordedEvent {
    RecordedEvent {
        event_id: Uuid::now_v7(),
        event_type: "Counted".to_owned(),
        schema_version: 2,
        data,
        personal: None,
    }
}

/// A client's key, with a request that differs for each key.
pub fn idempotency(key: &str) -> Idempotency {
    Idempotency::new("a caller", "/counters", key, format!("the request of {key}").as_bytes())
}
