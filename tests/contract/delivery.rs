use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use account_projector::AccountEventConsumer;
use async_trait::async_trait;
use cqrs::{
    Commit, EventConsumer, EventEnvelope, EventHandlerError, EventPublisher, EventStoreRepository, RejectedEvent,
    StreamId,
};
use futures::future::{BoxFuture, join_all};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::account_history::{AccountHistory, Opening};
use super::commits::opened;
use super::dice::Dice;
use super::read_db::{ReadDb, assert_same_account};
use crate::harness::eventually;

/// One process of the service: a bus between an event store and a read database. It may share them with other
/// processes.
#[derive(Clone)]
pub struct Process {
    pub event_store: Arc<dyn EventStoreRepository>,
    pub publisher: Arc<dyn EventPublisher>,
    pub bus: Arc<dyn Bus>,
    pub read_db: ReadDb,
}

/// The part of a process that delivers.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Delivers to this consumer until `stop` is done.
    async fn run(&self, consumer: Arc<dyn EventConsumer>, stop: BoxFuture<'static, ()>);

    /// Whether all events stored until now have been delivered, for good.
    async fn is_caught_up(&self) -> bool;

    /// The number of rejected events that are kept aside.
    async fn dead_letters(&self) -> u64;

    /// Delivers the rejected events again, as a person does once another build runs. With a bus that does so by itself,
    /// it does nothing.
    async fn redrive(&self);
}

/// The subject of this suite: databases and a bus of an adapter, empty at first.
#[async_trait]
pub trait DeliveryUnderTest: Send + Sync {
    /// Starts a further process on them.
    async fn start_process(&self) -> Process;

    /// Ends all processes.
    async fn end_all(&self);

    /// The longest life of a bus that still ends in the middle of its work.
    fn longest_life(&self) -> Duration;
}

/// Makes one test of each case, with the subject that the expression gives.
macro_rules! delivery_suite {
    ($new:expr) => {
        $crate::contract::delivery::delivery_suite! { $new;
            events_reach_the_consumer_in_the_order_of_their_stream
            what_was_stored_while_no_bus_ran_is_delivered_once_one_does
            nothing_is_lost_when_the_consumer_fails_and_recovers
            what_was_applied_but_not_ticked_off_is_delivered_again_and_changes_nothing
            a_bus_that_is_killed_again_and_again_loses_nothing
            two_buses_at_once_end_in_the_same_rows
            commits_of_another_process_are_delivered_without_being_told_of
            rejected_events_are_kept_aside_and_delivered_again_to_the_next_build
            all_of_10000_commits_are_delivered
        }
    };
    ($new:expr; $($case:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::contract::delivery::$case(&$new).await;
        }
    )* };
}
pub(crate) use delivery_suite;

pub async fn events_reach_the_consumer_in_the_order_of_their_stream(under_test: &dyn DeliveryUnderTest) {
    let process = under_test.start_process().await;
    let consumer = Arc::new(Recorder::to(&process.read_db));
    let running = RunningBus::start(&process, consumer.clone());
    let mut dice = Dice::seeded(50);
    let histories = random_histories(&mut dice, 30, 12);
    store_and_publish(&process, &in_turns(&mut dice, &histories)).await;
    caught_up(&process).await;
    running.stop().await;

    let mut newest: BTreeMap<StreamId, u64> = BTreeMap::new();
    for (stream_id, version) in consumer.seen.lock().expect("no panic").iter() {
        let newest = newest.entry(*stream_id).or_default();
        // A repeat is allowed, but a gap is not.
        assert!(*version <= *newest + 1, "version {version} after {newest}");
        *newest = (*newest).max(*version);
    }
    for history in &histories {
        assert_eq!(newest.get(&StreamId(history.account_id.as_uuid())), Some(&history.row.version));
    }
    assert_rows(&process, &histories).await;
}

pub async fn what_was_stored_while_no_bus_ran_is_delivered_once_one_does(under_test: &dyn DeliveryUnderTest) {
    let process = under_test.start_process().await;
    let mut dice = Dice::seeded(51);
    let histories = random_histories(&mut dice, 20, 10);
    // The bus is also told of the commits. If the bus does not run, telling it must neither fail nor be needed.
    store_and_publish(&process, &in_turns(&mut dice, &histories)).await;
    drop(process);
    under_test.end_all().await;

    let process = under_test.start_process().await;
    assert!(!process.bus.is_caught_up().await);
    let running = RunningBus::start(&process, projector(&process));
    caught_up(&process).await;
    running.stop().await;
    assert_rows(&process, &histories).await;
}

