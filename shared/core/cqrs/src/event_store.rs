use std::marker::PhantomData;
use std::sync::Arc;

use aggregate_root::{AggregateRoot, DomainEvent as _, EventDecodeError};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    CommandContext, Commit, CommitDraft, Digest, EventStoreRepository, Idempotency, OpenedCommit, Opening,
    PersonalData, PersonalDataError, ReadError, RecordedEvent, RecordedState, SealedPersonalData, StreamId, Timestamp,
};

/// The number of commits that a fold reads at a time. It is high enough to make round trips cheap, and low enough to
/// fit in memory.
const FOLD_PAGE_COMMITS: u32 = 500;

/// The events of one kind of aggregate. It turns decisions into commits and commits into aggregates, and it chains the
/// commits by hash. The database behind it is an [`EventStoreRepository`].
#[derive(Clone)]
pub struct EventStore<A> {
    event_store_repository: Arc<dyn EventStoreRepository>,
    personal_data: Option<Arc<dyn PersonalData>>,
    aggregate: PhantomData<fn() -> A>,
}

/// An aggregate in its state after a commit.
#[derive(Debug, Clone)]
pub struct AfterCommit<A> {
    /// The aggregate.
    pub aggregate: A,
    /// The stream's version after the commit.
    pub version: u64,
    /// The time at which the commit's events happened.
    pub occurred_at: Timestamp,
    /// The commit's hash, which the next commit carries.
    pub hash: Digest,
}

/// The reason why an aggregate could not be rebuilt from its events.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The commits could not be read. Handling: see [`ReadError`].
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An event could not be decoded. Handling: see [`EventDecodeError`].
    #[error("stream {stream_id} version {version} cannot be read")]
    Undecodable {
        /// The stream.
        stream_id: StreamId,
        /// The event's version.
        version: u64,
        /// The decoder's error.
        source: EventDecodeError,
    },
}

impl<A: AggregateRoot> EventStore<A> {
    /// An event store on this database, for events without personal data. It can load other events too, because no
    /// decision needs their personal data.
    pub fn new(event_store_repository: Arc<dyn EventStoreRepository>) -> Self {
        Self { event_store_repository, personal_data: None, aggregate: PhantomData }
    }

    /// The same event store, which now seals the personal data of appended events.
    #[must_use]
    pub fn with_personal_data(self, personal_data: Arc<dyn PersonalData>) -> Self {
        Self { personal_data: Some(personal_data), ..self }
    }

