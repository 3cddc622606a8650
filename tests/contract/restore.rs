use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bank::AccountId;
use cqrs::{Commit, CommitScan, EventEnvelope, EventStoreRepository, OpenedCommitScan, PersonalData, StreamId};
use projection::AnyProjection;
use restore::{
    Lease, LeaseAnswer, Requested, RestoreId, RestoreJob, RestoreKind, RestoreLimits, RestoreRecord, RestoreStatus,
    RestoreStore, RestoreStoreError, Restorer, RunOutcome, StreamRestore, StreamRestoreError,
};
use tokio::time::{Instant, timeout};

use super::account_history::{AccountHistory, Opening};
use super::commits::opened;
use super::delivery::{in_turns, random_histories};
use super::dice::Dice;
use super::read_db::{PROJECTIONS, ReadDb, ReadDbUnderTest, assert_rows, assert_same_account};

/// The subject of this suite: one read database and one event store of an adapter, empty at first.
#[async_trait]
pub trait RestoreUnderTest: ReadDbUnderTest {
    /// Opens the event store for a writer that appends, and for a reader that scans.
    async fn open_event_store(&self) -> (Arc<dyn EventStoreRepository>, Arc<dyn CommitScan>);

    /// The port that opens the event store's personal data.
    async fn open_keys(&self) -> Arc<dyn PersonalData>;

    /// Opens the read database for a restore.
    async fn open_restore_store(&self) -> Arc<dyn RestoreStore>;

    /// An account's id in the form for an SQL statement.
    fn literal(&self, account_id: AccountId) -> String;

    /// Runs a statement of another program on the read database. Answers the number of changed rows.
    async fn execute(&self, statement: &str) -> u64;
}

/// Makes one test of each case, on the databases that the expression gives.
macro_rules! restore_suite {
    ($new_databases:expr) => {
        $crate::contract::restore::restore_suite! { $new_databases;
            a_restore_of_what_is_right_changes_no_row
            an_empty_read_database_is_filled
            damaged_missing_and_extra_rows_are_made_right
            what_waited_for_a_turn_that_has_come_is_dropped
            writes_projection_and_early_events_go_on_meanwhile
            a_worker_that_is_gone_at_any_moment_leaves_a_restore_that_goes_on
            a_run_whose_time_is_up_goes_on_in_the_next
            runs_whose_time_is_up_before_they_begin_come_to_an_end
            one_restore_runs_at_a_time_and_one_worker_is_at_it
            a_worker_that_was_thought_dead_writes_nothing_more
            nobody_projects_while_the_gate_is_closed
            an_event_store_that_is_empty_or_anothers_fails_the_restore_and_leaves_the_rows_alone
            a_name_that_is_erased_meanwhile_is_in_no_row_afterwards
            a_restore_is_rolled_back_with_what_happened_since
            a_way_back_goes_on_from_the_middle_of_a_commit
            old_tables_of_another_form_are_no_way_back
            a_restore_that_nobody_is_at_is_given_up
            without_old_tables_there_is_no_way_back
            a_write_that_went_wrong_fails_the_restore_and_leaves_the_rows_alone
            shadow_tables_that_are_gone_or_of_another_form_are_begun_anew
            a_restore_takes_no_account_back
            one_account_is_restored_in_its_place
        }
    };
    ($new_databases:expr; $($case:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::contract::restore::$case(&$new_databases).await;
        }
    )* };
}
pub(crate) use restore_suite;

pub const SMALL_PAGES: RestoreLimits = RestoreLimits {
    readers: 3,
    page_commits: 7,
    range_commits: 40,
    pause_between_pages: Duration::ZERO,
    lease: Duration::from_secs(10),
    is_forced: false,
};

/// All parts of one test, open.
pub struct Opened<'a> {
    pub under_test: &'a dyn RestoreUnderTest,
    event_store: Arc<dyn EventStoreRepository>,
    scan: Arc<dyn CommitScan>,
    opened_scan: Arc<OpenedCommitScan>,
    pub read_db: ReadDb,
    pub store: Arc<dyn RestoreStore>,
}

impl<'a> Opened<'a> {
    pub async fn new(under_test: &'a dyn RestoreUnderTest) -> Self {
        let (event_store, scan) = under_test.open_event_store().await;
        let (read_db, store) = (under_test.open().await, under_test.open_restore_store().await);
        let opened_scan = Arc::new(OpenedCommitScan::new(scan.clone(), under_test.open_keys().await));
        Self { under_test, event_store, scan, opened_scan, read_db, store }
    }

    pub async fn append(&self, commits: &[Commit]) {
        for commit in commits {
            self.event_store.append(commit).await.expect("appends");
        }
    }

    pub async fn project(&self, events: &[EventEnvelope]) {
        self.read_db.event_handler.handle(events).await.expect("handles");
    }

    /// Makes histories that are stored and projected.
    pub async fn with_histories(&self, seed: u64, how_many: usize) -> Vec<AccountHistory> {
        let mut dice = Dice::seeded(seed);
        let mut histories = random_histories(&mut dice, how_many, 12);
        // One history is longer than many pages.
        histories.push(AccountHistory::random(&mut dice, 150));
        self.append(&in_turns(&mut dice, &histories)).await;
        for history in &histories {
            self.project(&history.events).await;
        }
        histories
    }

    pub fn restorer(&self, limits: RestoreLimits) -> Restorer {
        Restorer::new(self.opened_scan.clone(), self.store.clone(), PROJECTIONS, limits)
    }