pub async fn nothing_is_lost_when_the_consumer_fails_and_recovers(under_test: &dyn DeliveryUnderTest) {
    let process = under_test.start_process().await;
    let consumer = Arc::new(FailsAtFirst { failures_left: AtomicU32::new(3), inner: projector(&process) });
    let running = RunningBus::start(&process, consumer.clone());
    let mut dice = Dice::seeded(52);
    let histories = random_histories(&mut dice, 10, 10);
    store_and_publish(&process, &in_turns(&mut dice, &histories)).await;
    caught_up(&process).await;
    running.stop().await;
    assert_eq!(consumer.failures_left.load(Ordering::SeqCst), 0);
    assert_eq!(process.bus.dead_letters().await, 0);
    assert_rows(&process, &histories).await;
}

pub async fn what_was_applied_but_not_ticked_off_is_delivered_again_and_changes_nothing(
    under_test: &dyn DeliveryUnderTest,
) {
    let process = under_test.start_process().await;
    let mut dice = Dice::seeded(53);
    let histories = random_histories(&mut dice, 10, 10);
    store_and_publish(&process, &in_turns(&mut dice, &histories)).await;
    let consumer = Arc::new(DiesOnceApplied { applied: Mutex::default(), inner: projector(&process) });
    let running = RunningBus::start(&process, consumer.clone());
    let has_applied = async || Some(consumer.applied.lock().expect("no panic").clone()).filter(|all| !all.is_empty());
    let applied = eventually("a batch is applied", has_applied).await;
    running.kill().await;
    assert!(!process.bus.is_caught_up().await, "it was not told that the batch was applied");
    drop((process, consumer));
    under_test.end_all().await;

    let process = under_test.start_process().await;
    let recorder = Arc::new(Recorder::to(&process.read_db));
    let running = RunningBus::start(&process, recorder.clone());
    caught_up(&process).await;
    running.stop().await;
    let seen = recorder.seen.lock().expect("no panic").clone();
    assert!(applied.iter().all(|event| seen.contains(event)), "not delivered again");
    assert_rows(&process, &histories).await;
}

pub async fn a_bus_that_is_killed_again_and_again_loses_nothing(under_test: &dyn DeliveryUnderTest) {
    let process = under_test.start_process().await;
    let mut dice = Dice::seeded(54);
    let histories = random_histories(&mut dice, 60, 12);
    let commits = in_turns(&mut dice, &histories);
    for share in commits.chunks(commits.len().div_ceil(20)) {
        let (writer, share) = (process.clone(), share.to_vec());
        let writing = tokio::spawn(async move { store_and_publish(&writer, &share).await });
        let running = RunningBus::start(&process, projector(&process));
        let life = under_test.longest_life() * u32::try_from(dice.below(12)).expect("small") / 12;
        tokio::time::sleep(life).await;
        running.kill().await;
        writing.await.expect("does not panic");
    }
    let running = RunningBus::start(&process, projector(&process));
    caught_up(&process).await;
    running.stop().await;
    assert_rows(&process, &histories).await;
}

pub async fn two_buses_at_once_end_in_the_same_rows(under_test: &dyn DeliveryUnderTest) {
    let processes = [under_test.start_process().await, under_test.start_process().await];
    let running = processes.each_ref().map(|process| RunningBus::start(process, projector(process)));
    let mut dice = Dice::seeded(55);
    let histories = [random_histories(&mut dice, 30, 10), random_histories(&mut dice, 30, 10)];
    // Each process stores accounts of its own, and both deliver all.
    let commits = histories.each_ref().map(|histories| in_turns(&mut dice, histories));
    join_all(processes.iter().zip(&commits).map(|(process, commits)| store_and_publish(process, commits))).await;
    for process in &processes {
        caught_up(process).await;
    }
    for running in running {
        running.stop().await;
    }
    for process in &processes {
        assert_rows(process, &histories.concat()).await;
    }
}

