use std::sync::Arc;

use bank::{AccountAggregate, AccountEvent, AccountId, Actor, HolderName};
use cqrs::{
    Commit, Digest, DomainEvent as _, EventEnvelope, EventStore, EventStoreRepository, OpenedCommit, PersonalData,
    QueryEnvelope, QueryError, QueryHandler, StreamId, Timestamp, UnopenedCommit,
};

/// A page of an account's audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListAccountEvents {
    /// The caller.
    pub actor: Actor,
    /// The account of the trail.
    pub account_id: AccountId,
    /// The version that the page starts with.
    pub from_version: u64,
    /// The largest number of events.
    pub limit: u32,
}

/// One event of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditedEvent {
    /// The event's place in the stream.
    pub version: u64,
    /// The event.
    pub event: AccountEvent,
    /// The time of the event.
    pub occurred_at: Timestamp,
    /// The event's own id, in the hyphenated form.
    pub event_id: String,
    /// The request that caused the event.
    pub correlation_id: String,
    /// The hash of the event's commit. It covers all events of that commit.
    pub hash: Digest,
    /// The hash of the commit before that commit; `None` in the stream's first commit.
    pub previous_hash: Option<Digest>,
}

/// The page, and the start of the next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsAnswer {
    /// The events, oldest first.
    pub events: Vec<AuditedEvent>,
    /// The version with which the trail continues; `None` at its end.
    pub next_from_version: Option<u64>,
}

/// Handles [`ListAccountEvents`].
pub struct ListAccountEventsHandler {
    event_store_repository: Arc<dyn EventStoreRepository>,
    event_store: EventStore<AccountAggregate>,
    personal_data: Arc<dyn PersonalData>,
}

impl ListAccountEventsHandler {
    /// A handler on this event store. The second argument opens the events' personal data.
    pub fn new(event_store_repository: Arc<dyn EventStoreRepository>, personal_data: Arc<dyn PersonalData>) -> Self {
        Self { event_store: EventStore::new(event_store_repository.clone()), event_store_repository, personal_data }
    }
}

impl QueryHandler<ListAccountEvents> for ListAccountEventsHandler {
    type Answer = EventsAnswer;

    async fn handle(&self, envelope: &QueryEnvelope<ListAccountEvents>) -> Result<EventsAnswer, QueryError> {
        let ListAccountEvents { actor, account_id, from_version, limit } = &envelope.query;
        let stream_id = StreamId(account_id.as_uuid());
        let newest = self.event_store.newest(stream_id).await?.ok_or(QueryError::NotFound)?;
        let account = newest.aggregate.account_of(actor).map_err(|_| QueryError::NotFound)?;
        // Every commit holds at least one event. So this number of commits holds the page, and one more event that
        // shows whether there is a next page.
        let commits = self.event_store_repository.commits_from(stream_id, *from_version, limit + 1).await?;
        let commits: Vec<OpenedCommit> =
            self.personal_data.open(commits).await?.into_iter().collect::<Result<_, UnopenedCommit>>()?;
        let stored: Vec<(&Commit, EventEnvelope)> = commits
            .iter()
            .flat_map(|commit| commit.envelopes().map(move |event| (commit.commit(), event)))
            .filter(|(_, event)| event.version >= *from_version)
            .collect();
        let page_size = *limit as usize;
        let next_from_version = stored.get(page_size).map(|(_, event)| event.version);
        let page = stored.into_iter().take(page_size);
        let mut events: Vec<AuditedEvent> =
            page.map(|(commit, event)| audited(commit, event)).collect::<Result<_, _>>()?;
        if account.is_holder_erased {
            events.iter_mut().for_each(hide_holder);
        }
        Ok(EventsAnswer { events, next_from_version })
    }
}

fn audited(commit: &Commit, envelope: EventEnvelope) -> Result<AuditedEvent, QueryError> {
    let event = AccountEvent::from_data(&envelope.event_type, envelope.schema_version, &envelope.data)
        .map_err(|error| QueryError::Corrupt { reason: error.to_string() })?;
    Ok(AuditedEvent {
        version: envelope.version,
        event,
        occurred_at: envelope.occurred_at,
        event_id: envelope.event_id.to_string(),
        correlation_id: envelope.correlation_id,
        hash: commit.hash,
        previous_hash: commit.draft.previous_hash,
    })
}

/// Hides the holder's name. The log of an account that was opened before names were sealed holds its name for ever. It
/// is not shown any more.
fn hide_holder(audited: &mut AuditedEvent) {
    if let AccountEvent::AccountOpened { holder, .. } = &mut audited.event {
        *holder = HolderName::Erased;
    }
}