    /// Rebuilds one account in its place, and answers the version that its row is at.
    async fn restore_alone(&self, history: &AccountHistory) -> Result<u64, StreamRestoreError> {
        let restore = StreamRestore::new(self.opened_scan.clone(), self.store.clone());
        restore.restore(ACCOUNTS, StreamId(history.account_id.as_uuid())).await
    }

    pub async fn request(&self, kind: RestoreKind) -> RestoreId {
        let id = RestoreId::generate();
        assert_eq!(self.store.request(id, kind, None).await.expect("answers"), Requested::Recorded);
        id
    }

    /// A restore to its end, in one run.
    async fn restore(&self, kind: RestoreKind) -> RestoreRecord {
        let id = self.request(kind).await;
        let record = finished(self.restorer(SMALL_PAGES).run("a worker", None).await.expect("runs"));
        assert_eq!(record.id, id);
        assert_eq!(self.store.find(id).await.expect("reads"), Some(record.clone()));
        record
    }

    /// A run without time: it does one step.
    async fn step(&self) {
        let outcome = self.restorer(SMALL_PAGES).run("a step", Some(Instant::now())).await.expect("runs");
        assert_eq!(outcome, RunOutcome::CutShort);
    }

    /// A restore whose next step is the swap.
    pub async fn verified(&self) -> RestoreId {
        let id = self.request(RestoreKind::Rebuild).await;
        loop {
            self.step().await;
            let ranges = self.store.ranges(&reading(id)).await.expect("reads");
            if !ranges.is_empty() && ranges.iter().all(|range| range.is_verified) {
                return id;
            }
        }
    }

    pub async fn run(&self) -> RestoreRecord {
        finished(self.restorer(SMALL_PAGES).run("a worker", None).await.expect("runs"))
    }

    pub async fn assert_rows(&self, histories: &[AccountHistory]) {
        assert_rows(self.under_test, &self.read_db, histories).await;
    }

    async fn execute(&self, statement: String) -> u64 {
        self.under_test.execute(&statement).await
    }
}

/// The projection of accounts.
const ACCOUNTS: &dyn AnyProjection = PROJECTIONS.all()[0];

/// The restore of this id in the hands of the lease's holder.
pub fn job(id: RestoreId, lease: &Lease) -> RestoreJob {
    RestoreJob { id, lease: lease.clone(), scope: PROJECTIONS.all().to_vec() }
}

/// The restore of this id for a look that needs no lease.
fn reading(id: RestoreId) -> RestoreJob {
    job(id, &Lease { holder: "nobody".to_owned(), duration: Duration::ZERO })
}

fn finished(outcome: RunOutcome) -> RestoreRecord {
    match outcome {
        RunOutcome::Finished(record) => record,
        other => panic!("not finished: {other:?}"),
    }
}

fn events_of(histories: &[AccountHistory]) -> u64 {
    histories.iter().map(|history| history.events.len() as u64).sum()
}

pub async fn a_restore_of_what_is_right_changes_no_row(under_test: &dyn RestoreUnderTest) {
    let opened = Opened::new(under_test).await;
    let histories = opened.with_histories(1, 30).await;
    let record = opened.restore(RestoreKind::Rebuild).await;
    assert_eq!((record.status, &record.failure), (RestoreStatus::Succeeded, &None));
    assert_eq!((record.events_replayed, record.events_total), (events_of(&histories), events_of(&histories)));
    assert_eq!(record.streams_repaired, 0);
    assert!(record.finished_at >= Some(record.started_at));
    opened.assert_rows(&histories).await;
    // The restore is repeated, from tables that a restore has made.
    assert_eq!(opened.restore(RestoreKind::Rebuild).await.status, RestoreStatus::Succeeded);
    opened.assert_rows(&histories).await;
}

pub async fn an_empty_read_database_is_filled(under_test: &dyn RestoreUnderTest) {
    let opened = Opened::new(under_test).await;
    let record = opened.restore(RestoreKind::Rebuild).await;
    assert_eq!((record.status, record.events_replayed), (RestoreStatus::Succeeded, 0));
    let mut dice = Dice::seeded(2);
    let histories = random_histories(&mut dice, 40, 9);
    opened.append(&in_turns(&mut dice, &histories)).await;
    let record = opened.restore(RestoreKind::Rebuild).await;
    assert_eq!((record.status, record.streams_repaired), (RestoreStatus::Succeeded, 40));
    opened.assert_rows(&histories).await;
    // Events that the bus brings now are repeats.
    for history in &histories {
        let outcome = opened.read_db.event_handler.handle(&history.events).await.expect("handles");
        assert_eq!((outcome.applied, outcome.repeated), (0, 9));
    }
}

