//! The way of a case's events to its row, and of the row to whoever asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use cqrs::{
    CommitDraft, DomainEvent as _, EventConsumer as _, EventEnvelope, EventHandler, EventHandlerError,
    EventStoreRepository as _, HandledBatch, QueryError, RecordedEvent, RecordedState, Timestamp,
};
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

use super::case::{CancelHearing, CaseEvent, CaseId, DecideCase, HearingNumber, HearingStatus, Verdict};
use super::case_event_consumer::CaseEventConsumer;
use super::case_read_model::{CaseEntity, CaseReadDb};
use super::court::{Court, adjourning, at, by_a_clerk, docket_number, holding, scheduling};
use crate::harness::eventually;

const NUMBER: &str = "2 O 131/26";

fn name(text: &str) -> super::case::Name {
    text.parse().expect("a name")
}

fn filed(number: &str) -> CaseEvent {
    CaseEvent::CaseFiled {
        docket_number: docket_number(number),
        plaintiff: name("Ann Lee"),
        defendant: name("Bob Roe"),
    }
}

fn scheduled(hearing: u32, hour: u32) -> CaseEvent {
    CaseEvent::HearingScheduled { hearing: HearingNumber(hearing), starts_at: at(hour), room: Some(name("Room 5")) }
}

/// A stream of five events as a bus delivers them.
fn stream(number: &str) -> Vec<EventEnvelope> {
    let events = [
        filed(number),
        scheduled(1, 9),
        CaseEvent::HearingAdjourned { hearing: HearingNumber(1) },
        scheduled(2, 10),
        CaseEvent::HearingHeld { hearing: HearingNumber(2) },
    ];
    (1..)
        .zip(&events)
        .map(|(version, event)| EventEnvelope {
            stream_id: CaseId::of(&docket_number(number)).stream_id(),
            aggregate_type: "case".to_owned(),
            version,
            event_id: Uuid::now_v7(),
            event_type: event.event_type().to_owned(),
            schema_version: event.schema_version(),
            data: event.to_data(),
            occurred_at: at(8),
            correlation_id: "request-1".to_owned(),
            causation_id: "request-1".to_owned(),
        })
        .collect()
}

async fn read_db() -> (TempDir, CaseReadDb) {
    let home = tempfile::tempdir().expect("a folder");
    // The file is the bank's to make.
    sqlite_embedded::SqliteReadDb::open(&home.path().join("read.db")).await.expect("opens").close().await;
    let read_db = CaseReadDb::open(&home.path().join("read.db")).await.expect("opens");
    (home, read_db)
}

async fn row(read_db: &CaseReadDb, number: &str) -> Option<CaseEntity> {
    read_db.case(CaseId::of(&docket_number(number))).await.expect("read")
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
    let dead_letters =
        || async { Some(court.bus.progress().await.expect("read").dead_letters).filter(|kept| *kept > 0) };
    assert_eq!(eventually("the event is kept aside", dead_letters).await, 1);
    assert_eq!(court.ask(NUMBER, None).await.expect("a case").version, 1);
}

// --- strictly by version

#[tokio::test]
async fn given_any_order_and_repeats_then_the_row_is_that_of_the_stream_in_order() {
    let events = stream(NUMBER);
    let (_home, in_order) = read_db().await;
    assert_eq!(in_order.handle(&events).await.expect("handled").applied, 5);
    let expected = row(&in_order, NUMBER).await;
    for order in [[4, 3, 2, 1, 0], [0, 2, 4, 1, 3], [1, 0, 1, 0, 2], [4, 4, 0, 0, 3]] {
        let (_home, read_db) = read_db().await;
        for index in order {
            read_db.handle(&events[index..=index]).await.expect("handled");
        }
        read_db.handle(&events).await.expect("handled");
        assert_eq!(row(&read_db, NUMBER).await, expected, "{order:?}");
    }
}