pub async fn commits_of_another_process_are_delivered_without_being_told_of(under_test: &dyn DeliveryUnderTest) {
    let (delivering, writing) = (under_test.start_process().await, under_test.start_process().await);
    let running = RunningBus::start(&delivering, projector(&delivering));
    caught_up(&delivering).await;
    let mut dice = Dice::seeded(56);
    let histories = random_histories(&mut dice, 10, 10);
    for commit in in_turns(&mut dice, &histories) {
        writing.event_store.append(&commit).await.expect("appends");
    }
    caught_up(&delivering).await;
    running.stop().await;
    assert_rows(&delivering, &histories).await;
    assert_rows(&writing, &histories).await;
}

pub async fn rejected_events_are_kept_aside_and_delivered_again_to_the_next_build(under_test: &dyn DeliveryUnderTest) {
    let mut dice = Dice::seeded(57);
    let histories = random_histories(&mut dice, 10, 12);
    // In two accounts, one event has a type that only the next build knows.
    let of_next_build = histories.iter().map(|history| {
        let mut history = history.clone();
        if [histories[3].account_id, histories[7].account_id].contains(&history.account_id) {
            let event = &mut history.events[5];
            event.event_type = format!("{OF_NEXT_BUILD}{}", event.event_type);
        }
        history
    });
    let of_next_build: Vec<AccountHistory> = of_next_build.collect();

    let process = under_test.start_process().await;
    let running = RunningBus::start(&process, projector(&process));
    store_and_publish(&process, &in_turns(&mut dice, &of_next_build)).await;
    caught_up(&process).await;
    running.stop().await;
    assert_eq!(process.bus.dead_letters().await, 2);
    for (index, history) in histories.iter().enumerate() {
        let row = process.read_db.repository.account(history.account_id).await.expect("reads").expect("a row");
        let expected = if [3, 7].contains(&index) { 5 } else { history.row.version };
        assert_eq!(row.version, expected);
    }
    drop(process);
    under_test.end_all().await;

    // The same build understands no more than before, and keeps the events aside again.
    let process = under_test.start_process().await;
    let recorder = Arc::new(Recorder::to(&process.read_db));
    let running = RunningBus::start(&process, recorder.clone());
    process.bus.redrive().await;
    let are_back = async || (recorder.seen.lock().expect("no panic").len() >= 2).then_some(());
    eventually("the rejected events are delivered again", are_back).await;
    caught_up(&process).await;
    running.stop().await;
    assert_eq!(process.bus.dead_letters().await, 2);
    drop((process, recorder));
    under_test.end_all().await;

    let process = under_test.start_process().await;
    let running = RunningBus::start(&process, Arc::new(NextBuild { inner: projector(&process) }));
    process.bus.redrive().await;
    let are_gone = async || (process.bus.dead_letters().await == 0).then_some(());
    eventually("the rejected events are used", are_gone).await;
    caught_up(&process).await;
    running.stop().await;
    assert_rows(&process, &histories).await;
}

pub async fn all_of_10000_commits_are_delivered(under_test: &dyn DeliveryUnderTest) {
    let process = under_test.start_process().await;
    let running = RunningBus::start(&process, projector(&process));
    let mut histories = Vec::new();
    for _ in 0..200 {
        let mut history = AccountHistory::open(&Opening::default());
        for _ in 1..50 {
            history.deposit(1, None);
        }
        histories.push(history);
    }
    // There are 8 writers at once, each with accounts of its own.
    let mut dice = Dice::seeded(58);
    let commits: Vec<Vec<Commit>> = histories.chunks(25).map(|histories| in_turns(&mut dice, histories)).collect();
    assert_eq!(commits.iter().map(Vec::len).sum::<usize>(), 10_000);
    join_all(commits.iter().map(|commits| store_and_publish(&process, commits))).await;
    caught_up(&process).await;
    running.stop().await;
    assert_eq!(process.bus.dead_letters().await, 0);
    assert_rows(&process, &histories).await;
}

// --- shared parts of the cases

/// A bus that delivers in the background.
pub struct RunningBus {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl RunningBus {
    pub fn start(process: &Process, consumer: Arc<dyn EventConsumer>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let bus = Arc::clone(&process.bus);
        let task = tokio::spawn(async move {
            let stop = async move {
                // A sender that is gone is a stop, too.
                let _ = stopped.await;
            };
            bus.run(consumer, Box::pin(stop)).await;
        });
        Self { stop, task }
    }

    /// Tells the bus to stop and waits until it has stopped.
    pub async fn stop(self) {
        self.stop.send(()).expect("it still runs");
        self.task.await.expect("does not panic");
    }