pub async fn damaged_missing_and_extra_rows_are_made_right(under_test: &dyn RestoreUnderTest) {
    let opened = Opened::new(under_test).await;
    let histories = opened.with_histories(3, 12).await;
    let id = |number: usize| under_test.literal(histories[number].account_id);
    let extra = AccountHistory::random(&mut Dice::seeded(4), 5);
    opened.project(&extra.events).await;
    for statement in [
        format!("DELETE FROM bank_accounts WHERE account_id = {}", id(0)),
        format!("DELETE FROM statement_lines WHERE account_id = {}", id(1)),
        format!("UPDATE bank_accounts SET balance_minor = balance_minor + 1 WHERE account_id = {}", id(2)),
        format!("UPDATE bank_accounts SET version = 1 WHERE account_id = {}", id(3)),
        format!("UPDATE bank_accounts SET version = 1000 WHERE account_id = {}", id(4)),
        format!("UPDATE statement_lines SET amount_minor = 7 WHERE account_id = {} AND version = 2", id(5)),
        format!("UPDATE bank_accounts SET holder = 'Nobody' WHERE account_id = {}", id(6)),
    ] {
        assert!(opened.execute(statement.clone()).await > 0, "{statement}");
    }
    let record = opened.restore(RestoreKind::Rebuild).await;
    assert_eq!(record.status, RestoreStatus::Succeeded, "{record:?}");
    // A row that is only behind is no difference. The lines after its version do not count either.
    assert_eq!(record.streams_repaired, 7, "{record:?}");
    opened.assert_rows(&histories).await;
}

pub async fn what_waited_for_a_turn_that_has_come_is_dropped(under_test: &dyn RestoreUnderTest) {
    let opened = Opened::new(under_test).await;
    let history = AccountHistory::random(&mut Dice::seeded(5), 8);
    opened.append(&history.commits()).await;
    opened.project(&history.events[..2]).await;
    // The third event never comes.
    opened.project(&history.events[3..]).await;
    assert_eq!(under_test.kept_early().await, 5);
    assert_eq!(opened.restore(RestoreKind::Rebuild).await.status, RestoreStatus::Succeeded);
    opened.assert_rows(&[history]).await;
}

fn envelopes_of(commits: &[Commit]) -> Vec<EventEnvelope> {
    commits.iter().flat_map(|commit| opened(commit).envelopes().collect::<Vec<_>>()).collect()
}

