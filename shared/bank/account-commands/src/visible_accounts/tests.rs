use std::sync::Arc;

use async_trait::async_trait;
use bank::{Account, AccountId, AccountStatus, Actor, CloseAccount, Money};
use cqrs::{
    AggregateRoot as _, AppendError, CommandContext, CommandError, Commit, CommitDraft, Digest, EventPublisher,
    EventStoreRepository, OpenedCommit, PublishError, ReadError, RecordedEvent, RecordedState, Refusal, Timestamp,
};
use serde_json::json;
use uuid::Uuid;

use super::*;

/// A stream of one commit, which takes any other.
struct OneCommit(Commit);

#[async_trait]
impl EventStoreRepository for OneCommit {
    async fn append(&self, _: &Commit) -> Result<(), AppendError> {
        Ok(())
    }

    async fn append_together(&self, _: &[Commit]) -> Result<(), AppendError> {
        Ok(())
    }

    async fn last_commit(&self, _: StreamId) -> Result<Option<Commit>, ReadError> {
        Ok(Some(self.0.clone()))
    }

    async fn commits_from(&self, _: StreamId, _: u64, _: u32) -> Result<Vec<Commit>, ReadError> {
        Ok(vec![self.0.clone()])
    }

    async fn commit_by_idempotency_key(&self, _: StreamId, _: &Digest) -> Result<Option<Commit>, ReadError> {
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

/// A command of this caller, decided on this version.
fn closing(account_id: AccountId, caller: &str, is_teller: bool, version: u64) -> CommandEnvelope<CloseAccount> {
    let actor = Actor { caller: caller.to_owned(), is_teller };
    let context = CommandContext {
        caller: caller.to_owned(),
        correlation_id: "a request".to_owned(),
        causation_id: "a request".to_owned(),
        idempotency: None,
        expected_version: Some(version),
        issued_at: Timestamp::now(),
    };
    CommandEnvelope { command: CloseAccount { actor, account_id, reason: None }, context }
}

/// Ann's account, which is empty and at version 1.
fn account_of_ann() -> (VisibleAccounts, AccountId) {
    let account_id = AccountId::generate();
    let account = Account {
        owner: "ann".to_owned(),
        balance: Money::new(0, "EUR".parse().expect("a currency")).expect("in bounds"),
        status: AccountStatus::Active,
        is_holder_erased: false,
    };
    let opened = RecordedEvent {
        event_id: Uuid::now_v7(),
        event_type: "AccountOpened".to_owned(),
        schema_version: 2,
        data: json!({}),
        personal: None,
    };
    let draft = CommitDraft {
        stream_id: StreamId(account_id.as_uuid()),
        aggregate_type: AccountAggregate::AGGREGATE_TYPE.to_owned(),
        first_version: 1,
        events: vec![opened],
        occurred_at: Timestamp::now(),
        caller: "ann".to_owned(),
        correlation_id: "a request".to_owned(),
        causation_id: "a request".to_owned(),
        idempotency: None,
        state: RecordedState {
            state_version: AccountAggregate::STATE_VERSION,
            data: serde_json::to_value(AccountAggregate::Opened(account)).expect("plain JSON"),
        },
        previous_hash: None,
    };
    let event_sourcing_handler = EventSourcingHandler::new(Arc::new(OneCommit(draft.seal())), Arc::new(NoBus));
    (VisibleAccounts::of(event_sourcing_handler), account_id)
}

#[tokio::test]
async fn given_a_strangers_account_when_another_version_is_expected_then_the_account_is_not_found() {
    let (visible_accounts, account_id) = account_of_ann();
    for version in [1, 7] {
        let result = visible_accounts
            .execute(&closing(account_id, "bob", false, version), AccountAggregate::close_account)
            .await;
        assert!(matches!(result, Err(CommandError::Refused(Refusal::Domain(AccountError::NotFound)))), "{result:?}");
    }
}

#[tokio::test]
async fn given_the_callers_own_account_when_another_version_is_expected_then_the_version_is_refused() {
    let (visible_accounts, account_id) = account_of_ann();
    let result = visible_accounts.execute(&closing(account_id, "ann", false, 7), AccountAggregate::close_account).await;
    let expected = Refusal::VersionMismatch { expected: 7, actual: 1 };
    assert!(matches!(&result, Err(CommandError::Refused(refusal)) if *refusal == expected), "{result:?}");
}

#[tokio::test]
async fn given_any_account_when_a_teller_gives_a_command_then_it_is_done() {
    let (visible_accounts, account_id) = account_of_ann();
    let result = visible_accounts.execute(&closing(account_id, "tess", true, 1), AccountAggregate::close_account).await;
    assert_eq!(result.expect("done").version, 2);
}
