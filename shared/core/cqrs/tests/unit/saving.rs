//! Tests of loading, deciding and saving: the stored data and the answers.

use std::sync::Arc;

use cqrs::{
    CommandError, CommandErrorOf, CommandHandler as _, CommandOutcome, EventSourcingHandler, Idempotency, Loaded,
    Refusal,
};

use crate::counter::{BusThatIsAway, CountBy, CountByHandler, Counted, Counter, Full, at, counters, stream_id, time};
use crate::memory::MemoryEventStore;

const NOON: &str = "2026-11-24T12:00:00Z";

async fn count(
    event_store: &Arc<MemoryEventStore>,
    issued_at: &str,
    by: u64,
) -> Result<CommandOutcome<Counter>, CommandErrorOf<Counter>> {
    let handler = CountByHandler { counters: counters(event_store.clone()) };
    handler.handle(&at(issued_at, CountBy(vec![by]))).await
}

#[tokio::test]
async fn given_a_clock_that_is_behind_then_a_streams_times_stand_still_and_never_run_backwards() {
    let event_store = Arc::new(MemoryEventStore::default());
    let issued_at = [NOON, "2026-11-24T11:00:00Z", "2026-11-24T11:59:59.999999Z", "2026-11-24T12:00:01Z", NOON];
    for issued_at in issued_at {
        count(&event_store, issued_at, 1).await.expect("done");
    }
    let occurred_at: Vec<_> = event_store.commits().iter().map(|commit| commit.draft.occurred_at).collect();
    let one_second_later = time("2026-11-24T12:00:01Z");
    assert_eq!(occurred_at, [time(NOON), time(NOON), time(NOON), one_second_later, one_second_later]);
}

#[tokio::test]
async fn a_commit_says_who_asked_when_and_by_which_request() {
    let event_store = Arc::new(MemoryEventStore::default());
    let mut envelope = at(NOON, CountBy(vec![1]));
    envelope.context.causation_id = "event-7".to_owned();
    envelope.context.idempotency = Some(Idempotency::new("ann", "/counters", "key-1", b"1"));
    CountByHandler { counters: counters(event_store.clone()) }.handle(&envelope).await.expect("done");
    let draft = event_store.commits()[0].draft.clone();
    assert_eq!((draft.stream_id, draft.aggregate_type.as_str()), (stream_id(), "counter"));
    assert_eq!((draft.caller.as_str(), draft.occurred_at), ("ann", time(NOON)));
    assert_eq!((draft.correlation_id.as_str(), draft.causation_id.as_str()), ("request-1", "event-7"));
    assert_eq!(draft.idempotency, envelope.context.idempotency);
}

#[tokio::test]
async fn given_a_bus_that_is_away_then_the_command_is_done_all_the_same() {
    let event_store = Arc::new(MemoryEventStore::default());
    let counters = EventSourcingHandler::new(event_store.clone(), Arc::new(BusThatIsAway));
    let outcome = CountByHandler { counters }.handle(&at(NOON, CountBy(vec![5]))).await.expect("done");
    assert_eq!((outcome.version, outcome.aggregate.count), (1, 5));
    assert_eq!(event_store.commits().len(), 1);
}

#[tokio::test]
async fn given_a_decision_that_nothing_follows_from_then_nothing_is_stored_and_the_state_is_answered() {
    let event_store = Arc::new(MemoryEventStore::default());
    count(&event_store, NOON, 3).await.expect("done");
    let handler = CountByHandler { counters: counters(event_store.clone()) };
    let outcome = handler.handle(&at(NOON, CountBy(vec![]))).await.expect("done");
    assert_eq!((outcome.version, outcome.aggregate.count, outcome.replayed), (1, 3, false));
    assert_eq!(event_store.commits().len(), 1);
}

#[tokio::test]
async fn given_a_refusal_then_nothing_is_stored() {
    let event_store = Arc::new(MemoryEventStore::default());
    let envelope = at(NOON, CountBy(vec![1]));
    let full = |_: &Loaded<'_, Counter>| Err(Refusal::Domain(Full));
    let result = counters(event_store.clone()).execute(stream_id(), &envelope.context, full).await;
    assert!(matches!(result, Err(CommandError::Refused(Refusal::Domain(Full)))), "{result:?}");
    assert!(event_store.commits().is_empty());
}

#[tokio::test]
async fn given_a_founded_stream_when_it_is_founded_again_then_that_is_a_conflict_but_the_first_answer_to_its_key() {
    let event_store = Arc::new(MemoryEventStore::default());
    let counters = counters(event_store.clone());
    let one = |_: &Loaded<'_, Counter>| Ok(vec![Counted(1)]);
    let mut founding = at(NOON, CountBy(vec![1])).context;
    founding.idempotency = Some(Idempotency::new("ann", "/counters", "key-1", b"1"));
    let first = counters.create(stream_id(), &founding, one).await.expect("done");
    assert_eq!((first.version, first.replayed), (1, false));
    assert_eq!(event_store.loads(), 0, "there was nothing to load");

    let again = counters.create(stream_id(), &founding, one).await.expect("the first answer");
    assert_eq!(again, CommandOutcome { replayed: true, ..first });
    let others = at(NOON, CountBy(vec![1])).context;
    let result = counters.create(stream_id(), &others, one).await;
    assert!(matches!(result, Err(CommandError::Conflict)), "{result:?}");
    assert_eq!(event_store.commits().len(), 1);
}