#[tokio::test]
async fn each_event_of_a_batch_is_counted_as_what_became_of_it() {
    let events = stream(NUMBER);
    let (_home, read_db) = read_db().await;
    let early = read_db.handle(&[events[2].clone(), events[1].clone(), events[2].clone()]).await.expect("handled");
    assert_eq!(early, HandledBatch { kept_early: 2, repeated: 1, ..HandledBatch::default() });
    let closes_the_gap = read_db.handle(&[events[0].clone(), events[0].clone()]).await.expect("handled");
    assert_eq!(closes_the_gap, HandledBatch { applied: 3, repeated: 1, ..HandledBatch::default() });
    let foreign = EventEnvelope { aggregate_type: "account".to_owned(), ..events[3].clone() };
    let foreign = read_db.handle(&[foreign]).await.expect("handled");
    assert_eq!(foreign, HandledBatch { foreign: 1, ..HandledBatch::default() });
}

#[tokio::test]
async fn given_a_poison_event_then_it_is_rejected_what_follows_it_waits_and_others_go_on() {
    let (_home, read_db) = read_db().await;
    let mut events = stream(NUMBER);
    let good = events[2].clone();
    events[2].event_type = "CaseAppealed".to_owned();
    let handled = read_db.handle(&[events, stream("2 O 132/26")].concat()).await.expect("handled");
    assert_eq!((handled.applied, handled.kept_early), (2 + 5, 2));
    assert_eq!(handled.rejected.iter().map(|rejected| rejected.event.version).collect::<Vec<_>>(), [3]);
    assert_eq!(row(&read_db, NUMBER).await.expect("a row").version, 2);
    assert_eq!(row(&read_db, "2 O 132/26").await.expect("a row").version, 5);
    // Once it is mended, all that waited goes through.
    assert_eq!(read_db.handle(&[good]).await.expect("handled").applied, 3);
    assert_eq!(row(&read_db, NUMBER).await.expect("a row").version, 5);
}

#[tokio::test]
async fn given_an_event_that_cannot_have_happened_then_it_is_rejected_and_the_row_stays() {
    let (_home, read_db) = read_db().await;
    let mut events = stream(NUMBER);
    events[1] = EventEnvelope { data: json!({"hearing": 7}), version: 2, ..events[2].clone() };
    let handled = read_db.handle(&events[..2]).await.expect("handled");
    assert_eq!((handled.applied, handled.rejected.len()), (1, 1));
    assert_eq!(handled.rejected[0].reason, "the case has no hearing 7");
    assert_eq!(row(&read_db, NUMBER).await.expect("a row").version, 1);
}

// --- the consumer

/// Fails once, as a database that is away for a moment.
struct AwayOnce {
    behind: CaseReadDb,
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
async fn given_two_read_databases_when_one_is_away_then_the_batch_comes_again_and_both_have_it_once() {
    let (_first_home, first) = read_db().await;
    let (_second_home, second) = read_db().await;
    let second_at_first_away = AwayOnce { behind: second.clone(), asked: AtomicU64::new(0) };
    let consumer = CaseEventConsumer::new(vec![Arc::new(first.clone()), Arc::new(second_at_first_away)]);
    assert!(consumer.consume(stream(NUMBER)).await.is_err());
    assert_eq!(consumer.consume(stream(NUMBER)).await.expect("consumed"), []);
    assert_eq!(row(&first, NUMBER).await, row(&second, NUMBER).await);
    assert_eq!(row(&first, NUMBER).await.expect("a row").version, 5);
}

#[tokio::test]
async fn given_a_rejected_event_then_the_bus_gets_it_back_whole_with_the_reason() {
    let (_home, read_db) = read_db().await;
    let mut events = stream(NUMBER);
    events[1].schema_version = 9;
    let consumer = CaseEventConsumer::new(vec![Arc::new(read_db)]);
    let rejected = consumer.consume(events.clone()).await.expect("consumed");
    assert_eq!(rejected.len(), 1);
    assert_eq!(rejected[0].event, events[1]);
    assert!(rejected[0].reason.contains("schema version 9"), "{}", rejected[0].reason);
}

/// Hearings of old have no room, in the row as in the event.
#[tokio::test]
async fn given_a_hearing_of_the_first_schema_version_then_its_row_has_no_room() {
    let (_home, read_db) = read_db().await;
    let mut events = stream(NUMBER);
    events[1].schema_version = 1;
    events[1].data = json!({"hearing": 1, "starts_at": Timestamp::now()});
    assert_eq!(read_db.handle(&events[..2]).await.expect("handled").applied, 2);
    assert_eq!(row(&read_db, NUMBER).await.expect("a row").hearings[0].room, None);
}
