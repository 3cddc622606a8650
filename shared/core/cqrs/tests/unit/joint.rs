//! Tests of decisions over several streams: all is stored or nothing, with one key and one time.

use std::sync::Arc;

use cqrs::{
    CommandContext, CommandError, EventSourcingHandler, Idempotency, JointDecision, JointEventSourcingHandler,
    JointOutcome, JointStreams, Loaded, Refusal, StreamId,
};
use uuid::Uuid;

use crate::counter::{BusThatIsAway, CountBy, Counted, Counter, Full, NoBus, at, time};
use crate::memory::{AlwaysTaken, MemoryEventStore};

const NOON: &str = "2026-11-24T12:00:00Z";
/// The streams' ids are not in the order of the decision.
const STREAMS: JointStreams<2> = JointStreams { leading: stream(5), others: [stream(9), stream(1)] };

const fn stream(id: u128) -> StreamId {
    StreamId(Uuid::from_u128(id))
}

fn joint(event_store: &Arc<MemoryEventStore>) -> JointEventSourcingHandler<Counter, Counter> {
    JointEventSourcingHandler::new(EventSourcingHandler::new(event_store.clone(), Arc::new(NoBus)))
}

fn context(issued_at: &str) -> CommandContext {
    at(issued_at, CountBy(vec![])).context
}

fn with_key(key: &str, request: &[u8]) -> CommandContext {
    CommandContext { idempotency: Some(Idempotency::new("ann", "/counters", key, request)), ..context(NOON) }
}

type Decision = Result<JointDecision<Counter, Counter, 2>, Refusal<Full>>;

/// The leading counter counts one. The first of the others goes up, and the second goes up by two events.
fn count(_: &Loaded<'_, Counter>, _: &[Loaded<'_, Counter>; 2]) -> Decision {
    Ok(JointDecision { leading: vec![Counted(1)], others: [vec![Counted(10)], vec![Counted(20), Counted(5)]] })
}

/// As [`count`], unless the leading counter has counted already.
fn count_once(leading: &Loaded<'_, Counter>, others: &[Loaded<'_, Counter>; 2]) -> Decision {
    if leading.version > 0 { Err(Refusal::Domain(Full)) } else { count(leading, others) }
}

fn counts(outcome: &JointOutcome<Counter, Counter, 2>) -> [(u64, u64); 3] {
    let [one, other] = outcome.others.as_ref().expect("not a repeated answer");
    [
        (outcome.leading.version, outcome.leading.aggregate.count),
        (one.version, one.aggregate.count),
        (other.version, other.aggregate.count),
    ]
}

#[tokio::test]
async fn a_decision_over_three_streams_is_stored_in_one_append_with_one_key_and_one_time() {
    let event_store = Arc::new(MemoryEventStore::default());
    let first = joint(&event_store).execute(&STREAMS, &context("2026-11-24T13:00:00Z"), count).await.expect("done");
    assert_eq!(counts(&first), [(1, 1), (1, 10), (2, 25)]);
    // The clock of this process is behind.
    let second = joint(&event_store).execute(&STREAMS, &with_key("key-1", b"1"), count).await.expect("done");
    assert_eq!(counts(&second), [(2, 2), (2, 20), (4, 50)]);
    let commits = event_store.commits().clone();
    let streams: Vec<StreamId> = commits.iter().map(|commit| commit.draft.stream_id).collect();
    assert_eq!(streams, [stream(1), stream(5), stream(9), stream(1), stream(5), stream(9)]);
    for commit in &commits[3..] {
        assert_eq!(commit.draft.occurred_at, time("2026-11-24T13:00:00Z"));
        let has_key = commit.draft.idempotency.is_some();
        assert_eq!(has_key, commit.draft.stream_id == STREAMS.leading, "only the leading stream has the key");
        assert!(commit.draft.previous_hash.is_some());
    }
}

#[tokio::test]
async fn the_latest_time_of_any_stream_is_the_time_of_all_commits() {
    let event_store = Arc::new(MemoryEventStore::default());
    let later = "2026-11-24T14:00:00Z";
    let one = JointStreams { leading: STREAMS.others[1], others: [] };
    let alone = |_: &Loaded<'_, Counter>, _: &[Loaded<'_, Counter>; 0]| {
        Ok(JointDecision { leading: vec![Counted(1)], others: [] })
    };
    joint(&event_store).execute(&one, &context(later), alone).await.expect("done");
    joint(&event_store).execute(&STREAMS, &context(NOON), count).await.expect("done");
    assert!(event_store.commits().iter().all(|commit| commit.draft.occurred_at == time(later)));
}

