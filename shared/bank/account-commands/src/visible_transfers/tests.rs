use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bank::{Account, AccountStatus, Actor, MAX_AMOUNT_MINOR, Money};
use cqrs::{
    AggregateRoot as _, AppendError, CommandContext, Commit, CommitDraft, Digest, EventPublisher, EventSourcingHandler,
    EventStoreRepository, Idempotency, OpenedCommit, PublishError, ReadError, RecordedEvent, RecordedState, Timestamp,
};
use serde_json::json;
use uuid::Uuid;

use super::*;

/// Accounts of one commit each. It remembers what was asked of it, without the ids.
#[derive(Default)]
struct WatchedStore {
    commits: Vec<Commit>,
    calls: Mutex<Vec<&'static str>>,
}

impl WatchedStore {
    fn call(&self, name: &'static str) {
        self.calls.lock().expect("no panic").push(name);
    }

    fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.calls.lock().expect("no panic"))
    }

    /// Adds an account of this owner in EUR.
    fn account(&mut self, owner: &str, balance_minor: i64, status: AccountStatus) -> AccountId {
        let account_id = AccountId::generate();
        let account = Account {
            owner: owner.to_owned(),
            balance: Money::new(balance_minor, "EUR".parse().expect("a currency")).expect("in bounds"),
            status,
            is_holder_erased: false,
        };
        let opened = RecordedEvent {
            event_id: Uuid::now_v7(),
            event_type: "AccountOpened".to_owned(),
            schema_version: 2,
            data: json!({}),
            personal: None,
        };
        let state = serde_json::to_value(AccountAggregate::Opened(account)).expect("plain JSON");
        let draft = CommitDraft {
            stream_id: StreamId(account_id.as_uuid()),
            aggregate_type: AccountAggregate::AGGREGATE_TYPE.to_owned(),
            first_version: 1,
            events: vec![opened],
            occurred_at: Timestamp::now(),
            caller: owner.to_owned(),
            correlation_id: "a request".to_owned(),
            causation_id: "a request".to_owned(),
            idempotency: None,
            state: RecordedState { state_version: AccountAggregate::STATE_VERSION, data: state },
            previous_hash: None,
        };
        self.commits.push(draft.seal());
        account_id
    }
}

#[async_trait]
impl EventStoreRepository for WatchedStore {
    async fn append(&self, _: &Commit) -> Result<(), AppendError> {
        self.call("append");
        Ok(())
    }

    async fn append_together(&self, _: &[Commit]) -> Result<(), AppendError> {
        self.call("append_together");
        Ok(())
    }

    async fn last_commit(&self, stream_id: StreamId) -> Result<Option<Commit>, ReadError> {
        self.call("last_commit");
        Ok(self.commits.iter().find(|commit| commit.draft.stream_id == stream_id).cloned())
    }

    async fn commits_from(&self, _: StreamId, _: u64, _: u32) -> Result<Vec<Commit>, ReadError> {
        self.call("commits_from");
        Ok(Vec::new())
    }

    async fn commit_by_idempotency_key(&self, _: StreamId, _: &Digest) -> Result<Option<Commit>, ReadError> {
        self.call("commit_by_idempotency_key");
        Ok(None)
    }

    async fn ping(&self) -> Result<(), ReadError> {
        Ok(())
    }
}

/// A bus that takes everything.
struct NoBus;

#[async_trait]
impl EventPublisher for NoBus {
    async fn publish(&self, _: &OpenedCommit) -> Result<(), PublishError> {
        Ok(())
    }
}

/// A transfer of one euro by Ann, with a key.
fn one_euro(from: AccountId, to: AccountId) -> CommandEnvelope<TransferFunds> {
    let command = TransferFunds {
        actor: Actor { caller: "ann".to_owned(), is_teller: false },
        transfer_id: TransferId::generate(),
        from,
        to,
        amount: "1".parse().expect("an amount"),
        reference: None,
    };
    let context = CommandContext {
        caller: "ann".to_owned(),
        correlation_id: "a request".to_owned(),
        causation_id: "a request".to_owned(),
        idempotency: Some(Idempotency::new("ann", "/transfers", "a key", b"one euro")),
        expected_version: None,
        issued_at: Timestamp::now(),
    };
    CommandEnvelope { command, context }
}

/// The refusal, and what was asked of the event store until then.
async fn refused(store: &Arc<WatchedStore>, from: AccountId, to: AccountId) -> (TransferError, Vec<&'static str>) {
    let transfers =
        VisibleTransfers::of(JointEventSourcingHandler::new(EventSourcingHandler::new(store.clone(), Arc::new(NoBus))));
    match transfers.make(&one_euro(from, to), TransferAggregate::transfer_funds).await {
        Err(CommandError::Refused(Refusal::Domain(error))) => (error, store.calls()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_hidden_account_costs_the_same_reads_as_one_that_is_not_there() {
    let mut store = WatchedStore::default();
    let hers = store.account("ann", 500, AccountStatus::Active);
    let his = store.account("bob", 500, AccountStatus::Active);
    let his_closed = store.account("bob", 0, AccountStatus::Closed);
    let his_full = store.account("bob", MAX_AMOUNT_MINOR, AccountStatus::Active);
    let store = Arc::new(store);
    let unknown = refused(&store, AccountId::generate(), hers).await;
    assert_eq!(unknown.0, TransferError::Account(bank::AccountError::NotFound));
    for from in [his, his_closed, his_full] {
        assert_eq!(refused(&store, from, hers).await, unknown);
    }
    let unknown = refused(&store, hers, AccountId::generate()).await;
    assert_eq!(unknown.0, TransferError::RecipientNotFound);
    for to in [his_closed, his_full] {
        assert_eq!(refused(&store, hers, to).await, unknown);
    }
}

#[tokio::test]
async fn a_transfer_is_two_reads_and_one_append() {
    let mut store = WatchedStore::default();
    let (hers, his) =
        (store.account("ann", 500, AccountStatus::Active), store.account("bob", 0, AccountStatus::Active));
    let store = Arc::new(store);
    let transfers =
        VisibleTransfers::of(JointEventSourcingHandler::new(EventSourcingHandler::new(store.clone(), Arc::new(NoBus))));
    let outcome = transfers.make(&one_euro(hers, his), TransferAggregate::transfer_funds).await.expect("done");
    assert_eq!((outcome.transfer.version, outcome.payer.version), (1, 2));
    assert_eq!(outcome.payer.aggregate.opened().expect("opened").balance.amount_minor(), 400);
    assert_eq!(store.calls(), ["last_commit", "last_commit", "append_together"]);
}
