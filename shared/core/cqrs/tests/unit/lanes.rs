//! Tests of many commands at once in one process: the lane of a stream, the groups of commits, and the faults in them.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use cqrs::{
    AppendError, CommandContext, CommandError, CommandOutcome, Commit, Digest, EventPublisher, EventSourcingHandler,
    EventStoreRepository, Idempotency, JointDecision, JointEventSourcingHandler, JointStreams, Loaded, OpenedCommit,
    PublishError, ReadError, Refusal, RunOutcome, StreamId,
};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::counter::{CountBy, Counted, Counter, Full, NoBus, at, stream_id};
use crate::memory::MemoryEventStore;

const NOON: &str = "2026-11-24T12:00:00Z";
/// The largest count that [`count_up_to_limit`] allows.
const LIMIT: u64 = 5;

/// An event store in memory whose requests take time, and which counts its writes.
#[derive(Default)]
struct SlowEventStore {
    behind: MemoryEventStore,
    /// The number of commits in each write.
    writes: Mutex<Vec<usize>>,
    reads: AtomicUsize,
    /// The writes that get no answer, counted from 0.
    silent_writes: HashSet<usize>,
}

impl SlowEventStore {
    fn writes(&self) -> Vec<usize> {
        self.writes.lock().expect("no panic").clone()
    }
}

#[async_trait]
impl EventStoreRepository for SlowEventStore {
    async fn append(&self, commit: &Commit) -> Result<(), AppendError> {
        self.behind.append(commit).await
    }

    async fn append_together(&self, commits: &[Commit]) -> Result<(), AppendError> {
        tokio::time::sleep(Duration::from_millis(3)).await;
        self.behind.append_together(commits).await
    }

    async fn append_runs(&self, runs: &[Vec<&Commit>]) -> Vec<RunOutcome> {
        let write = {
            let mut writes = self.writes.lock().expect("no panic");
            writes.push(runs.iter().map(Vec::len).sum());
            writes.len() - 1
        };
        tokio::time::sleep(Duration::from_millis(3)).await;
        let outcomes = self.behind.append_runs(runs).await;
        if !self.silent_writes.contains(&write) {
            return outcomes;
        }
        let unknown = |_| RunOutcome {
            stored_commits: 0,
            stopped_by: Some(AppendError::Unavailable { source: "no answer".into() }),
        };
        runs.iter().map(unknown).collect()
    }

    async fn last_commit(&self, stream_id: StreamId) -> Result<Option<Commit>, ReadError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.behind.last_commit(stream_id).await
    }

    async fn commits_from(&self, stream_id: StreamId, from_version: u64, limit: u32) -> Result<Vec<Commit>, ReadError> {
        self.behind.commits_from(stream_id, from_version, limit).await
    }

    async fn commit_by_idempotency_key(&self, stream_id: StreamId, key: &Digest) -> Result<Option<Commit>, ReadError> {
        self.behind.commit_by_idempotency_key(stream_id, key).await
    }

    async fn ping(&self) -> Result<(), ReadError> {
        Ok(())
    }
}

/// A bus that keeps the order in which it gets commits.
#[derive(Default)]
struct OrderedBus {
    published: Mutex<Vec<(StreamId, u64)>>,
}

#[async_trait]
impl EventPublisher for OrderedBus {
    async fn publish(&self, commit: &OpenedCommit) -> Result<(), PublishError> {
        tokio::time::sleep(Duration::from_millis(2)).await;
        let place = commit.commit().place();
        self.published.lock().expect("no panic").push((place.stream_id, place.first_version));
        Ok(())
    }
}

fn context(key: Option<&str>) -> CommandContext {
    let mut context = at(NOON, CountBy(Vec::new())).context;
    context.idempotency = key.map(|key| Idempotency::new("ann", "/counters", key, key.as_bytes()));
    context
}

fn count_one(_: &Loaded<'_, Counter>) -> Result<Vec<Counted>, Refusal<Full>> {
    Ok(vec![Counted(1)])
}

fn count_up_to_limit(loaded: &Loaded<'_, Counter>) -> Result<Vec<Counted>, Refusal<Full>> {
    if loaded.aggregate.count >= LIMIT { Err(Refusal::Domain(Full)) } else { count_one(loaded) }
}

