use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{Digest, Idempotency, SealedPersonalData, Timestamp};

/// Names a stream: the id of the aggregate whose events it holds.
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
    /// A UUIDv7 of its own, by which a consumer can tell a repeat.
    pub event_id: Uuid,
    /// See [`DomainEvent::event_type`](crate::DomainEvent::event_type).
    pub event_type: String,
    /// See [`DomainEvent::schema_version`](crate::DomainEvent::schema_version).
    pub schema_version: u32,
    /// See [`DomainEvent::to_data`](crate::DomainEvent::to_data); without the members that are personal.
    pub data: Value,
    /// The members that are personal, encrypted. Not in the stored form, nor in what is hashed, where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal: Option<SealedPersonalData>,
}

impl RecordedEvent {
    /// The event's data as [`DomainEvent::from_data`](crate::DomainEvent::from_data) takes it: with its personal
    /// members where they have been opened, and `null` for each where nobody opened them or nobody can any more.
    #[must_use]
    pub fn readable_data(&self) -> Value {
        let mut data = self.data.clone();
        if let (Some(personal), Value::Object(members)) = (&self.personal, &mut data) {
            members.extend(personal.readable_members());
        }
        data
    }
}

/// The aggregate's state after a commit, in its stored form. A shortcut, never the truth: it is ignored when
/// its version is not this build's, or when it cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedState {
    /// See [`AggregateRoot::STATE_VERSION`](crate::AggregateRoot::STATE_VERSION).
    pub state_version: u32,
    /// The serialized aggregate.
    pub data: Value,
}

/// A commit's content: all that its hash covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitDraft {
    /// Whose stream.
    pub stream_id: StreamId,
    /// See [`AggregateRoot::AGGREGATE_TYPE`](crate::AggregateRoot::AGGREGATE_TYPE).
    pub aggregate_type: String,
    /// The version of the first event in here; versions count a stream's events from 1, without gaps.
    pub first_version: u64,
    /// What happened, in order; never empty.
    pub events: Vec<RecordedEvent>,
    /// When; one command's events happen at one time, and never before those of the commit before.
    pub occurred_at: Timestamp,
    /// Who asked for it.
    pub caller: String,
    /// Follows one request through every log and event that it causes.
    pub correlation_id: String,
    /// What caused this commit directly: the request, or the event that a process reacted to.
    pub causation_id: String,
    /// The client's key, when it sent one.
    pub idempotency: Option<Idempotency>,
    /// The state after these events.
    pub state: RecordedState,
    /// The hash of the commit before this one in its stream; none for the first.
    pub previous_hash: Option<Digest>,
}

/// What one command stores: one insert, and so all or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The content.
    #[serde(flatten)]
    pub draft: CommitDraft,
    /// See [`CommitDraft::hash`].
    pub hash: Digest,
}

impl CommitDraft {
    /// Whether an event in here has personal data.
    #[must_use]
    pub fn has_personal_data(&self) -> bool {
        self.events.iter().any(|event| event.personal.is_some())
    }

    /// SHA-256 over the draft as canonical JSON (RFC 8785): whoever edits a stored commit, takes one out or
    /// swaps two must also find other content of the same digest for every commit that follows.
    ///
    /// The members are this struct's own, by their names and always all there (`null` where absent).
    #[must_use]
    pub fn hash(&self) -> Digest {
        // Values, texts and integers below 2^53 (the event store sees to that): all of it is plain JSON.
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
    /// The stream's version after this commit.
    #[must_use]
    pub fn last_version(&self) -> u64 {
        self.draft.first_version + self.draft.events.len() as u64 - 1
    }

    /// Whether an event in here has personal data.
    #[must_use]
    pub fn has_personal_data(&self) -> bool {
        self.draft.has_personal_data()
    }
}