#[tokio::test]
async fn a_stream_without_an_event_gets_no_commit() {
    let event_store = Arc::new(MemoryEventStore::default());
    let only_one = |_: &Loaded<'_, Counter>, _: &[Loaded<'_, Counter>; 2]| {
        Ok(JointDecision { leading: vec![Counted(1)], others: [vec![], vec![]] })
    };
    let outcome = joint(&event_store).execute(&STREAMS, &context(NOON), only_one).await.expect("done");
    assert_eq!(counts(&outcome), [(1, 1), (0, 0), (0, 0)]);
    assert_eq!(event_store.commits().len(), 1);
}

#[tokio::test]
async fn a_refusal_stores_nothing() {
    let event_store = Arc::new(MemoryEventStore::default());
    let full = |_: &Loaded<'_, Counter>, _: &[Loaded<'_, Counter>; 2]| Err(Refusal::Domain(Full));
    let result = joint(&event_store).execute(&STREAMS, &context(NOON), full).await;
    assert!(matches!(result, Err(CommandError::Refused(Refusal::Domain(Full)))), "{result:?}");
    assert!(event_store.commits().is_empty());
}

#[tokio::test]
async fn a_repeated_key_brings_the_leading_answer_again_and_the_others_are_read_at_their_versions() {
    let event_store = Arc::new(MemoryEventStore::default());
    let joint = joint(&event_store);
    let first = joint.create(&STREAMS, &with_key("key-1", b"1"), count_once).await.expect("done");
    joint.execute(&STREAMS, &context(NOON), count).await.expect("done");
    let again = joint.create(&STREAMS, &with_key("key-1", b"1"), count_once).await.expect("the first answer");
    assert_eq!((again.leading.version, again.leading.replayed, again.others), (1, true, None));
    let [_, other] = first.others.expect("not a repeated answer");
    assert_eq!(joint.other_at(STREAMS.others[1], other.version).await.expect("reads"), other);
    let result = joint.create(&STREAMS, &with_key("key-1", b"2"), count_once).await;
    assert!(matches!(result, Err(CommandError::IdempotencyKeyReused)), "{result:?}");
    // A version within a commit is no answer of a command.
    let result = joint.other_at(STREAMS.others[1], 1).await;
    assert!(matches!(result, Err(CommandError::Corrupt { .. })), "{result:?}");
    assert_eq!(event_store.commits().len(), 6);
}

#[tokio::test]
async fn a_leading_stream_that_exists_is_not_created_again() {
    let event_store = Arc::new(MemoryEventStore::default());
    let joint = joint(&event_store);
    joint.create(&STREAMS, &context(NOON), count_once).await.expect("done");
    let result = joint.create(&STREAMS, &context(NOON), count_once).await;
    assert!(matches!(result, Err(CommandError::Refused(Refusal::Domain(Full)))), "{result:?}");
    let result = joint.create(&STREAMS, &context(NOON), count).await;
    assert!(matches!(result, Err(CommandError::Conflict)), "{result:?}");
    assert_eq!(event_store.commits().len(), 3);
}

#[tokio::test]
async fn a_lost_race_is_a_conflict_and_stores_nothing() {
    let taken = JointEventSourcingHandler::<Counter, Counter>::new(EventSourcingHandler::new(
        Arc::new(AlwaysTaken::default()),
        Arc::new(NoBus),
    ));
    let result = taken.execute(&STREAMS, &context(NOON), count).await;
    assert!(matches!(result, Err(CommandError::Conflict)), "{result:?}");
}

#[tokio::test]
async fn given_a_bus_that_is_away_then_the_joint_command_is_done_all_the_same() {
    let event_store = Arc::new(MemoryEventStore::default());
    let joint = JointEventSourcingHandler::<Counter, Counter>::new(EventSourcingHandler::new(
        event_store.clone(),
        Arc::new(BusThatIsAway),
    ));
    joint.execute(&STREAMS, &context(NOON), count).await.expect("done");
    assert_eq!(event_store.commits().len(), 3);
}
