//! The way of a case's events through the bus to its row, and of the row to the caller.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bank::{AccountAggregate, AccountEvent, AccountId, AccountKind};
use bank_read_model::BankAccountProjection;
use cqrs::{
    CommitDraft, EventConsumer, EventEnvelope, EventHandler, EventHandlerError, EventSourcingHandler,
    EventStoreRepository as _, HandledBatch, QueryError, RecordedEvent, RecordedState, RejectedEvent, StreamId,
};
use projection::spec::stream;
use projection::{Declared, Projection as _, Projections};
use serde_json::json;
use sqlite_embedded::{BusProgress, SqliteProjector};
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use super::case::{CancelHearing, CaseEvent, CaseId, DecideCase, HearingNumber, HearingStatus, Verdict};
use super::case_event_consumer::CaseEventConsumer;
use super::case_projection::CaseProjection;
use super::case_repository::CaseRepository;
use super::court::{Court, PROJECTIONS, adjourning, at, by_a_clerk, docket_number, holding, open_read_db, scheduling};
use super::docket_entry::DocketEntryKind;
use crate::harness::eventually;

const NUMBER: &str = "2 O 131/26";

/// The projections of the build before the court came to this program.
const WITHOUT_CASES: Projections = Projections::new(&[&Declared::<BankAccountProjection>::NEW], &[]);

fn name(text: &str) -> super::case::Name {
    text.parse().expect("a name")
}

/// A case's first three events as a bus delivers them.
fn case_events() -> Vec<EventEnvelope> {
    let filed = CaseEvent::CaseFiled {
        docket_number: docket_number(NUMBER),
        plaintiff: name("Ann Lee"),
        defendant: name("Bob Roe"),
    };
    let scheduled =
        CaseEvent::HearingScheduled { hearing: HearingNumber(1), starts_at: at(9), room: Some(name("Room 5")) };
    let held = CaseEvent::HearingHeld { hearing: HearingNumber(1) };
    stream("case", case_id().stream_id(), &[filed, scheduled, held])
}

fn case_id() -> CaseId {
    CaseId::of(&docket_number(NUMBER))
}

async fn progress(court: &Court) -> BusProgress {
    court.bus.progress(CaseProjection::NAME).await.expect("reads")
}

// --- through the bus

#[tokio::test]
async fn a_case_is_filed_heard_decided_and_looked_up() {
    let court = Court::open().await;
    let case_id = court.file(NUMBER).await;
    court.commands.schedule.dispatch(by_a_clerk(scheduling(case_id, 9))).await.expect("done");
    court.commands.schedule.dispatch(by_a_clerk(scheduling(case_id, 14))).await.expect("done");
    court.commands.adjourn.dispatch(by_a_clerk(adjourning(case_id, 1, 10))).await.expect("done");
    court.commands.hold.dispatch(by_a_clerk(holding(case_id, 3))).await.expect("done");
    let cancel = CancelHearing { case_id, hearing: HearingNumber(2) };
    court.commands.cancel.dispatch(by_a_clerk(cancel)).await.expect("done");
    let decide = DecideCase { case_id, verdict: Verdict::Plaintiff };
    let decided = court.commands.decide.dispatch(by_a_clerk(decide)).await.expect("done");
    assert_eq!(decided.version, 8);

    let case = court.case_at(NUMBER, decided.version).await.expect("a case");
    assert_eq!((case.case_id, case.version, case.verdict), (case_id, 8, Some(Verdict::Plaintiff)));
    assert_eq!((case.plaintiff, case.defendant), (name("Ann Lee"), name("Bob Roe")));
    let hearings: Vec<_> = case
        .hearings
        .into_iter()
        .map(|hearing| (hearing.hearing.0, hearing.starts_at, hearing.room, hearing.status))
        .collect();
    assert_eq!(
        hearings,
        [
            (1, at(9), Some(name("Room 5")), HearingStatus::Adjourned),
            (2, at(14), Some(name("Room 5")), HearingStatus::Cancelled),
            (3, at(10), Some(name("Room 7")), HearingStatus::Held),
        ]
    );
}

#[tokio::test]
async fn given_no_case_when_it_is_asked_for_then_it_is_not_found_and_at_a_version_the_read_side_is_behind() {
    let court = Court::open().await;
    assert!(matches!(court.ask(NUMBER, None).await, Err(QueryError::NotFound)));
    court.file(NUMBER).await;
    let ahead = court.case_at(NUMBER, 2).await;
    assert!(matches!(ahead, Err(QueryError::ProjectionBehind { min_version: 2 })), "{ahead:?}");
}

#[tokio::test]
async fn given_a_restart_then_the_rows_are_there_and_what_happens_next_is_applied_to_them() {
    let court = Court::open().await;
    let case_id = court.file(NUMBER).await;
    court.case_at(NUMBER, 1).await.expect("a case");
    let court = court.restart().await;
    assert_eq!(court.ask(NUMBER, None).await.expect("a case").version, 1);
    court.commands.schedule.dispatch(by_a_clerk(scheduling(case_id, 9))).await.expect("done");
    assert_eq!(court.case_at(NUMBER, 2).await.expect("a case").hearings.len(), 1);
}

