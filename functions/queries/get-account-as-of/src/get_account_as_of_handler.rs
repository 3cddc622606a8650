use std::sync::Arc;

use bank::{AccountAggregate, AccountEvent, AccountId, Actor};
use cqrs::{
    AggregateRoot as _, Commit, DomainEvent as _, EventStoreRepository, QueryEnvelope, QueryError, QueryHandler,
    ReadError, StreamId, Timestamp,
};
use read_model::BankAccountEntity;
use tokio::task::JoinHandle;

/// How many commits are read at a time: enough to make the round trips cheap, few enough to hold.
const PAGE_COMMITS: u32 = 500;

/// An account as it stood at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetAccountAsOf {
    /// Who asks.
    pub actor: Actor,
    /// Which account.
    pub account_id: AccountId,
    /// When. What happened at that very time has happened.
    pub as_of: Timestamp,
}

/// Handles [`GetAccountAsOf`].
///
/// From the events and from nothing else: the state that each commit carries is a shortcut for commands and not the
/// truth, and has no holder. So it costs a read for each [`PAGE_COMMITS`] commits up to the time; the next one is under
/// way while one is folded, so that two are held at most. Times never run backwards within a stream, so that the first
/// commit after the time ends it.
pub struct GetAccountAsOfHandler {
    event_store: Arc<dyn EventStoreRepository>,
}

impl GetAccountAsOfHandler {
    /// On this event store.
    pub fn new(event_store: Arc<dyn EventStoreRepository>) -> Self {
        Self { event_store }
    }

    /// Begins at once, and not only when it is waited for.
    fn read_page(&self, stream_id: StreamId, from_version: u64) -> JoinHandle<Result<Vec<Commit>, ReadError>> {
        let event_store = self.event_store.clone();
        tokio::spawn(async move { event_store.commits_from(stream_id, from_version, PAGE_COMMITS).await })
    }
}

impl QueryHandler<GetAccountAsOf> for GetAccountAsOfHandler {
    type Answer = BankAccountEntity;

    async fn handle(&self, envelope: &QueryEnvelope<GetAccountAsOf>) -> Result<BankAccountEntity, QueryError> {
        let GetAccountAsOf { actor, account_id, as_of } = &envelope.query;
        let stream_id = StreamId(account_id.as_uuid());
        let mut account: Option<BankAccountEntity> = None;
        let mut next_page = Some(self.read_page(stream_id, 1));
        while let Some(page) = next_page.take() {
            let commits = page.await.map_err(|error| QueryError::Unavailable { source: error.into() })?;
            let commits = commits.map_err(read_error)?;
            let is_full = commits.len() == PAGE_COMMITS as usize;
            next_page = commits
                .last()
                .filter(|last| is_full && last.draft.occurred_at <= *as_of)
                .map(|last| self.read_page(stream_id, last.last_version() + 1));
            for commit in commits.iter().take_while(|commit| commit.draft.occurred_at <= *as_of) {
                account = Some(after(account, *account_id, commit)?);
            }
            if account.as_ref().is_some_and(|account| !account.is_visible_to(actor)) {
                return Err(QueryError::NotFound);
            }
        }
        account.ok_or(QueryError::NotFound)
    }
}

/// The account after one more commit.
fn after(
    before: Option<BankAccountEntity>,
    account_id: AccountId,
    commit: &Commit,
) -> Result<BankAccountEntity, QueryError> {
    let draft = &commit.draft;
    if draft.aggregate_type != AccountAggregate::AGGREGATE_TYPE {
        return Err(QueryError::NotFound);
    }
    let corrupt = |reason: String| QueryError::Corrupt { reason: format!("stream {}: {reason}", draft.stream_id) };
    let next_version = before.as_ref().map_or(0, |account| account.version) + 1;
    if draft.first_version != next_version {
        return Err(corrupt(format!("no commit holds version {next_version}")));
    }
    let mut account = before;
    for recorded in &draft.events {
        let event = AccountEvent::from_data(&recorded.event_type, recorded.schema_version, &recorded.data)
            .map_err(|error| corrupt(error.to_string()))?;
        let (after, _line) = BankAccountEntity::after(account.as_ref(), account_id, &event, draft.occurred_at)
            .map_err(|error| corrupt(error.to_string()))?;
        account = Some(after);
    }
    account.ok_or_else(|| corrupt(format!("the commit at version {next_version} has no events")))
}

fn read_error(error: ReadError) -> QueryError {
    match error {
        ReadError::Unavailable { source } => QueryError::Unavailable { source },
        ReadError::Corrupt { .. } => QueryError::Corrupt { reason: error.to_string() },
    }
}