    /// Ends the bus at any point, as a crash would.
    pub async fn kill(self) {
        self.task.abort();
        let end = self.task.await.expect_err("it runs until it is stopped");
        assert!(end.is_cancelled(), "{end}");
    }
}

pub fn projector(process: &Process) -> Arc<dyn EventConsumer> {
    Arc::new(AccountEventConsumer::new(Arc::clone(&process.read_db.event_handler)))
}

/// Notes its events in order, and passes them on.
struct Recorder {
    seen: Mutex<Vec<(StreamId, u64)>>,
    inner: AccountEventConsumer,
}

impl Recorder {
    fn to(read_db: &ReadDb) -> Self {
        let inner = AccountEventConsumer::new(Arc::clone(&read_db.event_handler));
        Self { seen: Mutex::new(Vec::new()), inner }
    }
}

#[async_trait]
impl EventConsumer for Recorder {
    async fn consume(&self, events: &[EventEnvelope]) -> Result<Vec<RejectedEvent>, EventHandlerError> {
        self.seen.lock().expect("no panic").extend(events.iter().map(|event| (event.stream_id, event.version)));
        self.inner.consume(events).await
    }
}

/// A consumer whose database is unavailable for a while.
struct FailsAtFirst {
    failures_left: AtomicU32,
    inner: Arc<dyn EventConsumer>,
}

#[async_trait]
impl EventConsumer for FailsAtFirst {
    async fn consume(&self, events: &[EventEnvelope]) -> Result<Vec<RejectedEvent>, EventHandlerError> {
        let take_one = |left: u32| left.checked_sub(1);
        if self.failures_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take_one).is_ok() {
            return Err(EventHandlerError::Unavailable { source: "away for a while".into() });
        }
        self.inner.consume(events).await
    }
}

/// A consumer that applies one batch and never answers.
struct DiesOnceApplied {
    applied: Mutex<Vec<(StreamId, u64)>>,
    inner: Arc<dyn EventConsumer>,
}

#[async_trait]
impl EventConsumer for DiesOnceApplied {
    async fn consume(&self, events: &[EventEnvelope]) -> Result<Vec<RejectedEvent>, EventHandlerError> {
        let applied = events.iter().map(|event| (event.stream_id, event.version)).collect();
        self.inner.consume(events).await?;
        *self.applied.lock().expect("no panic") = applied;
        std::future::pending().await
    }
}

/// A prefix that turns the name of an event's type into one that this build does not know.
const OF_NEXT_BUILD: &str = "Next";

/// A build that knows more types of events.
struct NextBuild {
    inner: Arc<dyn EventConsumer>,
}

#[async_trait]
impl EventConsumer for NextBuild {
    async fn consume(&self, events: &[EventEnvelope]) -> Result<Vec<RejectedEvent>, EventHandlerError> {
        let mut events = events.to_vec();
        for event in &mut events {
            if let Some(known) = event.event_type.strip_prefix(OF_NEXT_BUILD) {
                event.event_type = known.to_owned();
            }
        }
        self.inner.consume(&events).await
    }
}

pub fn random_histories(dice: &mut Dice, how_many: usize, number_of_events: usize) -> Vec<AccountHistory> {
    (0..how_many).map(|_| AccountHistory::random(dice, number_of_events)).collect()
}

/// The commits of all these accounts. Each account's commits are in order, and the accounts come in random turns.
pub fn in_turns(dice: &mut Dice, histories: &[AccountHistory]) -> Vec<Commit> {
    let mut left: Vec<Vec<Commit>> = histories.iter().map(AccountHistory::commits).collect();
    left.iter_mut().for_each(|commits| commits.reverse());
    let mut in_turns = Vec::new();
    while !left.is_empty() {
        let index = dice.below(left.len());
        in_turns.extend(left[index].pop());
        if left[index].is_empty() {
            left.swap_remove(index);
        }
    }
    in_turns
}

pub async fn store_and_publish(process: &Process, commits: &[Commit]) {
    for commit in commits {
        process.event_store.append(commit).await.expect("appends");
        process.publisher.publish(&opened(commit)).await.expect("publishes");
    }
}

pub async fn caught_up(process: &Process) {
    eventually("the bus is caught up", async || process.bus.is_caught_up().await.then_some(())).await;
}

pub async fn assert_rows(process: &Process, histories: &[AccountHistory]) {
    for history in histories {
        assert_same_account(&process.read_db.repository, history).await;
    }
}
