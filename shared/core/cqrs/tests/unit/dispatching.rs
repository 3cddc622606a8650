//! Tests of the work that a dispatcher does around a handler. The clock moves only while a test waits, so the tests
//! take no real time.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cqrs::{
    AppendError, CommandDispatcher, CommandEnvelope, CommandError, CommandErrorOf, CommandHandler, CommandOutcome,
    Commit, Digest, DispatchLimits, EventStoreRepository, QueryContext, QueryDispatcher, QueryEnvelope, QueryError,
    QueryHandler, ReadError, StreamId,
};
use tokio::time::Instant;

use crate::counter::{CountBy, CountByHandler, Counter, at, counters, stream_id};
use crate::memory::{AlwaysTaken, MemoryEventStore};

const NOON: &str = "2026-11-24T12:00:00Z";

fn limits() -> DispatchLimits {
    DispatchLimits {
        timeout: Duration::from_secs(10),
        max_conflict_retries: 5,
        min_backoff: Duration::from_millis(2),
        max_backoff: Duration::from_millis(8),
    }
}

#[tokio::test(start_paused = true)]
async fn given_another_writer_that_is_always_first_then_the_tries_are_bounded_and_end_in_a_conflict() {
    let event_store = Arc::new(AlwaysTaken::default());
    let handler = CountByHandler { counters: counters(event_store.clone()) };
    let dispatcher = CommandDispatcher::with_limits(handler, limits());
    let began_at = Instant::now();
    let result = dispatcher.dispatch(at(NOON, CountBy(vec![1]))).await;
    assert!(matches!(result, Err(CommandError::Conflict)), "{result:?}");
    assert_eq!(event_store.appends(), 1 + 5);
    // The waits are 2 + 4 + 8 + 8 + 8 ms. Each gets up to the same time again, at random. The clock counts whole ms.
    let waited = began_at.elapsed();
    assert!((Duration::from_millis(30)..=Duration::from_millis(65)).contains(&waited), "{waited:?}");
    // The next command has all its tries again.
    let result = dispatcher.dispatch(at(NOON, CountBy(vec![1]))).await;
    assert!(matches!(result, Err(CommandError::Conflict)), "{result:?}");
    assert_eq!(event_store.appends(), 2 * (1 + 5));
}

#[tokio::test(start_paused = true)]
async fn given_racers_that_lose_every_race_then_they_do_not_meet_again_at_every_try() {
    let event_store = Arc::new(AlwaysTaken::default());
    let handler = CountByHandler { counters: counters(event_store.clone()) };
    let dispatcher = CommandDispatcher::with_limits(handler, limits());
    let began_at = Instant::now();
    let mut ends = Vec::new();
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let dispatcher = dispatcher.clone();
        racers.spawn(async move {
            let result = dispatcher.dispatch(at(NOON, CountBy(vec![1]))).await;
            assert!(matches!(result, Err(CommandError::Conflict)), "{result:?}");
            began_at.elapsed()
        });
    }
    while let Some(ended) = racers.join_next().await {
        ends.push(ended.expect("a racer"));
    }
    ends.dedup();
    assert!(ends.len() > 1, "all waited the very same times: {ends:?}");
}

#[tokio::test(start_paused = true)]
async fn given_no_retries_then_a_lost_race_is_a_conflict_at_once() {
    let event_store = Arc::new(AlwaysTaken::default());
    let handler = CountByHandler { counters: counters(event_store.clone()) };
    let dispatcher = CommandDispatcher::with_limits(handler, DispatchLimits { max_conflict_retries: 0, ..limits() });
    let result = dispatcher.dispatch(at(NOON, CountBy(vec![1]))).await;
    assert!(matches!(result, Err(CommandError::Conflict)), "{result:?}");
    assert_eq!(event_store.appends(), 1);
}

#[tokio::test(start_paused = true)]
async fn given_retries_that_take_longer_than_the_deadline_then_the_deadline_ends_them() {
    let event_store = Arc::new(AlwaysTaken::default());
    let handler = CountByHandler { counters: counters(event_store.clone()) };
    let timeout = Duration::from_millis(20);
    let limits = DispatchLimits { timeout, max_conflict_retries: usize::MAX, ..limits() };
    let began_at = Instant::now();
    let result = CommandDispatcher::with_limits(handler, limits).dispatch(at(NOON, CountBy(vec![1]))).await;
    assert!(matches!(result, Err(CommandError::DeadlineExceeded)), "{result:?}");
    assert_eq!(began_at.elapsed(), timeout);
}

