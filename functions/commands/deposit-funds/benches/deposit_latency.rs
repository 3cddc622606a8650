//! The time of a deposit on an account of 10, of 1,000 and of 100,000 events. A deposit goes through the
//! `CommandDispatcher`: it loads, decides and appends, without a bus. The baseline is the plain insert of one such document
//! or row, equally durable, with no index and no read before it. Deposits and inserts take turns in one run, so that their
//! ratio counts. The bench also measures the load alone, from the kept state and from all the events.
//!
//! `BENCH_EVENT_STORE_URL=mongodb://… cargo bench --package deposit-funds --no-default-features`. Without the variable only
//! SQLite's event store is measured. In MongoDB the bench works in a database of its own, which it drops.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bank::{AccountAggregate, AccountEvent, AccountId, AccountKind, Actor, DepositFunds, Money};
use cqrs::{
    AggregateRoot as _, CommandContext, CommandDispatcher, CommandEnvelope, Commit, CommitDraft, DomainEvent as _,
    EventPublisher, EventSourcingHandler, EventStore, EventStoreRepository, Idempotency, OpenedCommit, PublishError,
    RecordedEvent, RecordedState, StreamId, Timestamp,
};
use deposit_funds::DepositFundsHandler;
use futures::StreamExt as _;
use mongo_stores::MongoEventStore;
use mongodb::bson::{Document, doc};
use mongodb::options::{Acknowledgment, CollectionOptions, WriteConcern};
use mongodb::{Client, Collection};
use sqlite_embedded::SqliteEventStore;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use uuid::Uuid;

/// The number of measured deposits of each age, and of plain inserts. The warm-up before them is not measured.
const ROUNDS: usize = 300;
const WARM_UP_ROUNDS: usize = 20;
/// For each age: the age in events, the number of accounts, and the number of loads from all events. Each round takes the
/// next account, so that no account becomes much older during the run.
const AGES: [(u64, usize, usize); 3] = [(10, ROUNDS + WARM_UP_ROUNDS, 50), (1_000, 10, 50), (100_000, 1, 5)];
/// The number of commits that are under way at the same time while the accounts are made.
const SEEDED_AT_ONCE: usize = 64;
const CALLER: &str = "bench";

/// The plainest way to store the same amount of data as a deposit.
#[async_trait]
trait PlainInsert {
    async fn insert(&self);
}

/// A publisher that publishes nothing.
struct NoBus;

#[async_trait]
impl EventPublisher for NoBus {
    async fn publish(&self, _commit: &OpenedCommit) -> Result<(), PublishError> {
        Ok(())
    }
}

/// The accounts of one age.
struct Aged {
    events: u64,
    accounts: Vec<AccountId>,
    folds: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    on_sqlite().await;
    match std::env::var("BENCH_EVENT_STORE_URL") {
        Ok(url) => on_mongodb(&url).await,
        Err(_) => println!("MongoDB is not measured: BENCH_EVENT_STORE_URL is not set"),
    }
}

// --- the two event stores

async fn on_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("events.db");
    let aged = seeded_in_memory(&file).await;
    let event_store = SqliteEventStore::open(&file).await.expect("opens");
    let plain = PlainRow::new(&folder.path().join("plain.db")).await;
    measure("SQLite", Arc::new(event_store), &plain, &aged).await;
}

/// Makes the file where a flush to the disk costs nothing, then copies it to a real disk.
async fn seeded_in_memory(file: &Path) -> Vec<Aged> {
    let in_memory = Path::new("/dev/shm");
    let folder = if in_memory.is_dir() { tempfile::tempdir_in(in_memory) } else { tempfile::tempdir() };
    let folder = folder.expect("a folder");
    let seeded_file = folder.path().join("events.db");
    let event_store = SqliteEventStore::open(&seeded_file).await.expect("opens");
    let aged = seed(&event_store).await;
    // The last connection folds the write-ahead log into the file.
    event_store.close().await;
    std::fs::copy(&seeded_file, file).expect("copies");
    aged
}

async fn on_mongodb(url: &str) {
    let name = format!("bench_{}", Uuid::now_v7().simple());
    let url = with_database(url, &name);
    let event_store = MongoEventStore::connect(&url).await.expect("a URL");
    event_store.prepare().await.expect("prepares");
    let aged = seed(&event_store).await;
    let database = Client::with_uri_str(&url).await.expect("a URL").database(&name);
    let durable = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
    let plain = PlainDocument {
        document: database
            .collection("commits")
            .find_one(doc! {})
            .sort(doc! { "_id": -1 })
            .await
            .expect("finds")
            .expect("one"),
        collection: database
            .collection_with_options("plain", CollectionOptions::builder().write_concern(durable).build()),
    };
    measure("MongoDB", Arc::new(event_store), &plain, &aged).await;
    database.drop().await.expect("drops");
}

