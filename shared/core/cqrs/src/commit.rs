use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{CommitPlace, Digest, Idempotency, SealedPersonalData, Timestamp};

/// The name of a stream: the id of the aggregate whose events it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StreamId(pub Uuid);

impl fmt::Display for StreamId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.as_hyphenated(), formatter)
    }
}

/// One event in its stored form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedEvent {
    /// The event's own UUIDv7, by which a consumer recognizes a repeat.
    pub event_id: Uuid,
    /// See [`DomainEvent::event_type`](crate::DomainEvent::event_type).
    pub event_type: String,
    /// See [`DomainEvent::schema_version`](crate::DomainEvent::schema_version).
    pub schema_version: u32,
    /// See [`DomainEvent::to_data`](crate::DomainEvent::to_data). The personal members are left out.
    pub data: Value,
    /// The personal members, encrypted. Without personal members, this field is neither stored nor hashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal: Option<SealedPersonalData>,
}

impl RecordedEvent {
    /// The event's data as [`DomainEvent::from_data`](crate::DomainEvent::from_data) takes it. A personal member is
    /// there if it has been opened. It is `null` if it is still sealed or has been erased.
    #[must_use]
    pub fn readable_data(&self) -> Value {
        let mut data = self.data.clone();
        if let (Some(personal), Value::Object(members)) = (&self.personal, &mut data) {
            members.extend(personal.readable_members());
        }
        data
    }
}

/// The aggregate's state after a commit, in its stored form. The state is a shortcut, and never the truth. It is
/// ignored when its version is not this build's, or when it cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedState {
    /// See [`AggregateRoot::STATE_VERSION`](crate::AggregateRoot::STATE_VERSION).
    pub state_version: u32,
    /// The serialized aggregate.
    pub data: Value,
}

/// A commit's content: all data that its hash covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitDraft {
    /// The stream of the commit.
    pub stream_id: StreamId,
    /// See [`AggregateRoot::AGGREGATE_TYPE`](crate::AggregateRoot::AGGREGATE_TYPE).
    pub aggregate_type: String,
    /// The version of the commit's first event. Versions count a stream's events from 1, without gaps.
    pub first_version: u64,
    /// The events, in order. There is at least one.
    pub events: Vec<RecordedEvent>,
    /// The time of the events. All events of one command have one time, which is never before the time of the commit
    /// before.
    pub occurred_at: Timestamp,
    /// The caller that gave the command.
    pub caller: String,
    /// An id that follows one request through every log and event that the request causes.
    pub correlation_id: String,
    /// The direct cause of this commit: the request, or the event that a process reacted to.
    pub causation_id: String,
    /// The client's idempotency key, if the client sent one.
    pub idempotency: Option<Idempotency>,
    /// The state after these events.
    pub state: RecordedState,
    /// The hash of the commit before this one in its stream; `None` for the first commit.
    pub previous_hash: Option<Digest>,
}

/// The data that one command stores in one stream. It is one insert, so all of it is stored or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The content.
    #[serde(flatten)]
    pub draft: CommitDraft,
    /// See [`CommitDraft::hash`].
    pub hash: Digest,
}

impl CommitDraft {
    /// Whether an event of this draft has personal data.
    #[must_use]
    pub fn has_personal_data(&self) -> bool {
        self.events.iter().any(|event| event.personal.is_some())
    }

    /// SHA-256 over the draft as canonical JSON (RFC 8785). Editing a stored commit, removing one or swapping two
    /// changes a digest. To hide that, an attacker would need other content with the same digest for every commit that
    /// follows.
    ///
    /// The JSON members have the names of this struct's fields. All of them are always there (`null` where absent).
    #[must_use]
    pub fn hash(&self) -> Digest {
        // The draft has only values, texts and integers below 2^53 (the event store ensures that), so it is plain JSON.
        Digest::of(&serde_json_canonicalizer::to_vec(self).expect("a commit is plain JSON"))
    }

    /// Seals the content with its hash.
    #[must_use]
    pub fn seal(self) -> Commit {
        let hash = self.hash();
        Commit { draft: self, hash }
    }
}

impl Commit {
    /// The commit's place in the event store.
    #[must_use]
    pub const fn place(&self) -> CommitPlace {
        CommitPlace { stream_id: self.draft.stream_id, first_version: self.draft.first_version }
    }

    /// The stream's version after this commit.
    #[must_use]
    pub fn last_version(&self) -> u64 {
        self.draft.first_version + self.draft.events.len() as u64 - 1
    }

    /// Whether an event of this commit has personal data.
    #[must_use]
    pub fn has_personal_data(&self) -> bool {
        self.draft.has_personal_data()
    }
}
