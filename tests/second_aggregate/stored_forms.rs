//! The stored data of a case: the events' forms, the state beside them, and data that a build cannot read.

use std::sync::Arc;

use cqrs::{
    AggregateRoot, CommandError, Commit, CommitDraft, DomainEvent as _, EventDecodeError, EventSourcingHandler,
    EventStore, EventStoreRepository, RecordedEvent, RecordedState, StreamId, Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlite_embedded::{SqliteEventStore, TailedLog};
use tempfile::TempDir;
use uuid::Uuid;

use super::case::{Case, CaseError, CaseEvent, CaseId, HearingNumber, Verdict};
use super::court::{CaseCommands, at, by_a_clerk, docket_number, open_event_store, scheduling};

const NUMBER: &str = "2 O 131/26";

/// The build after this one: the same case and the same events, but its states are of another version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct LaterCase(Case);

impl AggregateRoot for LaterCase {
    const AGGREGATE_TYPE: &'static str = Case::AGGREGATE_TYPE;
    const STATE_VERSION: u32 = Case::STATE_VERSION + 1;
    type Event = CaseEvent;
    type Error = CaseError;

    fn apply(&mut self, event: &CaseEvent) {
        self.0.apply(event);
    }
}

/// One event in its stored form.
fn recorded(event_type: &str, schema_version: u32, data: Value) -> RecordedEvent {
    RecordedEvent { event_id: Uuid::now_v7(), event_type: event_type.to_owned(), schema_version, data, personal: None }
}

fn filed() -> RecordedEvent {
    let data = json!({"docket_number": NUMBER, "plaintiff": "Ann Lee", "defendant": "Bob Roe"});
    recorded("CaseFiled", 1, data)
}

/// A commit as another build may have written it.
fn commit(previous: Option<&Commit>, events: Vec<RecordedEvent>, state: RecordedState) -> Commit {
    CommitDraft {
        stream_id: stream_id(),
        aggregate_type: "case".to_owned(),
        first_version: previous.map_or(0, Commit::last_version) + 1,
        events,
        occurred_at: Timestamp::now(),
        caller: "clerk".to_owned(),
        correlation_id: "request-1".to_owned(),
        causation_id: "request-1".to_owned(),
        idempotency: None,
        state,
        previous_hash: previous.map(|previous| previous.hash),
    }
    .seal()
}

fn case_id() -> CaseId {
    CaseId::of(&docket_number(NUMBER))
}

fn stream_id() -> StreamId {
    case_id().stream_id()
}

/// A state that this build does not read.
fn state_of_another_version() -> RecordedState {
    RecordedState { state_version: Case::STATE_VERSION + 7, data: json!({"anything": "else"}) }
}

/// A state that differs from the events. The difference shows whether the state was read.
fn decided_out_of_nothing(state_version: u32) -> RecordedState {
    RecordedState { state_version, data: json!({"filed": {"hearings": {}, "is_decided": true}}) }
}

async fn open() -> (TempDir, SqliteEventStore) {
    let home = tempfile::tempdir().expect("a folder");
    let event_store = open_event_store(home.path()).await;
    (home, event_store)
}

async fn newest<A: AggregateRoot>(event_store: &SqliteEventStore) -> A {
    let store = EventStore::<A>::new(Arc::new(event_store.clone()));
    store.newest(stream_id()).await.expect("read").expect("there").aggregate
}

fn filed_case() -> Case {
    let mut case = Case::default();
    case.apply(&CaseEvent::from_data("CaseFiled", 1, &filed().data).expect("an event"));
    case
}

// --- the events

/// The stored forms, letter by letter. Stored events stay for ever. So a change here without a new schema version is a
/// mistake.
#[test]
fn each_event_is_stored_in_its_documented_form_and_read_back() {
    let hearing = HearingNumber(1);
    for (event, event_type, schema_version, data) in [
        (
            CaseEvent::CaseFiled {
                docket_number: docket_number(NUMBER),
                plaintiff: "Ann Lee".parse().expect("a name"),
                defendant: "Bob Roe".parse().expect("a name"),
            },
            "CaseFiled",
            1,
            json!({"docket_number": "2 O 131/26", "plaintiff": "Ann Lee", "defendant": "Bob Roe"}),
        ),
        (
            CaseEvent::HearingScheduled { hearing, starts_at: at(9), room: Some("Room 5".parse().expect("a name")) },
            "HearingScheduled",
            2,
            json!({"hearing": 1, "starts_at": "2026-12-01T09:00:00.000000Z", "room": "Room 5"}),
        ),
        (CaseEvent::HearingAdjourned { hearing }, "HearingAdjourned", 1, json!({"hearing": 1})),
        (CaseEvent::HearingHeld { hearing }, "HearingHeld", 1, json!({"hearing": 1})),
        (CaseEvent::HearingCancelled { hearing }, "HearingCancelled", 1, json!({"hearing": 1})),
        (CaseEvent::CaseDecided { verdict: Verdict::Defendant }, "CaseDecided", 1, json!({"verdict": "defendant"})),
    ] {
        assert_eq!((event.event_type(), event.schema_version()), (event_type, schema_version));
        assert_eq!(event.to_data(), data);
        assert_eq!(CaseEvent::from_data(event_type, schema_version, &data), Ok(event));
    }
}

#[test]
fn a_hearing_of_the_first_schema_version_is_read_as_one_without_a_room() {
    let data = json!({"hearing": 1, "starts_at": "2026-12-01T09:00:00.000000Z"});
    let read = CaseEvent::from_data("HearingScheduled", 1, &data);
    assert_eq!(read, Ok(CaseEvent::HearingScheduled { hearing: HearingNumber(1), starts_at: at(9), room: None }));
}

#[test]
fn an_event_of_a_newer_build_or_in_another_form_is_not_guessed_at() {
    assert_eq!(
        CaseEvent::from_data("CaseAppealed", 1, &json!({})),
        Err(EventDecodeError::UnknownType { event_type: "CaseAppealed".to_owned() })
    );
    assert_eq!(
        CaseEvent::from_data("HearingHeld", 2, &json!({"hearing": 1})),
        Err(EventDecodeError::UnknownVersion { event_type: "HearingHeld".to_owned(), schema_version: 2 })
    );
    for data in [json!({}), json!([]), json!({"hearing": -1}), json!({"hearing": 1, "more": 1})] {
        let read = CaseEvent::from_data("HearingHeld", 1, &data);
        assert!(matches!(read, Err(EventDecodeError::Malformed { .. })), "{data}: {read:?}");
    }
}

#[test]
fn the_state_is_stored_in_its_documented_form_and_read_back() {
    let mut case = filed_case();
    case.apply(&CaseEvent::HearingScheduled { hearing: HearingNumber(1), starts_at: at(9), room: None });
    case.apply(&CaseEvent::HearingHeld { hearing: HearingNumber(1) });
    let hearing = json!({"starts_at": "2026-12-01T09:00:00.000000Z", "status": "held"});
    let stored = json!({"filed": {"hearings": {"1": hearing}, "is_decided": false}});
    assert_eq!(serde_json::to_value(&case).expect("plain JSON"), stored);
    assert_eq!(serde_json::from_value::<Case>(stored).expect("a state"), case);
}

// --- the state beside the events

#[tokio::test]
async fn given_a_state_of_this_builds_version_then_it_is_taken_and_of_any_other_the_events_are_folded() {
    let (_home, event_store) = open().await;
    // The state differs from the events. The difference shows which of the two was read.
    let commit = commit(None, vec![filed()], decided_out_of_nothing(Case::STATE_VERSION));
    event_store.append(&commit).await.expect("stored");
    let believed = newest::<Case>(&event_store).await;
    assert_eq!(serde_json::to_value(&believed).expect("plain JSON"), commit.draft.state.data);
    assert_eq!(newest::<LaterCase>(&event_store).await, LaterCase(filed_case()));
}

#[tokio::test]
async fn given_a_state_that_cannot_be_read_then_the_events_are_folded_though_its_version_is_right() {
    let (_home, event_store) = open().await;
    let state = RecordedState { state_version: Case::STATE_VERSION, data: json!({"filed": {"hearings": 1}}) };
    event_store.append(&commit(None, vec![filed()], state)).await.expect("stored");
    assert_eq!(newest::<Case>(&event_store).await, filed_case());
}

/// While a new build is rolled out, the new and the old build write to the same streams in turn.
#[tokio::test]
async fn given_two_builds_of_different_state_versions_when_they_write_in_turn_then_each_sees_all_that_happened() {
    let (_home, event_store) = open().await;
    event_store.append(&commit(None, vec![filed()], state_of_another_version())).await.expect("stored");
    let this_build = CaseCommands::new(Arc::new(event_store.clone()), Arc::new(TailedLog));
    let later_build = EventSourcingHandler::<LaterCase>::new(Arc::new(event_store.clone()), Arc::new(TailedLog));

    this_build.schedule.dispatch(by_a_clerk(scheduling(case_id(), 9))).await.expect("done");
    let command = by_a_clerk(scheduling(case_id(), 10));
    let later = later_build
        .execute(stream_id(), &command.context, |loaded| Ok(loaded.aggregate.0.schedule_hearing(&command.command)?))
        .await
        .expect("done");
    assert_eq!(later.version, 3);
    let same_time = this_build.schedule.dispatch(by_a_clerk(scheduling(case_id(), 10))).await;
    let expected = CaseError::SameTime { hearing: HearingNumber(2) };
    assert!(matches!(&same_time, Err(CommandError::Refused(cqrs::Refusal::Domain(error))) if *error == expected));
    assert_eq!(newest::<Case>(&event_store).await, newest::<LaterCase>(&event_store).await.0);
}

#[tokio::test]
async fn given_events_of_every_schema_version_when_they_are_folded_then_the_old_ones_count_as_well() {
    let (_home, event_store) = open().await;
    let of_version_1 = recorded("HearingScheduled", 1, json!({"hearing": 1, "starts_at": at(9)}));
    let of_version_2 = recorded("HearingScheduled", 2, json!({"hearing": 2, "starts_at": at(10), "room": "Room 5"}));
    // The second of the two commits has two events, because a fold must not stop at a commit's first event.
    let first = commit(None, vec![filed()], state_of_another_version());
    let second = commit(Some(&first), vec![of_version_1, of_version_2], state_of_another_version());
    event_store.append(&first).await.expect("stored");
    event_store.append(&second).await.expect("stored");

    let commands = CaseCommands::new(Arc::new(event_store.clone()), Arc::new(TailedLog));
    for (hour, hearing) in [(9, 1), (10, 2)] {
        let same_time = commands.schedule.dispatch(by_a_clerk(scheduling(case_id(), hour))).await;
        let expected = CaseError::SameTime { hearing: HearingNumber(hearing) };
        assert!(matches!(&same_time, Err(CommandError::Refused(cqrs::Refusal::Domain(error))) if *error == expected));
    }
    assert_eq!(commands.schedule.dispatch(by_a_clerk(scheduling(case_id(), 11))).await.expect("done").version, 4);
}

// --- what this build cannot read

#[tokio::test]
async fn given_an_event_that_this_build_cannot_read_then_the_command_says_where_it_is_and_stores_nothing() {
    for (unreadable, expected) in [
        (
            recorded("CaseAppealed", 1, json!({})),
            EventDecodeError::UnknownType { event_type: "CaseAppealed".to_owned() },
        ),
        (
            recorded("HearingScheduled", 3, json!({})),
            EventDecodeError::UnknownVersion { event_type: "HearingScheduled".to_owned(), schema_version: 3 },
        ),
    ] {
        let (_home, event_store) = open().await;
        let scheduled = recorded("HearingScheduled", 2, json!({"hearing": 1, "starts_at": at(9), "room": null}));
        let first = commit(None, vec![filed()], state_of_another_version());
        let second = commit(Some(&first), vec![scheduled, unreadable], state_of_another_version());
        event_store.append(&first).await.expect("stored");
        event_store.append(&second).await.expect("stored");

        let commands = CaseCommands::new(Arc::new(event_store.clone()), Arc::new(TailedLog));
        match commands.schedule.dispatch(by_a_clerk(scheduling(case_id(), 10))).await {
            Err(CommandError::Undecodable { stream_id: of, version, source }) => {
                assert_eq!((of, version, source), (stream_id(), 3, expected));
            }
            other => panic!("{other:?}"),
        }
        let newest = event_store.last_commit(stream_id()).await.expect("read").expect("a commit");
        assert_eq!(newest, second);
    }
}
