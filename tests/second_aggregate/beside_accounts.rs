//! Cases and accounts in one event store, on one bus, in one read database.

use std::sync::Arc;

use bank::{AccountAggregate, AccountId, Actor, DepositFunds, Money, OpenAccount};
use bank_read_model::{BankAccountEntity, BankAccountProjection};
use cqrs::{
    CommandDispatcher, CommandOutcome, EventEnvelope, EventHandler as _, EventSourcingHandler,
    EventStoreRepository as _, HandledBatch, StreamId,
};
use deposit_funds::DepositFundsHandler;
use open_account::OpenAccountHandler;
use projection::{Declared, Projections};
use sqlite_embedded::SqliteProjector;

use super::case::CaseId;
use super::court::{Court, PROJECTIONS, adjourning, by_a_clerk, scheduling};
use crate::harness::eventually;

const NUMBER: &str = "2 O 131/26";

fn ann() -> Actor {
    Actor { caller: "ann".to_owned(), is_teller: false }
}

fn eur(amount_minor: i64) -> Money {
    Money::new(amount_minor, "EUR".parse().expect("an active code")).expect("within the limit")
}

fn accounts(court: &Court) -> EventSourcingHandler<AccountAggregate> {
    EventSourcingHandler::new(Arc::new(court.event_store.clone()), Arc::new(court.bus.clone()))
        .with_personal_data(court.personal_data.clone())
}

async fn open_account(court: &Court) -> AccountId {
    let account_id = AccountId::generate();
    let command = OpenAccount {
        actor: ann(),
        account_id,
        holder: "Ann Lee".parse().expect("a holder"),
        kind: bank::AccountKind::Checking,
        opening_balance: eur(100),
    };
    let dispatcher = CommandDispatcher::new(OpenAccountHandler::new(accounts(court)));
    dispatcher.dispatch(by_a_clerk(command)).await.expect("opened");
    account_id
}

async fn deposit(court: &Court, account_id: AccountId) -> CommandOutcome<AccountAggregate> {
    let amount = "1.50".parse().expect("an amount");
    let command = DepositFunds { actor: ann(), account_id, amount, reference: None };
    let dispatcher = CommandDispatcher::new(DepositFundsHandler::new(accounts(court)));
    dispatcher.dispatch(by_a_clerk(command)).await.expect("done")
}

async fn account_at(court: &Court, account_id: AccountId, version: u64) -> BankAccountEntity {
    let look = || async {
        let account = court.accounts.account(account_id).await.expect("read");
        account.filter(|account| account.version >= version)
    };
    eventually("the account's events are applied", look).await
}

async fn envelopes(court: &Court, stream_id: StreamId) -> Vec<EventEnvelope> {
    let commits = court.event_store.commits_from(stream_id, 1, 100).await.expect("read");
    let opened = court.personal_data.open(commits).await.expect("opens");
    opened.iter().flat_map(|commit| commit.as_ref().expect("is sound").envelopes()).collect()
}

#[tokio::test]
async fn given_an_account_and_a_case_when_both_are_used_in_turn_then_each_side_has_its_own() {
    let court = Court::open().await;
    let account_id = open_account(&court).await;
    let case_id = court.file(NUMBER).await;
    assert_eq!(deposit(&court, account_id).await.version, 2);
    court.commands.schedule.dispatch(by_a_clerk(scheduling(case_id, 9))).await.expect("done");
    court.commands.adjourn.dispatch(by_a_clerk(adjourning(case_id, 1, 10))).await.expect("done");
    assert_eq!(deposit(&court, account_id).await.version, 3);

    let account = account_at(&court, account_id, 3).await;
    assert_eq!((account.version, account.balance), (3, eur(400)));
    let case = court.case_at(NUMBER, 4).await.expect("a case");
    assert_eq!((case.version, case.hearings.len()), (4, 2));
    for projection in PROJECTIONS.all() {
        assert_eq!(court.bus.progress(projection.name()).await.expect("read").dead_letters, 0);
    }
    // Each stream is a chain of its own.
    for stream_id in [StreamId(account_id.as_uuid()), case_id.stream_id()] {
        let commits = court.event_store.commits_from(stream_id, 1, 100).await.expect("read");
        let mut previous = None;
        for commit in commits {
            assert_eq!(commit.draft.previous_hash, previous);
            previous = Some(commit.hash);
        }
    }
}