fn with_database(url: &str, database: &str) -> String {
    let (scheme, behind) = url.split_once("://").expect("a URL");
    let (hosts, behind) = behind.split_once('/').unwrap_or((behind, ""));
    let options = behind.split_once('?').map_or("", |(_, options)| options);
    format!("{scheme}://{hosts}/{database}?maxPoolSize={SEEDED_AT_ONCE}&{options}")
}

/// A text as long as a commit's columns together, in a table without an index.
struct PlainRow {
    pool: SqlitePool,
    content: String,
}

impl PlainRow {
    async fn new(file: &Path) -> Self {
        // This connection is as durable as the event store's.
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.expect("opens");
        sqlx::query("CREATE TABLE plain (content TEXT NOT NULL)").execute(&pool).await.expect("makes");
        let commit = commits(AccountId::generate(), 2).last().expect("two");
        Self { pool, content: serde_json::to_string(&commit).expect("plain JSON") }
    }
}

#[async_trait]
impl PlainInsert for PlainRow {
    async fn insert(&self) {
        let insert = sqlx::query("INSERT INTO plain VALUES (?)").bind(&self.content);
        insert.execute(&self.pool).await.expect("inserts");
    }
}

/// A commit's document under an id of the driver's, in a collection without another index.
struct PlainDocument {
    collection: Collection<Document>,
    document: Document,
}

#[async_trait]
impl PlainInsert for PlainDocument {
    async fn insert(&self) {
        let mut document = self.document.clone();
        document.remove("_id");
        self.collection.insert_one(document).await.expect("inserts");
    }
}

// --- the accounts

async fn seed(event_store: &dyn EventStoreRepository) -> Vec<Aged> {
    let mut aged = Vec::new();
    for (events, accounts, folds) in AGES {
        let accounts: Vec<AccountId> = (0..accounts).map(|_| AccountId::generate()).collect();
        let commits = accounts.iter().flat_map(|account_id| commits(*account_id, events));
        futures::stream::iter(commits)
            .map(async |commit| event_store.append(&commit).await.expect("appends"))
            .buffer_unordered(SEEDED_AT_ONCE)
            .count()
            .await;
        aged.push(Aged { events, accounts, folds });
    }
    aged
}

/// An account's commits, each of one event: opened, then a cent deposited again and again.
fn commits(account_id: AccountId, events: u64) -> impl Iterator<Item = Commit> {
    let opened = AccountEvent::AccountOpened {
        owner: CALLER.to_owned(),
        holder: "Ann Lee".parse().expect("a holder"),
        kind: AccountKind::Checking,
        opening_balance: cents(0),
    };
    let deposited =
        AccountEvent::FundsDeposited { amount: cents(1), reference: Some("rent".parse().expect("a reference")) };
    let mut state = AccountAggregate::default();
    let mut previous: Option<Commit> = None;
    (1..=events).map(move |version| {
        let event = if version == 1 { &opened } else { &deposited };
        state.apply(event);
        let commit = commit_after(previous.as_ref(), account_id, event, AccountAggregate::STATE_VERSION, &state);
        previous = Some(commit.clone());
        commit
    })
}

fn commit_after(
    previous: Option<&Commit>,
    account_id: AccountId,
    event: &AccountEvent,
    state_version: u32,
    state: &AccountAggregate,
) -> Commit {
    CommitDraft {
        stream_id: StreamId(account_id.as_uuid()),
        aggregate_type: AccountAggregate::AGGREGATE_TYPE.to_owned(),
        first_version: previous.map_or(0, Commit::last_version) + 1,
        events: vec![RecordedEvent {
            event_id: Uuid::now_v7(),
            event_type: event.event_type().to_owned(),
            schema_version: event.schema_version(),
            data: event.to_data(),
            personal: None,
        }],
        occurred_at: Timestamp::now(),
        caller: CALLER.to_owned(),
        correlation_id: Uuid::now_v7().to_string(),
        causation_id: Uuid::now_v7().to_string(),
        idempotency: Some(fresh_key()),
        state: RecordedState { state_version, data: serde_json::to_value(state).expect("plain JSON") },
        previous_hash: previous.map(|previous| previous.hash),
    }
    .seal()
}

fn fresh_key() -> Idempotency {
    Idempotency::new(CALLER, "/accounts/{id}/deposits", &Uuid::now_v7().to_string(), b"one cent")
}