pub async fn writes_projection_and_early_events_go_on_meanwhile(under_test: &dyn RestoreUnderTest) {
    for round in 0..3 {
        let opened = Opened::new(under_test).await;
        opened.execute("DELETE FROM bank_accounts".to_owned()).await;
        opened.execute("DELETE FROM statement_lines".to_owned()).await;
        let mut dice = Dice::seeded(60 + round);
        let mut histories = random_histories(&mut dice, 40, 14);
        let commits = in_turns(&mut dice, &histories);
        let (before, meanwhile) = commits.split_at(commits.len() / 2);
        opened.append(before).await;
        let mut delivered: Vec<EventEnvelope> = envelopes_of(before);
        let mut held_back: Vec<EventEnvelope> = Vec::new();
        for batch in dice.cut(&delivered, 60) {
            opened.project(&batch).await;
        }
        opened.request(RestoreKind::Rebuild).await;
        let is_over = AtomicBool::new(false);
        let restoring = async {
            let outcome = opened.restorer(SMALL_PAGES).run("a worker", None).await;
            is_over.store(true, Ordering::SeqCst);
            outcome
        };
        let first_id = histories[0].account_id;
        let serving = async {
            for commits in dice.cut(meanwhile, 6) {
                opened.append(&commits).await;
                let mut events: Vec<EventEnvelope> = envelopes_of(&commits);
                // Events come out of order, with repeats, and some of them not at all for now.
                dice.shuffle(&mut events);
                let repeated = delivered.iter().rev().take(5).cloned().collect::<Vec<_>>();
                let reaching = events.len().saturating_sub(dice.below(3));
                opened.project(&[&events[..reaching], &repeated[..]].concat()).await;
                held_back.extend(events.split_off(reaching));
                delivered.extend(events);
                // Queries are answered all the time.
                opened.read_db.repository.account(first_id).await.expect("reads");
            }
            // The load goes on until the swap is done, so that the swap meets projectors under way.
            while !is_over.load(Ordering::SeqCst) {
                let history = AccountHistory::random(&mut dice, 3);
                opened.append(&history.commits()).await;
                opened.project(&history.events).await;
                histories.push(history);
                // Each account is one more to restore in the next round of this test.
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        };
        let (outcome, ()) = tokio::join!(restoring, serving);
        let record = finished(outcome.expect("runs"));
        assert_eq!(record.status, RestoreStatus::Succeeded, "{record:?}");
        // The delayed events come too, and no others are needed: the rows have all earlier events, at any moment of the
        // swap.
        dice.shuffle(&mut held_back);
        for batch in dice.cut(&held_back, 80) {
            opened.project(&batch).await;
        }
        for history in &histories {
            assert_same_account(&opened.read_db.repository, history).await;
        }
        assert_eq!(under_test.kept_early().await, 0);
    }
}

pub async fn a_worker_that_is_gone_at_any_moment_leaves_a_restore_that_goes_on(under_test: &dyn RestoreUnderTest) {
    let opened = Opened::new(under_test).await;
    let histories = opened.with_histories(7, 40).await;
    let damaged = opened.execute("UPDATE bank_accounts SET holder = 'Nobody'".to_owned()).await;
    let mut dice = Dice::seeded(8);
    let mut lost = 0;
    for _ in 0..3 {
        opened.request(RestoreKind::Rebuild).await;
        let limits = RestoreLimits { lease: Duration::from_millis(40), ..SMALL_PAGES };
        for attempt in 0.. {
            let store = under_test.open_restore_store().await;
            let restorer = Restorer::new(opened.opened_scan.clone(), store, PROJECTIONS, limits);
            // The lives become longer and longer, so that the test ends.
            let lives = Duration::from_micros(1_000 * dice.below(15 + 4 * attempt * attempt) as u64);
            let worker = format!("worker {attempt}");
            match timeout(lives, restorer.run(&worker, None)).await {
                Ok(Ok(RunOutcome::Finished(record))) => {
                    assert_eq!(record.status, RestoreStatus::Succeeded, "{record:?}");
                    break;
                }
                // The last worker still has the lease.
                Ok(Ok(RunOutcome::HeldByAnother(_))) => tokio::time::sleep(Duration::from_millis(10)).await,
                Ok(Ok(other)) => panic!("{other:?}"),
                // On a busy machine a lease as short as this one ends by itself.
                Ok(Err(error)) => println!("given up: {error}"),
                Err(_elapsed) => lost += 1,
            }
        }
        opened.assert_rows(&histories).await;
    }
    assert!(damaged > 0 && lost > 5, "{lost} workers were lost");
}

pub async fn a_run_whose_time_is_up_goes_on_in_the_next(under_test: &dyn RestoreUnderTest) {
    let opened = Opened::new(under_test).await;
    let histories = opened.with_histories(9, 40).await;
    let id = opened.request(RestoreKind::Rebuild).await;
    let mut replayed = 0;
    for run in 1.. {
        let stop_at = Some(Instant::now() + Duration::from_millis(4 + run));
        match opened.restorer(SMALL_PAGES).run(&format!("run {run}"), stop_at).await.expect("runs") {
            RunOutcome::CutShort => {
                let record = opened.store.find(id).await.expect("reads").expect("recorded");
                assert_eq!(record.status, RestoreStatus::Running);
                assert!(record.events_replayed >= replayed);
                replayed = record.events_replayed;
            }
            outcome => {
                let record = finished(outcome);
                // No event was read twice.
                assert_eq!((record.status, record.events_replayed), (RestoreStatus::Succeeded, events_of(&histories)));
                assert!(run > 1, "it was not cut short at all");
                break;
            }
        }
    }
    opened.assert_rows(&histories).await;
}

pub async fn runs_whose_time_is_up_before_they_begin_come_to_an_end(under_test: &dyn RestoreUnderTest) {
    let opened = Opened::new(under_test).await;
    let histories = opened.with_histories(34, 40).await;
    opened.request(RestoreKind::Rebuild).await;
    // A page of each reader is a step, and so is a range that is verified.
    for run in 1..=200 {
        match opened.restorer(SMALL_PAGES).run("a worker", Some(Instant::now())).await.expect("runs") {
            RunOutcome::CutShort => {}
            outcome => {
                let record = finished(outcome);
                assert_eq!((record.status, record.events_replayed), (RestoreStatus::Succeeded, events_of(&histories)));
                assert!(run > 20, "{run} runs");
                opened.assert_rows(&histories).await;
                return;
            }
        }
    }
    panic!("it does not come to an end");
}

pub async fn one_restore_runs_at_a_time_and_one_worker_is_at_it(under_test: &dyn RestoreUnderTest) {
    let opened = Opened::new(under_test).await;
    let histories = opened.with_histories(10, 10).await;
    assert_eq!(opened.restorer(SMALL_PAGES).run("early", None).await.expect("runs"), RunOutcome::NothingToDo);
    let id = opened.request(RestoreKind::Rebuild).await;
    let requests = (0..4).map(|_| opened.store.request(RestoreId::generate(), RestoreKind::Rebuild, None));
    for requested in futures::future::join_all(requests).await {
        assert!(matches!(requested, Ok(Requested::OtherRuns(other)) if other.id == id));
    }
    let again = opened.store.request(id, RestoreKind::Rebuild, None).await;
    assert!(matches!(again, Ok(Requested::Known(known)) if known.id == id));

    let lease = Lease { holder: "somebody".to_owned(), duration: Duration::from_secs(60) };
    let taken = opened.store.take_lease(&lease).await.expect("answers");
    assert!(matches!(taken, LeaseAnswer::Taken(record) if record.id == id));
    let outcome = opened.restorer(SMALL_PAGES).run("another", None).await.expect("runs");
    assert!(matches!(outcome, RunOutcome::HeldByAnother(record) if record.id == id));
    opened.store.release_lease(id, &lease).await.expect("releases");

    let (one, other) = (opened.restorer(SMALL_PAGES), opened.restorer(SMALL_PAGES));
    let (one, other) = tokio::join!(one.run("one", None), other.run("other", None));
    let outcomes = [one.expect("runs"), other.expect("runs")];
    let at_it = outcomes.iter().filter(|outcome| matches!(outcome, RunOutcome::Finished(_))).count();
    assert_eq!(at_it, 1, "{outcomes:?}");
    opened.assert_rows(&histories).await;
    let known = opened.store.request(id, RestoreKind::Rebuild, None).await;
    assert!(matches!(known, Ok(Requested::Known(known)) if known.status == RestoreStatus::Succeeded));
    assert_eq!(opened.restore(RestoreKind::Rebuild).await.status, RestoreStatus::Succeeded);
}

pub async fn a_worker_that_was_thought_dead_writes_nothing_more(under_test: &dyn RestoreUnderTest) {
    let opened = Opened::new(under_test).await;
    let histories = opened.with_histories(11, 10).await;
    let id = opened.request(RestoreKind::Rebuild).await;
    let frozen = Lease { holder: "frozen".to_owned(), duration: Duration::from_millis(1) };
    opened.store.take_lease(&frozen).await.expect("answers");
    tokio::time::sleep(Duration::from_millis(20)).await;
    let alive = Lease { holder: "alive".to_owned(), duration: Duration::from_secs(60) };
    assert!(matches!(opened.store.take_lease(&alive).await, Ok(LeaseAnswer::Taken(_))));
    let ranges = opened.scan.split(1).await.expect("splits");
    opened.store.prepare(&job(id, &alive), &ranges, 0).await.expect("prepares");
    let lost = |result: Result<(), RestoreStoreError>| {
        assert!(matches!(result, Err(RestoreStoreError::LeaseLost)), "{result:?}");
    };
    let of_the_frozen = job(id, &frozen);
    lost(opened.store.prepare(&of_the_frozen, &ranges, 0).await);
    lost(opened.store.renew_lease(id, &frozen).await);
    lost(opened.store.mark_verified(&of_the_frozen, 0, 0).await);
    lost(opened.store.shadow(&of_the_frozen).write(&restore::ShadowChange::default()).await);
    lost(opened.store.finish(&of_the_frozen, RestoreStatus::Failed, None).await);
    let swap = async || match opened.store.close_gate(&of_the_frozen, Duration::from_secs(1)).await {
        Ok(gate) => gate.swap().await,
        Err(error) => Err(error),
    };
    lost(swap().await);
    opened.store.release_lease(id, &alive).await.expect("releases");
    assert_eq!(opened.run().await.status, RestoreStatus::Succeeded);
    opened.assert_rows(&histories).await;
    // It does not take away the tables that the other has put aside.
    lost(swap().await);
    assert_eq!(opened.restore(RestoreKind::Rollback).await.status, RestoreStatus::Succeeded);
    opened.assert_rows(&histories).await;
}

pub async fn nobody_projects_while_the_gate_is_closed(under_test: &dyn RestoreUnderTest) {
    let opened = Opened::new(under_test).await;
    let mut histories = opened.with_histories(25, 10).await;
    let lease = Lease { holder: "by hand".to_owned(), duration: Duration::from_secs(60) };
    for swaps in [false, true] {
        let id = opened.verified().await;
        opened.store.take_lease(&lease).await.expect("answers");
        let gate = opened.store.close_gate(&job(id, &lease), Duration::from_secs(5)).await.expect("closes");
        let history = AccountHistory::random(&mut Dice::seeded(26), 4);
        opened.append(&history.commits()).await;
        let (handler, events) = (opened.read_db.event_handler.clone(), history.events.clone());
        let projecting = tokio::spawn(async move { handler.handle(&events).await });
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert!(!projecting.is_finished());
        assert_eq!(opened.read_db.repository.account(history.account_id).await.expect("reads"), None);
        // Waiting projectors go on in the tables that exist by then.
        if swaps {
            gate.swap().await.expect("swaps");
        } else {
            drop(gate);
        }
        projecting.await.expect("no panic").expect("handles");
        assert_same_account(&opened.read_db.repository, &history).await;
        histories.push(history);
        opened.store.release_lease(id, &lease).await.expect("releases");
        assert_eq!(opened.run().await.status, RestoreStatus::Succeeded);
        opened.assert_rows(&histories).await;
    }
}

pub async fn an_event_store_that_is_empty_or_anothers_fails_the_restore_and_leaves_the_rows_alone(
    under_test: &dyn RestoreUnderTest,
) {
    let opened = Opened::new(under_test).await;
    let histories = random_histories(&mut Dice::seeded(27), 30, 4);
    for history in &histories {
        opened.project(&history.events).await;
    }
    let record = opened.restore(RestoreKind::Rebuild).await;
    assert_eq!(record.status, RestoreStatus::Failed);
    assert!(record.failure.expect("a reason").contains("the event store holds nothing"));
    opened.assert_rows(&histories).await;

    let (own, others) = histories.split_at(19);
    let event_store_of = |histories: &[AccountHistory]| in_turns(&mut Dice::seeded(28), histories);
    opened.append(&event_store_of(own)).await;
    let record = opened.restore(RestoreKind::Rebuild).await;
    assert_eq!(record.status, RestoreStatus::Failed);
    assert!(record.failure.expect("a reason").contains("at least 11 of 30 rows have events that are not in"));
    opened.assert_rows(&histories).await;
    // Ten such rows are damage, which a restore repairs.
    opened.append(&event_store_of(&others[..1])).await;
    let record = opened.restore(RestoreKind::Rebuild).await;
    assert_eq!((record.status, record.streams_repaired), (RestoreStatus::Succeeded, 10), "{record:?}");
    opened.assert_rows(&histories[..20]).await;
    // A person may also declare that it is the right event store.
    let more = random_histories(&mut Dice::seeded(29), 20, 4);
    for history in &more {
        opened.project(&history.events).await;
    }
    assert_eq!(opened.restore(RestoreKind::Rebuild).await.status, RestoreStatus::Failed);
    opened.assert_rows(&[&histories[..20], &more[..]].concat()).await;
    opened.request(RestoreKind::Rebuild).await;
    let forced = RestoreLimits { is_forced: true, ..SMALL_PAGES };
    let outcome = opened.restorer(forced).run("a worker", None).await.expect("runs");
    assert_eq!(finished(outcome).status, RestoreStatus::Succeeded);
    opened.assert_rows(&histories[..20]).await;
}

/// Stores and projects the erasure of every fourth open account, starting with this one.
async fn erase(opened: &Opened<'_>, histories: &mut [AccountHistory], from: usize) {
    for history in histories.iter_mut().skip(from).step_by(4) {
        let known = history.commits().len();
        history.erase();
        opened.append(&history.commits()[known..]).await;
        opened.project(&history.events).await;
    }
}

pub async fn a_name_that_is_erased_meanwhile_is_in_no_row_afterwards(under_test: &dyn RestoreUnderTest) {
    let opened = Opened::new(under_test).await;
    let mut histories = opened.with_histories(30, 40).await;
    let id = opened.request(RestoreKind::Rebuild).await;
    // By now some accounts are in the shadow tables with their names, and some are not.
    while opened.store.find(id).await.expect("reads").expect("recorded").events_replayed < 200 {
        opened.step().await;
    }
    erase(&opened, &mut histories, 0).await;
    loop {
        opened.step().await;
        if opened.store.ranges(&reading(id)).await.expect("reads").iter().all(|range| range.is_verified) {
            break;
        }
    }
    // All accounts are there, and only the swap is left to do.
    erase(&opened, &mut histories, 1).await;
    assert_eq!(opened.run().await.status, RestoreStatus::Succeeded);
    opened.assert_rows(&histories).await;
    // The old tables have all of the accounts.
    erase(&opened, &mut histories, 2).await;
    assert_eq!(opened.restore(RestoreKind::Rollback).await.status, RestoreStatus::Succeeded);
    opened.assert_rows(&histories).await;
    let erased = histories.iter().filter(|history| history.row.holder == bank::HolderName::ERASED).count();
    assert!(erased > 25, "{erased}");
}

pub async fn a_way_back_goes_on_from_the_middle_of_a_commit(under_test: &dyn RestoreUnderTest) {
    let opened = Opened::new(under_test).await;
    let mut histories = opened.with_histories(31, 5).await;
    // The projector has had only the first of one commit's events when the tables are put aside. One stream is longer
    // than the first step back.
    for (early_deposits, later) in [(0, false), (3, true), (150, true)] {
        let mut history = AccountHistory::open(&Opening::default());
        for _ in 0..early_deposits {
            history.deposit(1, None);
        }
        history.deposit(2, None);
        let reaching = history.events.len();
        let same_time = history.row.updated_at;
        history.deposit_at(3, None, same_time).deposit_at(4, None, same_time);
        if later {
            history.deposit(5, None);
        }
        opened.append(&history.commits()).await;
        opened.project(&history.events[..reaching]).await;
        histories.push(history);
    }
    assert_eq!(opened.restore(RestoreKind::Rebuild).await.status, RestoreStatus::Succeeded);
    opened.assert_rows(&histories).await;
    assert_eq!(opened.restore(RestoreKind::Rollback).await.status, RestoreStatus::Succeeded);
    opened.assert_rows(&histories).await;
}

pub async fn old_tables_of_another_form_are_no_way_back(under_test: &dyn RestoreUnderTest) {
    let opened = Opened::new(under_test).await;
    let histories = opened.with_histories(32, 5).await;
    let no_way_back_after = async |change: &str| {
        assert_eq!(opened.restore(RestoreKind::Rebuild).await.status, RestoreStatus::Succeeded);
        opened.execute(change.to_owned()).await;
        let record = opened.restore(RestoreKind::Rollback).await;
        assert_eq!(record.status, RestoreStatus::Failed, "{change}");
        assert!(record.failure.expect("a reason").contains("no tables to bring back"));
    };
    no_way_back_after("CREATE INDEX another ON bank_accounts (balance_minor, account_id)").await;
    opened.assert_rows(&histories).await;
    // The tables of the next restore have the new form, and so have the tables that it puts aside.
    assert_eq!(opened.restore(RestoreKind::Rebuild).await.status, RestoreStatus::Succeeded);
    assert_eq!(opened.restore(RestoreKind::Rollback).await.status, RestoreStatus::Succeeded);
    opened.assert_rows(&histories).await;
    no_way_back_after("ALTER TABLE statement_lines ADD COLUMN another INTEGER").await;
}

pub async fn a_restore_that_nobody_is_at_is_given_up(under_test: &dyn RestoreUnderTest) {
    let opened = Opened::new(under_test).await;
    let histories = opened.with_histories(33, 10).await;
    let give_up = async || opened.restorer(SMALL_PAGES).abandon("a person").await.expect("answers");
    assert_eq!(give_up().await, RunOutcome::NothingToDo);
    // Each stage and each kind is given up.
    let id = opened.request(RestoreKind::Rebuild).await;
    let lease = Lease { holder: "somebody".to_owned(), duration: Duration::from_secs(60) };
    opened.store.take_lease(&lease).await.expect("answers");
    assert!(matches!(give_up().await, RunOutcome::HeldByAnother(record) if record.id == id));
    opened.store.release_lease(id, &lease).await.expect("releases");
    assert_eq!(finished(give_up().await).status, RestoreStatus::Failed);
    opened.verified().await;
    let record = finished(give_up().await);
    assert_eq!((record.status, record.failure.as_deref()), (RestoreStatus::Failed, Some("it was given up by hand")));
    opened.assert_rows(&histories).await;
    assert_eq!(opened.restore(RestoreKind::Rebuild).await.status, RestoreStatus::Succeeded);
    opened.request(RestoreKind::Rollback).await;
    opened.step().await;
    assert_eq!(finished(give_up().await).status, RestoreStatus::Failed);
    opened.assert_rows(&histories).await;
    // The tables of the rollback are put aside again, and come back the next time.
    assert_eq!(opened.restore(RestoreKind::Rollback).await.status, RestoreStatus::Succeeded);
    opened.assert_rows(&histories).await;
    // After the swap, the restore counts as successful.
    let id = opened.verified().await;
    opened.store.take_lease(&lease).await.expect("answers");
    let gate = opened.store.close_gate(&job(id, &lease), Duration::from_secs(5)).await.expect("closes");
    gate.swap().await.expect("swaps");
    opened.store.release_lease(id, &lease).await.expect("releases");
    assert_eq!(finished(give_up().await).status, RestoreStatus::Succeeded);
    opened.assert_rows(&histories).await;
}

pub async fn a_restore_is_rolled_back_with_what_happened_since(under_test: &dyn RestoreUnderTest) {
    let opened = Opened::new(under_test).await;
    let mut histories = opened.with_histories(12, 10).await;
    let damaged = histories[3].account_id;
    let statement =
        format!("UPDATE bank_accounts SET holder = 'Nobody' WHERE account_id = {}", under_test.literal(damaged));
    assert_eq!(opened.execute(statement).await, 1);
    assert_eq!(opened.restore(RestoreKind::Rebuild).await.streams_repaired, 1);
    opened.assert_rows(&histories).await;

    // More events come, for the damaged account and for others.
    let more = AccountHistory::random(&mut Dice::seeded(13), 6);
    opened.append(&more.commits()).await;
    opened.project(&more.events).await;
    let known: Vec<usize> = histories.iter().map(|history| history.commits().len()).collect();
    for (history, known) in histories.iter_mut().zip(known) {
        if history.row.status == bank::AccountStatus::Active {
            history.deposit(5, Some("since"));
            opened.append(&history.commits()[known..]).await;
            opened.project(&history.events).await;
        }
    }
    histories.push(more);
    opened.assert_rows(&histories).await;

    let record = opened.restore(RestoreKind::Rollback).await;
    assert_eq!((record.kind, record.status), (RestoreKind::Rollback, RestoreStatus::Succeeded), "{record:?}");
    let mut as_before = histories.clone();
    as_before[3].row.holder = "Nobody".to_owned();
    opened.assert_rows(&as_before).await;
    // The tables that the rollback put aside come back the same way.
    assert_eq!(opened.restore(RestoreKind::Rollback).await.status, RestoreStatus::Succeeded);
    opened.assert_rows(&histories).await;
}

pub async fn without_old_tables_there_is_no_way_back(under_test: &dyn RestoreUnderTest) {
    let opened = Opened::new(under_test).await;
    let histories = opened.with_histories(14, 5).await;
    let record = opened.restore(RestoreKind::Rollback).await;
    assert_eq!(record.status, RestoreStatus::Failed);
    assert!(record.failure.expect("a reason").contains("no tables to bring back"));
    assert_eq!(opened.restore(RestoreKind::Rebuild).await.status, RestoreStatus::Succeeded);
    opened.request(RestoreKind::Rebuild).await;
    let refused = opened.store.drop_old(PROJECTIONS.all()).await;
    assert!(matches!(refused, Err(RestoreStoreError::Busy)), "{refused:?}");
    finished(opened.restorer(SMALL_PAGES).run("a worker", None).await.expect("runs"));
    opened.store.drop_old(PROJECTIONS.all()).await.expect("drops");
    opened.store.drop_old(PROJECTIONS.all()).await.expect("has nothing left to drop");
    assert_eq!(opened.restore(RestoreKind::Rollback).await.status, RestoreStatus::Failed);
    opened.assert_rows(&histories).await;
}

/// A restore that has built a part and was then cut short.
async fn cut_short(opened: &Opened<'_>) -> RestoreId {
    let id = opened.request(RestoreKind::Rebuild).await;
    loop {
        run_for_a_moment(opened).await;
        // The whole run may have been used for making the tables.
        if opened.store.find(id).await.expect("reads").expect("recorded").events_replayed > 0 {
            return id;
        }
    }
}

async fn run_for_a_moment(opened: &Opened<'_>) {
    let limits = RestoreLimits { readers: 1, page_commits: 1, ..SMALL_PAGES };
    let stop_at = Some(Instant::now() + Duration::from_millis(30));
    let outcome = opened.restorer(limits).run("the first", stop_at).await.expect("runs");
    assert_eq!(outcome, RunOutcome::CutShort);
}

pub async fn a_write_that_went_wrong_fails_the_restore_and_leaves_the_rows_alone(under_test: &dyn RestoreUnderTest) {
    let opened = Opened::new(under_test).await;
    let histories = opened.with_histories(15, 60).await;
    for (statement, is_found) in [
        ("UPDATE statement_lines_shadow SET occurred_at_us = occurred_at_us + 1", true),
        ("DELETE FROM statement_lines_shadow WHERE version = 1", true),
        ("UPDATE statement_lines_shadow SET reference = '' WHERE reference IS NULL", true),
        ("UPDATE statement_lines_shadow SET amount_minor = amount_minor", false),
    ] {
        cut_short(&opened).await;
        // The loop ends when there is a row that the statement changes.
        while opened.execute(statement.to_owned()).await == 0 && is_found {
            run_for_a_moment(&opened).await;
        }
        let record = finished(opened.restorer(SMALL_PAGES).run("a worker", None).await.expect("runs"));
        let expected = if is_found { RestoreStatus::Failed } else { RestoreStatus::Succeeded };
        assert_eq!(record.status, expected, "{statement}: {record:?}");
        if is_found {
            assert!(record.failure.expect("a reason").contains("do not hold what was folded"), "{statement}");
        }
        opened.assert_rows(&histories).await;
    }
}

pub async fn shadow_tables_that_are_gone_or_of_another_form_are_begun_anew(under_test: &dyn RestoreUnderTest) {
    let opened = Opened::new(under_test).await;
    let histories = opened.with_histories(16, 60).await;
    for statement in
        ["DROP TABLE statement_lines_shadow", "ALTER TABLE bank_accounts_shadow ADD COLUMN another INTEGER"]
    {
        cut_short(&opened).await;
        opened.execute(statement.to_owned()).await;
        let record = finished(opened.restorer(SMALL_PAGES).run("a worker", None).await.expect("runs"));
        assert_eq!(record.status, RestoreStatus::Succeeded, "{statement}: {record:?}");
        assert_eq!(record.events_replayed, events_of(&histories));
        opened.assert_rows(&histories).await;
    }
}

pub async fn a_restore_takes_no_account_back(under_test: &dyn RestoreUnderTest) {
    let opened = Opened::new(under_test).await;
    let mut histories = opened.with_histories(17, 5).await;
    // The account's events are in the rows, and one of them is unreadable in the event store.
    let mut history = AccountHistory::open(&Opening::default());
    history.deposit(1, None).deposit(2, None).deposit(3, None);
    opened.project(&history.events).await;
    let mut damaged = history.clone();
    damaged.events[2].event_type = "FundsConjured".to_owned();
    opened.append(&damaged.commits()).await;
    // The same damage within a commit, at the end of its stream.
    let mut at_the_end = AccountHistory::open(&Opening::default());
    let same_time = at_the_end.row.updated_at;
    at_the_end.deposit_at(1, None, same_time).deposit_at(2, None, same_time);
    opened.project(&at_the_end.events).await;
    let mut damaged_at_the_end = at_the_end.clone();
    damaged_at_the_end.events[2].event_type = "FundsConjured".to_owned();
    opened.append(&damaged_at_the_end.commits()).await;
    histories.extend([at_the_end.clone(), history.clone()]);
    let record = opened.restore(RestoreKind::Rebuild).await;
    assert_eq!(record.status, RestoreStatus::Failed);
    let failure = record.failure.expect("a reason");
    let names = |history: &AccountHistory| failure.contains(&history.account_id.to_string());
    assert!(names(&history) || names(&at_the_end), "{failure}");
    opened.assert_rows(&histories).await;
    // Each account is also restored alone.
    let literal = under_test.literal(history.account_id);
    opened.execute(format!("UPDATE bank_accounts SET version = 1 WHERE account_id = {literal}")).await;
    let record = opened.restore(RestoreKind::Rebuild).await;
    assert!(record.failure.expect("a reason").contains(&at_the_end.account_id.to_string()));
    opened.execute(format!("UPDATE bank_accounts SET version = 4 WHERE account_id = {literal}")).await;
    opened.assert_rows(&histories).await;
    let alone = opened.restore_alone(&history).await;
    assert!(
        matches!(alone, Err(StreamRestoreError::WouldLoseVersions { live_version: 4, reached: 2, .. })),
        "{alone:?}"
    );
    opened.assert_rows(&histories).await;

    // Without the row nothing can be lost, so the readable part is restored.
    for damaged in [&history, &at_the_end] {
        let literal = under_test.literal(damaged.account_id);
        opened.execute(format!("DELETE FROM bank_accounts WHERE account_id = {literal}")).await;
    }
    assert_eq!(opened.restore(RestoreKind::Rebuild).await.status, RestoreStatus::Succeeded);
    let row = opened.read_db.repository.account(history.account_id).await.expect("reads").expect("a row");
    assert_eq!(row.version, 2);
    // After the repair the restore goes on.
    opened.project(&history.events).await;
    opened.project(&at_the_end.events).await;
    opened.assert_rows(&histories).await;
}

pub async fn one_account_is_restored_in_its_place(under_test: &dyn RestoreUnderTest) {
    let opened = Opened::new(under_test).await;
    let histories = opened.with_histories(18, 5).await;
    for damage in [
        "DELETE FROM bank_accounts WHERE account_id = {}",
        "DELETE FROM statement_lines WHERE account_id = {}",
        "UPDATE bank_accounts SET holder = 'Nobody', version = 77 WHERE account_id = {}",
        "UPDATE bank_accounts SET version = 2 WHERE account_id = {}",
    ] {
        // The long history is restored as well.
        for history in [&histories[0], histories.last().expect("a long one")] {
            let statement = damage.replace("{}", &under_test.literal(history.account_id));
            assert!(opened.execute(statement).await > 0);
            let version = opened.restore_alone(history).await.expect("restores");
            assert_eq!(version, history.row.version);
            opened.assert_rows(&histories).await;
        }
    }
    // An account that was never opened has no row afterwards.
    let extra = AccountHistory::random(&mut Dice::seeded(19), 5);
    opened.project(&extra.events).await;
    assert_eq!(opened.restore_alone(&extra).await.expect("restores"), 0);
    opened.assert_rows(&histories).await;
    // A gap is closed, and the events that waited behind it are dropped.
    let gap = AccountHistory::random(&mut Dice::seeded(20), 6);
    opened.append(&gap.commits()).await;
    opened.project(&gap.events[2..]).await;
    assert_eq!(opened.restore_alone(&gap).await.expect("restores"), 6);
    opened.assert_rows(&[histories, vec![gap]].concat()).await;
}