/// A program that shares the event store with the court and shows accounts alone.
const ACCOUNTS_ALONE: Projections = Projections::new(&[&Declared::<BankAccountProjection>::NEW], &["case"]);
/// The same program, whose author does not know of the court.
const ACCOUNTS_WITHOUT_A_WORD_OF_CASES: Projections = Projections::new(&[&Declared::<BankAccountProjection>::NEW], &[]);

#[tokio::test]
async fn given_a_batch_with_both_then_each_projection_takes_its_own_events() {
    let court = Court::open().await;
    let account_id = open_account(&court).await;
    let case_id = court.file(NUMBER).await;
    deposit(&court, account_id).await;
    court.commands.schedule.dispatch(by_a_clerk(scheduling(case_id, 9))).await.expect("done");
    court.commands.adjourn.dispatch(by_a_clerk(adjourning(case_id, 1, 10))).await.expect("done");
    account_at(&court, account_id, 2).await;
    court.case_at(NUMBER, 4).await.expect("a case");

    let of_the_account = envelopes(&court, StreamId(account_id.as_uuid())).await;
    let of_the_case = envelopes(&court, case_id.stream_id()).await;
    let both = [of_the_account, of_the_case].concat();
    let handled = async |projector: SqliteProjector| projector.handle(&both).await.expect("handled");
    // The bus has delivered all of them before, so that a projector's own events are repeats.
    let of_both = SqliteProjector::new(court.read_db.clone(), PROJECTIONS);
    assert_eq!(handled(of_both).await, HandledBatch { repeated: 6, ..HandledBatch::default() });
    for (projection, repeated) in PROJECTIONS.all().iter().zip([2, 4]) {
        let of_one = SqliteProjector::of_one(court.read_db.clone(), PROJECTIONS, *projection);
        assert_eq!(handled(of_one).await, HandledBatch { repeated, ..HandledBatch::default() });
    }
    // Events of a type that is ignored on purpose are counted. Events of an unknown type go back to the bus.
    let ignoring = SqliteProjector::new(court.read_db.clone(), ACCOUNTS_ALONE);
    assert_eq!(handled(ignoring).await, HandledBatch { repeated: 2, foreign: 4, ..HandledBatch::default() });
    let unaware = handled(SqliteProjector::new(court.read_db.clone(), ACCOUNTS_WITHOUT_A_WORD_OF_CASES)).await;
    assert_eq!((unaware.repeated, unaware.foreign), (2, 0));
    assert_eq!(unaware.rejected.iter().map(|rejected| rejected.index).collect::<Vec<_>>(), [2, 3, 4, 5]);
}

#[tokio::test]
async fn given_a_command_for_the_other_kind_of_stream_then_it_fails_and_the_stream_stays_as_it_is() {
    let court = Court::open().await;
    let account_id = open_account(&court).await;
    let case_id = court.file(NUMBER).await;

    let account_taken_for_a_case = CaseId::from_stream(StreamId(account_id.as_uuid()));
    let scheduled = court.commands.schedule.dispatch(by_a_clerk(scheduling(account_taken_for_a_case, 9))).await;
    assert!(scheduled.is_err(), "{scheduled:?}");
    let amount = "1".parse().expect("an amount");
    let command = by_a_clerk(DepositFunds { actor: ann(), account_id, amount, reference: None });
    let deposited = accounts(&court)
        .execute(case_id.stream_id(), &command.context, |loaded| {
            Ok(loaded.aggregate.deposit_funds(&command.command)?)
        })
        .await;
    assert!(deposited.is_err(), "{deposited:?}");

    for stream_id in [StreamId(account_id.as_uuid()), case_id.stream_id()] {
        assert_eq!(envelopes(&court, stream_id).await.len(), 1);
    }
}