/// A decision on a counter.
type Decide = fn(&Loaded<'_, Counter>) -> Result<Vec<Counted>, Refusal<Full>>;

type Answer = Result<CommandOutcome<Counter>, CommandError<Full>>;

/// The answers to this many commands on one stream at once, in the order of the commands.
async fn at_once(
    counters: &EventSourcingHandler<Counter>,
    commands: usize,
    decide: Decide,
    key_of: impl Fn(usize) -> Option<String>,
) -> Vec<Answer> {
    let mut running = JoinSet::new();
    for command in 0..commands {
        let (counters, context) = (counters.clone(), context(key_of(command).as_deref()));
        running.spawn(async move { (command, counters.execute(stream_id(), &context, decide).await) });
    }
    let mut answers = running.join_all().await;
    answers.sort_by_key(|(command, _)| *command);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// The stored versions of the stream, which must have no gap, and whose hashes must form a chain.
fn assert_whole(event_store: &MemoryEventStore) -> u64 {
    let commits = event_store.commits();
    let mut of_the_stream: Vec<&Commit> =
        commits.iter().filter(|commit| commit.draft.stream_id == stream_id()).collect();
    of_the_stream.sort_by_key(|commit| commit.draft.first_version);
    let mut previous: Option<&Commit> = None;
    for commit in &of_the_stream {
        assert_eq!(commit.draft.first_version, previous.map_or(0, Commit::last_version) + 1);
        assert_eq!(commit.draft.previous_hash, previous.map(|commit| commit.hash));
        previous = Some(commit);
    }
    previous.map_or(0, Commit::last_version)
}

fn no_key(_: usize) -> Option<String> {
    None
}

#[tokio::test(start_paused = true)]
async fn given_many_commands_on_one_stream_at_once_then_all_are_done_in_few_writes_and_one_load() {
    let (event_store, bus) = (Arc::new(SlowEventStore::default()), Arc::new(OrderedBus::default()));
    let counters = EventSourcingHandler::new(event_store.clone(), bus.clone());
    let answers = at_once(&counters, 32, count_one, no_key).await;
    let versions: HashSet<u64> = answers.into_iter().map(|answer| answer.expect("done").version).collect();
    assert_eq!(versions, (1..=32).collect());
    assert_eq!(assert_whole(&event_store.behind), 32);
    assert_eq!(event_store.reads.load(Ordering::SeqCst), 1, "the first command loads for all");
    assert!(event_store.writes().len() <= 2, "{:?}", event_store.writes());
    let published = bus.published.lock().expect("no panic").clone();
    assert_eq!(published, (1..=32).map(|version| (stream_id(), version)).collect::<Vec<_>>(), "in order");
}

#[tokio::test(start_paused = true)]
async fn given_a_command_alone_then_it_is_written_at_once_and_the_next_command_loads_nothing() {
    let event_store = Arc::new(SlowEventStore::default());
    let counters = EventSourcingHandler::new(event_store.clone(), Arc::new(NoBus));
    for version in 1..=3 {
        let began_at = tokio::time::Instant::now();
        let outcome = counters.execute(stream_id(), &context(None), count_one).await.expect("done");
        assert_eq!(outcome.version, version);
        let expected_ms = if version == 1 { 1 + 3 } else { 3 };
        assert_eq!(began_at.elapsed(), Duration::from_millis(expected_ms));
    }
    assert_eq!(event_store.writes(), [1, 1, 1]);
    assert_eq!(event_store.reads.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn given_commands_on_many_streams_at_once_then_they_share_writes() {
    let event_store = Arc::new(SlowEventStore::default());
    let counters = EventSourcingHandler::new(event_store.clone(), Arc::new(NoBus));
    let mut running = JoinSet::new();
    for stream in 0..100 {
        let counters = counters.clone();
        running.spawn(async move {
            counters.execute(StreamId(Uuid::from_u128(stream)), &context(None), count_one).await.expect("done").version
        });
    }
    assert_eq!(running.join_all().await, [1; 100]);
    let writes = event_store.writes();
    assert_eq!(writes.iter().sum::<usize>(), 100);
    assert!(writes.len() < 10, "{writes:?}");
}

#[tokio::test(start_paused = true)]
async fn given_more_commands_than_the_limit_allows_then_exactly_the_commands_beyond_it_are_refused() {
    let event_store = Arc::new(SlowEventStore::default());
    let counters = EventSourcingHandler::new(event_store.clone(), Arc::new(NoBus));
    let answers = at_once(&counters, 10, count_up_to_limit, no_key).await;
    let is_refused = |answer: &&Answer| matches!(answer, Err(CommandError::Refused(Refusal::Domain(Full))));
    assert_eq!(answers.iter().filter(is_refused).count(), 5, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 5, "{answers:?}");
    assert_eq!(assert_whole(&event_store.behind), LIMIT);
}

#[tokio::test(start_paused = true)]
async fn given_one_command_of_ten_with_a_key_that_was_there_then_it_gets_the_first_answer_and_the_others_are_done() {
    let event_store = Arc::new(SlowEventStore::default());
    let counters = EventSourcingHandler::new(event_store.clone(), Arc::new(NoBus));
    let first = counters.execute(stream_id(), &context(Some("again")), count_one).await.expect("done");
    let key_of = |command| (command == 4).then(|| "again".to_owned());
    let answers = at_once(&counters, 10, count_one, key_of).await;
    for (command, answer) in answers.into_iter().enumerate() {
        let outcome = answer.expect("done");
        if command == 4 {
            assert_eq!(outcome, CommandOutcome { replayed: true, ..first.clone() });
        } else {
            assert!(!outcome.replayed && outcome.version > 1, "{outcome:?}");
        }
    }
    assert_eq!(assert_whole(&event_store.behind), 10);
}

#[tokio::test(start_paused = true)]
async fn given_one_key_in_ten_commands_at_once_then_there_is_one_effect_and_ten_equal_answers() {
    let event_store = Arc::new(SlowEventStore::default());
    let counters = EventSourcingHandler::new(event_store.clone(), Arc::new(NoBus));
    let answers = at_once(&counters, 10, count_one, |_| Some("the same".to_owned())).await;
    let mut effects = 0;
    for answer in answers {
        let outcome = answer.expect("done");
        assert_eq!(outcome.version, 1);
        effects += usize::from(!outcome.replayed);
    }
    assert_eq!((effects, assert_whole(&event_store.behind)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn given_another_process_on_the_stream_then_no_version_is_written_twice_and_none_is_left_out() {
    let event_store = Arc::new(SlowEventStore::default());
    let here = EventSourcingHandler::new(event_store.clone(), Arc::new(NoBus));
    let elsewhere = EventSourcingHandler::new(event_store.clone(), Arc::new(NoBus));
    let mut done = 0;
    for _ in 0..20 {
        let both = tokio::join!(at_once(&here, 5, count_one, no_key), at_once(&elsewhere, 5, count_one, no_key));
        for answer in both.0.into_iter().chain(both.1) {
            match answer {
                Ok(_) => done += 1,
                Err(CommandError::Conflict) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(assert_whole(&event_store.behind), done);
    }
    assert!(done >= 20, "each round has a winner: {done}");
}

#[tokio::test(start_paused = true)]
async fn given_a_remembered_state_that_is_outdated_then_a_refusal_comes_from_the_stored_state() {
    let event_store = Arc::new(SlowEventStore::default());
    let here = EventSourcingHandler::new(event_store.clone(), Arc::new(NoBus));
    let elsewhere = EventSourcingHandler::new(event_store.clone(), Arc::new(NoBus));
    here.execute(stream_id(), &context(None), count_one).await.expect("done");
    elsewhere.execute(stream_id(), &context(None), count_one).await.expect("done");
    let mut expecting = context(None);
    expecting.expected_version = Some(2);
    let at_that_version = |loaded: &Loaded<'_, Counter>| {
        loaded.require_version(Some(2))?;
        count_one(loaded)
    };
    let outcome = here.execute(stream_id(), &expecting, at_that_version).await.expect("the stored state allows it");
    assert_eq!(outcome.version, 3);
    let result = elsewhere.execute(stream_id(), &expecting, at_that_version).await;
    let is_lost = matches!(result, Err(CommandError::Conflict));
    assert!(is_lost, "the remembered version 2 lets the command pass, and the event store refuses it: {result:?}");
    let result = elsewhere.execute(stream_id(), &expecting, at_that_version).await;
    let mismatch = Refusal::VersionMismatch { expected: 2, actual: 3 };
    assert!(matches!(&result, Err(CommandError::Refused(refusal)) if *refusal == mismatch), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn given_a_write_without_an_answer_then_its_commands_hear_that_and_later_commands_go_on_without_a_gap() {
    let event_store = Arc::new(SlowEventStore { silent_writes: HashSet::from([1]), ..SlowEventStore::default() });
    let counters = EventSourcingHandler::new(event_store.clone(), Arc::new(NoBus));
    counters.execute(stream_id(), &context(None), count_one).await.expect("done");
    let answers = at_once(&counters, 10, count_one, no_key).await;
    let unavailable = answers.iter().filter(|answer| matches!(answer, Err(CommandError::Unavailable { .. }))).count();
    let done = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!((unavailable > 0, unavailable + done), (true, 10), "{answers:?}");
    // The write had its effect, although nobody heard of it.
    assert_eq!(assert_whole(&event_store.behind), 1 + 10);
}

#[tokio::test(start_paused = true)]
async fn given_a_command_that_is_given_up_halfway_then_the_commands_behind_it_are_done() {
    let event_store = Arc::new(SlowEventStore::default());
    let counters = EventSourcingHandler::new(event_store.clone(), Arc::new(NoBus));
    for _ in 0..5 {
        let contexts = (context(None), context(None));
        let given_up =
            tokio::time::timeout(Duration::from_millis(2), counters.execute(stream_id(), &contexts.0, count_one));
        let (given_up, behind) = tokio::join!(given_up, counters.execute(stream_id(), &contexts.1, count_one));
        assert!(given_up.is_err(), "it had no time");
        behind.expect("done");
    }
    assert_eq!(assert_whole(&event_store.behind), 10, "a command that is given up may still have its effect");
}

#[tokio::test(start_paused = true)]
async fn given_a_stream_in_use_when_a_command_is_refused_then_it_does_not_wait_in_the_lane() {
    let event_store = Arc::new(SlowEventStore::default());
    let counters = EventSourcingHandler::new(event_store.clone(), Arc::new(NoBus));
    counters.execute(stream_id(), &context(None), count_one).await.expect("done");
    let owner = tokio::spawn({
        let counters = counters.clone();
        async move { at_once(&counters, 32, count_one, no_key).await }
    });
    tokio::time::sleep(Duration::from_millis(1)).await;
    let refuse = |_: &Loaded<'_, Counter>| Err(Refusal::Domain(Full));
    let mut took = Vec::new();
    for stream_id in [stream_id(), StreamId(Uuid::from_u128(999))] {
        let began_at = tokio::time::Instant::now();
        let result = counters.execute(stream_id, &context(None), refuse).await;
        assert!(matches!(result, Err(CommandError::Refused(Refusal::Domain(Full)))), "{result:?}");
        took.push(began_at.elapsed());
    }
    assert_eq!(took[0], took[1], "a stream in use and an unknown stream");
    assert!(owner.await.expect("no panic").iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn given_a_busy_stream_when_a_decision_over_two_streams_comes_then_it_gets_its_turn() {
    let event_store = Arc::new(SlowEventStore::default());
    let counters = EventSourcingHandler::new(event_store.clone(), Arc::new(NoBus));
    let joint = JointEventSourcingHandler::<Counter, Counter>::new(counters.clone());
    let busy = tokio::spawn({
        let counters = counters.clone();
        async move {
            let mut done = 0;
            for _ in 0..10 {
                done += at_once(&counters, 8, count_one, no_key).await.iter().filter(|answer| answer.is_ok()).count();
            }
            done
        }
    });
    let other = StreamId(Uuid::from_u128(8));
    for number in 0..10 {
        let leading = StreamId(Uuid::from_u128(100 + number));
        let streams = JointStreams { leading, others: [other, stream_id()] };
        let one_each = |_: &Loaded<'_, Counter>, _: &[Loaded<'_, Counter>; 2]| {
            Ok(JointDecision { leading: vec![Counted(1)], others: [vec![Counted(1)], vec![Counted(1)]] })
        };
        let outcome = joint.create(&streams, &context(None), one_each).await.expect("done at the first try");
        assert_eq!(outcome.others.expect("not replayed")[0].version, u64::try_from(number).expect("small") + 1);
    }
    assert_eq!(busy.await.expect("no panic"), 80);
    assert_eq!(assert_whole(&event_store.behind), 90);
}