    /// The aggregate after its newest commit. It is `None` for a stream that does not exist or belongs to another kind
    /// of aggregate. This takes one read, at any age of the stream.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn newest(&self, stream_id: StreamId) -> Result<Option<AfterCommit<A>>, LoadError> {
        match self.event_store_repository.last_commit(stream_id).await? {
            Some(commit) if is_commit_of::<A>(&commit) => self.after(&commit).await.map(Some),
            Some(_) | None => Ok(None),
        }
    }

    /// The commit that this key wrote, with the aggregate after it.
    pub(crate) async fn by_idempotency_key(
        &self,
        stream_id: StreamId,
        key: &Digest,
    ) -> Result<Option<(Commit, AfterCommit<A>)>, LoadError> {
        match self.event_store_repository.commit_by_idempotency_key(stream_id, key).await? {
            Some(commit) if is_commit_of::<A>(&commit) => {
                let after = self.after(&commit).await?;
                Ok(Some((commit, after)))
            }
            Some(_) | None => Ok(None),
        }
    }

    /// The aggregate after the commit that ends with this version.
    ///
    /// # Errors
    /// See [`LoadError`]; `Corrupt` if no commit of this kind of aggregate ends there.
    pub(crate) async fn at_version(&self, stream_id: StreamId, version: u64) -> Result<AfterCommit<A>, LoadError> {
        let commits = self.event_store_repository.commits_from(stream_id, version, 1).await?;
        match commits.first() {
            Some(commit) if is_commit_of::<A>(commit) && commit.last_version() == version => self.after(commit).await,
            _ => {
                let reason = format!("no commit ends with version {version}");
                Err(ReadError::Corrupt { stream_id, reason }.into())
            }
        }
    }

    /// Whether the commit was written for this request. If the request's personal data has been erased, it can no
    /// longer be told apart from another request with the same key. Then the answer is yes.
    pub(crate) async fn is_same_request(
        &self,
        commit: &Commit,
        idempotency: &Idempotency,
    ) -> Result<bool, PersonalDataError> {
        let first = commit.draft.idempotency.map(|first| first.request_fingerprint);
        let fingerprint = &idempotency.request_fingerprint;
        match &self.personal_data {
            Some(personal_data) if commit.has_personal_data() => {
                let keyed = personal_data.keyed_fingerprint(commit.draft.stream_id, fingerprint).await?;
                Ok(keyed.is_none_or(|keyed| first == Some(keyed)))
            }
            _ => Ok(first == Some(*fingerprint)),
        }
    }

    /// The aggregate after this commit. It comes from the state kept in the commit. If this build cannot read that
    /// state, it comes from the events up to the commit.
    async fn after(&self, commit: &Commit) -> Result<AfterCommit<A>, LoadError> {
        let aggregate = match readable_state(&commit.draft.state) {
            Some(aggregate) => aggregate,
            None => self.fold(commit.draft.stream_id, commit.last_version()).await?,
        };
        Ok(AfterCommit {
            aggregate,
            version: commit.last_version(),
            occurred_at: commit.draft.occurred_at,
            hash: commit.hash,
        })
    }

    /// Folds the stream's events from the first up to and including this version.
    async fn fold(&self, stream_id: StreamId, up_to_version: u64) -> Result<A, LoadError> {
        let mut aggregate = A::default();
        let mut version = 0;
        while version < up_to_version {
            let commits = self.event_store_repository.commits_from(stream_id, version + 1, FOLD_PAGE_COMMITS).await?;
            let damaged = |reason| LoadError::Read(ReadError::Corrupt { stream_id, reason });
            if commits.is_empty() {
                return Err(damaged(format!("no commit holds version {}", version + 1)));
            }
            for commit in commits.iter().take_while(|commit| commit.draft.first_version <= up_to_version) {
                if commit.draft.first_version != version + 1 {
                    return Err(damaged(format!("no commit holds version {}", version + 1)));
                }
                for recorded in &commit.draft.events {
                    version += 1;
                    let data = recorded.readable_data();
                    let event = A::Event::from_data(&recorded.event_type, recorded.schema_version, &data)
                        .map_err(|source| LoadError::Undecodable { stream_id, version, source })?;
                    aggregate.apply(&event);
                }
            }
        }
        Ok(aggregate)
    }

    /// The commit of the events that were decided on `before` (`None` for a new stream), and the aggregate after it. The
    /// commit is not stored yet. It is open in this process.
    ///
    /// # Errors
    /// See [`PersonalDataError`].
    ///
    /// # Panics
    /// If an event or the state holds a number that canonical JSON cannot hold exactly (see
    /// [`DomainEvent::to_data`](crate::DomainEvent::to_data)). The hash would not cover all of the number. Also if an
    /// event has personal data and the store has no means to seal it, or if sealing closed open data.
    pub(crate) async fn commit_of(
        &self,
        stream_id: StreamId,
        before: Option<&AfterCommit<A>>,
        events: &[A::Event],
        context: &CommandContext,
    ) -> Result<(OpenedCommit, AfterCommit<A>), PersonalDataError> {
        let mut aggregate = before.map_or_else(A::default, |before| before.aggregate.clone());
        for event in events {
            aggregate.apply(event);
        }
        let mut draft = CommitDraft {
            stream_id,
            aggregate_type: A::AGGREGATE_TYPE.to_owned(),
            first_version: before.map_or(0, |before| before.version) + 1,
            events: events.iter().map(record::<A>).collect(),
            occurred_at: before.map_or(context.issued_at, |before| context.issued_at.max(before.occurred_at)),
            caller: context.caller.clone(),
            correlation_id: context.correlation_id.clone(),
            causation_id: context.causation_id.clone(),
            idempotency: context.idempotency,
            state: RecordedState {
                state_version: A::STATE_VERSION,
                data: serde_json::to_value(&aggregate).expect("an aggregate's state is plain JSON"),
            },
            previous_hash: before.map(|before| before.hash),
        };
        if draft.has_personal_data() {
            let personal_data = self.personal_data.as_ref().expect("a store for events with personal data can seal it");
            personal_data.seal(&mut draft).await?;
        }
        let opened = draft.seal().into_opened().expect("personal data stays open in the process that writes it");
        let commit = opened.commit();
        let recorded = commit.draft.events.iter().map(|event| &event.data).chain([&commit.draft.state.data]);
        assert!(recorded.into_iter().all(is_exact), "a stored number is beyond 2^53; store it as text");
        let after = AfterCommit {
            aggregate,
            version: commit.last_version(),
            occurred_at: commit.draft.occurred_at,
            hash: commit.hash,
        };
        Ok((opened, after))
    }
}

/// Whether the commit's stream belongs to this kind of aggregate. A stream belongs to the kind that founded it. For any
/// other kind the stream does not exist.
fn is_commit_of<A: AggregateRoot>(commit: &Commit) -> bool {
    commit.draft.aggregate_type == A::AGGREGATE_TYPE
}

/// The largest exact integer of canonical JSON (RFC 8785), which writes numbers as IEEE 754 doubles.
const MAX_EXACT_INTEGER: u64 = 1 << 53;

fn is_exact(value: &Value) -> bool {
    match value {
        Value::Number(number) if number.is_f64() => true,
        Value::Number(number) => {
            number.as_i64().map(i64::unsigned_abs).or(number.as_u64()).is_some_and(|size| size <= MAX_EXACT_INTEGER)
        }
        Value::Array(items) => items.iter().all(is_exact),
        Value::Object(members) => members.values().all(is_exact),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

fn readable_state<A: AggregateRoot>(state: &RecordedState) -> Option<A> {
    if state.state_version != A::STATE_VERSION {
        return None;
    }
    serde_json::from_value(state.data.clone()).ok()
}

/// The event in its stored form, without the ciphertext.
fn record<A: AggregateRoot>(event: &A::Event) -> RecordedEvent {
    let mut data = event.to_data();
    let names = event.personal_members();
    let personal = data.as_object_mut().filter(|_| !names.is_empty()).map(|members| SealedPersonalData {
        members: names.iter().map(|&name| name.to_owned()).collect(),
        ciphertext: String::new(),
        opening: Opening::Opened(names.iter().filter_map(|&name| members.remove_entry(name)).collect()),
    });
    RecordedEvent {
        event_id: Uuid::now_v7(),
        event_type: event.event_type().to_owned(),
        schema_version: event.schema_version(),
        data,
        personal,
    }
}
