use std::sync::Arc;

use bank::{AccountAggregate, AccountId, Actor, HolderName};
use bank_read_model::{BankAccountEntity, BankAccountProjection};
use cqrs::{
    AggregateRoot as _, EventStore, EventStoreRepository, OpenedCommit, PersonalData, QueryEnvelope, QueryError,
    QueryHandler, StreamId, Timestamp, UnopenedCommit,
};
use projection::StreamFold;

/// The number of commits that are read at a time. It is high enough to make round trips cheap, and low enough to fit in
/// memory.
const PAGE_COMMITS: u32 = 500;

/// A query for an account in its state at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetAccountAsOf {
    /// The caller.
    pub actor: Actor,
    /// The account's id.
    pub account_id: AccountId,
    /// The time. Events at exactly this time are included.
    pub as_of: Timestamp,
}

/// Handles [`GetAccountAsOf`].
///
/// It uses the events alone. The state in each commit is a shortcut for commands, and has no holder. So the query needs
/// one read for each 500 commits up to the time, and one read of the newest commit. It holds one page of commits. Times
/// never run backwards within a stream, so the first commit after the time ends the reading.
pub struct GetAccountAsOfHandler {
    event_store_repository: Arc<dyn EventStoreRepository>,
    event_store: EventStore<AccountAggregate>,
    personal_data: Arc<dyn PersonalData>,
}

impl GetAccountAsOfHandler {
    /// A handler on this event store. The second argument opens the events' personal data.
    pub fn new(event_store_repository: Arc<dyn EventStoreRepository>, personal_data: Arc<dyn PersonalData>) -> Self {
        Self { event_store: EventStore::new(event_store_repository.clone()), event_store_repository, personal_data }
    }

    /// The account, with its holder hidden if the holder has been erased since. The erasure of the key hides most
    /// names. But the log of an account that was opened before names were sealed holds its name for ever.
    async fn without_erased_holder(&self, mut account: BankAccountEntity) -> Result<BankAccountEntity, QueryError> {
        let newest = self.event_store.newest(StreamId(account.account_id.as_uuid())).await?;
        let is_holder_erased =
            newest.is_some_and(|newest| newest.aggregate.opened().is_some_and(|opened| opened.is_holder_erased));
        if is_holder_erased {
            account.holder = HolderName::ERASED.to_owned();
        }
        Ok(account)
    }
}

impl QueryHandler<GetAccountAsOf> for GetAccountAsOfHandler {
    type Answer = BankAccountEntity;

    async fn handle(&self, envelope: &QueryEnvelope<GetAccountAsOf>) -> Result<BankAccountEntity, QueryError> {
        let GetAccountAsOf { actor, account_id, as_of } = &envelope.query;
        let stream_id = StreamId(account_id.as_uuid());
        let mut fold = StreamFold::<BankAccountProjection>::new(stream_id);
        loop {
            let version = fold.row().map_or(0, |account| account.version);
            let commits = self.event_store_repository.commits_from(stream_id, version + 1, PAGE_COMMITS).await?;
            let commits = self.personal_data.open(commits).await?;
            let commits = commits.into_iter().collect::<Result<Vec<OpenedCommit>, UnopenedCommit>>()?;
            let occurred_at = |commit: &OpenedCommit| commit.commit().draft.occurred_at;
            for commit in commits.iter().take_while(|commit| occurred_at(commit) <= *as_of) {
                fold_commit(&mut fold, commit)?;
            }
            if fold.row().is_some_and(|account| !account.is_visible_to(actor)) {
                return Err(QueryError::NotFound);
            }
            let is_at_its_end = commits.len() < PAGE_COMMITS as usize;
            if is_at_its_end || commits.last().is_some_and(|commit| occurred_at(commit) > *as_of) {
                return self.without_erased_holder(fold.into_row().ok_or(QueryError::NotFound)?).await;
            }
        }
    }
}

/// Folds one more commit into the account.
fn fold_commit(fold: &mut StreamFold<BankAccountProjection>, commit: &OpenedCommit) -> Result<(), QueryError> {
    let draft = &commit.commit().draft;
    if draft.aggregate_type != AccountAggregate::AGGREGATE_TYPE {
        return Err(QueryError::NotFound);
    }
    let corrupt = |reason: String| QueryError::Corrupt { reason: format!("stream {}: {reason}", draft.stream_id) };
    if draft.events.is_empty() {
        return Err(corrupt(format!("the commit at version {} has no events", draft.first_version)));
    }
    for event in commit.envelopes() {
        fold.apply(&event).map_err(|error| corrupt(error.to_string()))?;
    }
    Ok(())
}