/// A handler that loses a few races, then counts.
struct WinsAfter {
    lost_races: usize,
    tried: AtomicUsize,
    behind: MemoryEventStore,
}

#[async_trait::async_trait]
impl EventStoreRepository for WinsAfter {
    async fn append(&self, commit: &Commit) -> Result<(), AppendError> {
        if self.tried.fetch_add(1, Ordering::SeqCst) < self.lost_races {
            let (stream_id, first_version) = (commit.draft.stream_id, commit.draft.first_version);
            return Err(AppendError::VersionTaken { stream_id, first_version });
        }
        self.behind.append(commit).await
    }

    async fn append_together(&self, commits: &[Commit]) -> Result<(), AppendError> {
        self.behind.append_together(commits).await
    }

    async fn last_commit(&self, stream_id: StreamId) -> Result<Option<Commit>, ReadError> {
        self.behind.last_commit(stream_id).await
    }

    async fn commits_from(&self, stream_id: StreamId, from_version: u64, limit: u32) -> Result<Vec<Commit>, ReadError> {
        self.behind.commits_from(stream_id, from_version, limit).await
    }

    async fn commit_by_idempotency_key(&self, stream_id: StreamId, key: &Digest) -> Result<Option<Commit>, ReadError> {
        self.behind.commit_by_idempotency_key(stream_id, key).await
    }

    async fn ping(&self) -> Result<(), ReadError> {
        self.behind.ping().await
    }
}

#[tokio::test(start_paused = true)]
async fn given_a_few_lost_races_then_each_try_loads_anew_and_the_last_one_is_done() {
    let event_store =
        Arc::new(WinsAfter { lost_races: 3, tried: AtomicUsize::new(0), behind: MemoryEventStore::default() });
    let handler = CountByHandler { counters: counters(event_store.clone()) };
    let outcome = CommandDispatcher::with_limits(handler, limits()).dispatch(at(NOON, CountBy(vec![2]))).await;
    let done = CommandOutcome { stream_id: stream_id(), version: 1, aggregate: Counter { count: 2 }, replayed: false };
    assert_eq!(outcome.expect("done"), done);
    assert_eq!(event_store.behind.loads(), 4);
    assert_eq!(event_store.behind.commits().len(), 1);
}

/// A handler that never ends.
struct Stuck;

impl CommandHandler<CountBy> for Stuck {
    type Aggregate = Counter;
    type Outcome = CommandOutcome<Counter>;

    async fn handle(&self, _: &CommandEnvelope<CountBy>) -> Result<CommandOutcome<Counter>, CommandErrorOf<Counter>> {
        pending().await
    }
}

/// A query for the count.
#[derive(Debug, Clone)]
struct HowMany;

impl QueryHandler<HowMany> for Stuck {
    type Answer = u64;

    async fn handle(&self, _: &QueryEnvelope<HowMany>) -> Result<u64, QueryError> {
        pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn given_a_command_handler_that_is_stuck_then_the_deadline_ends_it() {
    let began_at = Instant::now();
    let result = CommandDispatcher::with_limits(Stuck, limits()).dispatch(at(NOON, CountBy(vec![1]))).await;
    assert!(matches!(result, Err(CommandError::DeadlineExceeded)), "{result:?}");
    assert_eq!(began_at.elapsed(), limits().timeout);
}

#[tokio::test(start_paused = true)]
async fn given_a_query_handler_that_is_stuck_then_the_deadline_ends_it_within_ten_seconds() {
    let context = QueryContext { caller: "ann".to_owned(), correlation_id: "request-1".to_owned() };
    let began_at = Instant::now();
    let result = QueryDispatcher::new(Stuck).dispatch(QueryEnvelope { query: HowMany, context }).await;
    assert!(matches!(result, Err(QueryError::DeadlineExceeded)), "{result:?}");
    assert!(began_at.elapsed() <= Duration::from_secs(10));
}