#[tokio::test]
async fn given_an_event_that_the_read_side_cannot_read_then_it_is_kept_aside_and_other_cases_go_on() {
    let court = Court::open().await;
    let case_id = court.file(NUMBER).await;
    let first = court.event_store.last_commit(case_id.stream_id()).await.expect("read").expect("a commit");
    // A newer build was here.
    let appealed = RecordedEvent {
        event_id: Uuid::now_v7(),
        event_type: "CaseAppealed".to_owned(),
        schema_version: 1,
        data: json!({}),
        personal: None,
    };
    let commit = CommitDraft {
        first_version: 2,
        events: vec![appealed],
        state: RecordedState { state_version: 2, data: json!({}) },
        previous_hash: Some(first.hash),
        ..first.draft
    };
    court.event_store.append(&commit.seal()).await.expect("stored");
    court.file("2 O 132/26").await;

    assert_eq!(court.case_at("2 O 132/26", 1).await.expect("a case").version, 1);
    let dead_letters = || async { Some(progress(&court).await.dead_letters).filter(|kept| *kept > 0) };
    assert_eq!(eventually("the event is kept aside", dead_letters).await, 1);
    assert_eq!(court.ask(NUMBER, None).await.expect("a case").version, 1);
}

// --- the docket

#[tokio::test]
async fn given_a_case_with_an_adjournment_then_its_docket_is_read_page_by_page_in_order() {
    let court = Court::open().await;
    let case_id = court.file(NUMBER).await;
    court.commands.schedule.dispatch(by_a_clerk(scheduling(case_id, 9))).await.expect("done");
    court.commands.adjourn.dispatch(by_a_clerk(adjourning(case_id, 1, 10))).await.expect("done");
    court.case_at(NUMBER, 4).await.expect("a case");
    let mut docket = Vec::new();
    loop {
        // A page of two ends between the two entries of one event.
        let page = court.cases.docket(case_id, docket.last(), 2).await.expect("reads");
        if page.is_empty() {
            break;
        }
        docket.extend(page);
    }
    let entries: Vec<_> = docket.iter().map(|entry| (entry.version, entry.line, entry.kind)).collect();
    assert_eq!(
        entries,
        [
            (1, 0, DocketEntryKind::Filed),
            (2, 0, DocketEntryKind::Scheduled),
            (3, 0, DocketEntryKind::Adjourned),
            (3, 1, DocketEntryKind::TimeFree),
            (4, 0, DocketEntryKind::Scheduled),
        ]
    );
}

#[tokio::test]
async fn given_several_cases_of_one_plaintiff_then_they_are_listed_by_docket_number() {
    let court = Court::open().await;
    for number in ["2 O 132/26", "2 O 131/26"] {
        court.file(number).await;
        court.case_at(number, 1).await.expect("a case");
    }
    let cases = court.cases.cases_of(&name("Ann Lee"), 10).await.expect("reads");
    let numbers: Vec<&str> = cases.iter().map(|case| case.docket_number.as_str()).collect();
    assert_eq!(numbers, ["2 O 131/26", "2 O 132/26"]);
    assert_eq!(court.cases.cases_of(&name("Bob Roe"), 10).await.expect("reads"), []);
}

// --- a projection that is added later

async fn open_account(court: &Court) -> AccountId {
    let account_id = AccountId::generate();
    let opened = AccountEvent::AccountOpened {
        owner: "ann".to_owned(),
        holder: "Ann Lee".parse().expect("a holder"),
        kind: AccountKind::Checking,
        opening_balance: bank::Money::new(100, "EUR".parse().expect("an active code")).expect("within the limit"),
    };
    let accounts: EventSourcingHandler<AccountAggregate> =
        EventSourcingHandler::new(Arc::new(court.event_store.clone()), Arc::new(court.bus.clone()))
            .with_personal_data(court.personal_data.clone());
    let context = by_a_clerk(()).context;
    accounts.create(StreamId(account_id.as_uuid()), &context, |_| Ok(vec![opened.clone()])).await.expect("opens");
    account_id
}

async fn account_is_there(court: &Court, account_id: AccountId) {
    let look = || async { court.accounts.account(account_id).await.expect("reads") };
    eventually("the account has a row", look).await;
}