fn cents(amount_minor: i64) -> Money {
    Money::new(amount_minor, "EUR".parse().expect("an active code")).expect("within the limit")
}

fn one_cent(account_id: AccountId) -> CommandEnvelope<DepositFunds> {
    let command = DepositFunds {
        actor: Actor { caller: CALLER.to_owned(), is_teller: false },
        account_id,
        amount: "0.01".parse().expect("an amount"),
        reference: Some("rent".parse().expect("a reference")),
    };
    let correlation_id = Uuid::now_v7().to_string();
    let context = CommandContext {
        caller: CALLER.to_owned(),
        causation_id: correlation_id.clone(),
        correlation_id,
        idempotency: Some(fresh_key()),
        expected_version: None,
        issued_at: Timestamp::now(),
    };
    CommandEnvelope { command, context }
}

// --- the figures

async fn measure(name: &str, event_store: Arc<dyn EventStoreRepository>, plain: &dyn PlainInsert, aged: &[Aged]) {
    let accounts = EventSourcingHandler::new(event_store.clone(), Arc::new(NoBus));
    let dispatcher = CommandDispatcher::new(DepositFundsHandler::new(accounts));
    let mut inserts = Vec::new();
    let mut deposits: Vec<Vec<Duration>> = aged.iter().map(|_| Vec::new()).collect();
    for round in 0..WARM_UP_ROUNDS + ROUNDS {
        let started = Instant::now();
        plain.insert().await;
        inserts.push(started.elapsed());
        for (aged, deposits) in aged.iter().zip(&mut deposits) {
            let envelope = one_cent(aged.accounts[round % aged.accounts.len()]);
            let started = Instant::now();
            let outcome = dispatcher.dispatch(envelope).await.expect("deposits");
            deposits.push(started.elapsed());
            assert!(outcome.version > aged.events && !outcome.replayed);
        }
    }
    let inserts = Figures::of(inserts.split_off(WARM_UP_ROUNDS));
    let deposits: Vec<Figures> =
        deposits.into_iter().map(|mut deposits| Figures::of(deposits.split_off(WARM_UP_ROUNDS))).collect();
    let young = &deposits[0];
    println!("{name}: {ROUNDS} deposits each, in turns; in brackets the ratio to the youngest account's");
    println!("  plain insert            {inserts}");
    for (aged, figures) in aged.iter().zip(&deposits) {
        println!(
            "  at {:>7} events       {figures}  (p50 {:.2}, p99 {:.2}); p50 {:.2} of the plain insert's",
            aged.events,
            figures.p50.div_duration_f64(young.p50),
            figures.p99.div_duration_f64(young.p99),
            figures.p50.div_duration_f64(inserts.p50),
        );
    }
    for aged in aged {
        let account_id = aged.accounts[0];
        let kept = loads(event_store.clone(), account_id, ROUNDS).await;
        make_state_unreadable(event_store.as_ref(), account_id).await;
        let folded = loads(event_store.clone(), account_id, aged.folds).await;
        println!(
            "  load at {:>7} events  {kept}; from the events {folded}: {:.0} times as long",
            aged.events,
            folded.p50.div_duration_f64(kept.p50),
        );
    }
}

async fn loads(event_store: Arc<dyn EventStoreRepository>, account_id: AccountId, times: usize) -> Figures {
    let accounts = EventStore::<AccountAggregate>::new(event_store);
    let mut loads = Vec::new();
    for _ in 0..WARM_UP_ROUNDS.min(times) + times {
        let started = Instant::now();
        let account = accounts.newest(StreamId(account_id.as_uuid())).await.expect("loads").expect("is there");
        loads.push(started.elapsed());
        assert!(account.aggregate.opened().is_some());
    }
    Figures::of(loads.split_off(loads.len() - times))
}

/// One more commit, of a build whose states are of another version.
async fn make_state_unreadable(event_store: &dyn EventStoreRepository, account_id: AccountId) {
    let newest = event_store.last_commit(StreamId(account_id.as_uuid())).await.expect("reads");
    let event = AccountEvent::FundsDeposited { amount: cents(1), reference: None };
    let commit = commit_after(newest.as_ref(), account_id, &event, u32::MAX, &AccountAggregate::default());
    event_store.append(&commit).await.expect("appends");
}

/// The median and the 99th percentile.
struct Figures {
    p50: Duration,
    p99: Duration,
}

impl Figures {
    fn of(mut durations: Vec<Duration>) -> Self {
        durations.sort();
        Self { p50: durations[durations.len() / 2], p99: durations[durations.len() * 99 / 100] }
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "p50 {:>9.1?}  p99 {:>9.1?}", self.p50, self.p99)
    }
}