#[tokio::test]
async fn given_a_projection_that_is_added_later_then_the_bus_brings_it_every_event_from_the_beginning() {
    let court = Court::open_with(WITHOUT_CASES).await;
    let account_id = open_account(&court).await;
    let case_id = court.file(NUMBER).await;
    court.commands.schedule.dispatch(by_a_clerk(scheduling(case_id, 9))).await.expect("done");
    account_is_there(&court, account_id).await;
    let of_accounts = async |court: &Court| court.bus.progress(BankAccountProjection::NAME).await.expect("reads");
    let rejected = async || Some(of_accounts(&court).await.dead_letters).filter(|kept| *kept == 2);
    eventually("no projection reads cases, so that their events are kept aside", rejected).await;
    assert!(matches!(court.ask(NUMBER, None).await, Err(QueryError::NotFound)));

    let court = court.restart_with(PROJECTIONS).await;
    assert_eq!(court.builds_due, []);
    assert_eq!(court.case_at(NUMBER, 2).await.expect("a case").hearings.len(), 1);
    let is_taken_back = async || Some(of_accounts(&court).await.dead_letters).filter(|kept| *kept == 0);
    eventually("an event that a projection reads now is no dead letter any more", is_taken_back).await;
    assert_eq!(progress(&court).await.dead_letters, 0);
}

/// A consumer that waits for a sign before it takes its first batch.
struct Waiting {
    sign: Arc<Notify>,
    behind: CaseEventConsumer,
}

#[async_trait]
impl EventConsumer for Waiting {
    async fn consume(&self, events: &[EventEnvelope]) -> Result<Vec<RejectedEvent>, EventHandlerError> {
        self.sign.notified().await;
        // The next batch need not wait.
        self.sign.notify_one();
        self.behind.consume(events).await
    }
}

#[tokio::test]
async fn given_a_new_projection_that_is_far_behind_then_the_first_does_not_wait_for_it() {
    let court = Court::open_with(WITHOUT_CASES).await;
    court.file(NUMBER).await;
    let cases = PROJECTIONS.named(CaseProjection::NAME).expect("is declared");
    let projector = SqliteProjector::of_one(court.read_db.clone(), PROJECTIONS, cases);
    let sign = Arc::new(Notify::new());
    let waiting = Waiting { sign: sign.clone(), behind: CaseEventConsumer::new(Arc::new(projector)) };
    let (stop, stopped) = oneshot::channel::<()>();
    let bus = court.bus.clone();
    let delivery = tokio::spawn(async move {
        let stop = async move {
            // A sender that is gone is a stop, too.
            let _ = stopped.await;
        };
        bus.run(CaseProjection::NAME, &waiting, stop).await;
    });

    for _ in 0..3 {
        let account_id = open_account(&court).await;
        account_is_there(&court, account_id).await;
    }
    let position = async |name| court.bus.progress(name).await.expect("reads").delivered_position;
    let all_delivered = async || Some(position(BankAccountProjection::NAME).await).filter(|position| *position == 4);
    eventually("the first projection is at the end of the log", all_delivered).await;
    assert_eq!(position(CaseProjection::NAME).await, 0);
    sign.notify_one();
    assert_eq!(court.case_at(NUMBER, 1).await.expect("a case").version, 1);
    let _ = stop.send(());
    delivery.await.expect("ends");
}

// --- the consumer

/// Fails once, as a database that is away for a moment.
struct AwayOnce {
    behind: SqliteProjector,
    asked: AtomicU64,
}

#[async_trait]
impl EventHandler for AwayOnce {
    async fn handle(&self, events: &[EventEnvelope]) -> Result<HandledBatch, EventHandlerError> {
        if self.asked.fetch_add(1, Ordering::SeqCst) == 0 {
            return Err(EventHandlerError::Unavailable { source: "away".into() });
        }
        self.behind.handle(events).await
    }
}

#[tokio::test]
async fn given_a_read_database_that_is_away_when_the_batch_comes_again_then_it_is_applied_once() {
    let home = tempfile::tempdir().expect("a folder");
    let read_db = open_read_db(home.path()).await;
    let projector = SqliteProjector::new(read_db.clone(), PROJECTIONS);
    let consumer = CaseEventConsumer::new(Arc::new(AwayOnce { behind: projector, asked: AtomicU64::new(0) }));
    assert!(consumer.consume(&case_events()).await.is_err());
    assert_eq!(consumer.consume(&case_events()).await.expect("consumed"), []);
    let case = CaseRepository::new(Arc::new(read_db)).case(case_id()).await.expect("reads");
    assert_eq!(case.expect("a row").version, 3);
}

#[tokio::test]
async fn given_a_rejected_event_then_the_bus_gets_back_its_place_and_the_reason() {
    let home = tempfile::tempdir().expect("a folder");
    let projector = SqliteProjector::new(open_read_db(home.path()).await, PROJECTIONS);
    let mut events = case_events();
    events[1].schema_version = 9;
    let consumer = CaseEventConsumer::new(Arc::new(projector));
    let rejected = consumer.consume(&events).await.expect("consumed");
    assert_eq!(rejected.iter().map(|rejected| rejected.index).collect::<Vec<_>>(), [1]);
    assert!(rejected[0].reason.contains("schema version 9"), "{}", rejected[0].reason);
}
