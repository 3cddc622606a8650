//! How fast a restore is, beside the plainest that could be done with the same data in the same run: reading all commits
//! by one cursor, and inserting the same rows by plain batches. What it takes of memory at two sizes, and what it takes
//! from commands and queries that go on.
//!
//! `BENCH_EVENT_STORE_URL=mongodb://… BENCH_READ_DB_URL=mysql://… cargo bench --package passbook-tests --features services
//! --bench restore`: with an administrator's rights, for it makes databases of its own and drops them. Without the two variables it
//! measures SQLite alone.
//! `BENCH_EVENTS` is the larger number of events, 1,000,000 unless set. The figures also go to
//! `target/bench-restore.json`.
//!
//! Each measurement is a process of its own, so that its memory is.

#![allow(clippy::float_arithmetic, reason = "figures for the eye")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bank::{AccountAggregate, AccountEvent, AccountId, AccountKind, Money};
use bank_read_model::{BankAccountRepository, PROJECTIONS};
use cqrs::{
    AggregateRoot as _, CommandContext, Commit, CommitDraft, CommitScan, Digest, DomainEvent as _, EventHandler,
    EventPublisher, EventSourcingHandler, EventStoreRepository, OpenedCommit, OpenedCommitScan, Opening, PersonalData,
    PublishError, RecordedEvent, RecordedState, SealedPersonalData, StreamId, StreamRange, Timestamp,
};
use futures::{StreamExt as _, TryStreamExt as _};
use mongo_stores::{MongoEventStore, MongoKeyStore};
use mongodb::bson::{Binary, Document, doc, spec::BinarySubtype};
use mysql_read_db::MySqlProjector;
use personal_data::{KeyProtection, KeyStore, StreamKeys};
use restore::{
    RestoreId, RestoreKind, RestoreLimits, RestoreStatus, RestoreStore, Restorer, RunOutcome, prepare_projections,
};
use serde_json::{Value, json};
use sqlite_embedded::{SqliteEventStore, SqliteKeyStore, SqliteProjector};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, QueryBuilder, Row as _};
use tokio::sync::mpsc;
use uuid::Uuid;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const EVENTS_AN_ACCOUNT: u64 = 50;
const RAW_ROWS: usize = 2_000;
/// Accounts whose holders are sealed at once while the events are made.
const SEALED_AT_ONCE: usize = 64;
const LATENCY_TIME: Duration = Duration::from_secs(8);

/// The databases of a run: files in a folder, or on servers.
#[derive(Clone)]
struct Place {
    folder: PathBuf,
    servers: Option<(String, String)>,
}

struct Databases {
    event_store: Arc<dyn EventStoreRepository>,
    scan: Arc<dyn CommitScan>,
    personal_data: Arc<dyn PersonalData>,
    event_handler: Arc<dyn EventHandler>,
    accounts: BankAccountRepository,
    store: Arc<dyn RestoreStore>,
    limits: RestoreLimits,
}

impl Place {
    fn from_env() -> Self {
        let servers = std::env::var("BENCH_CHILD_SERVERS").ok().map(|urls| {
            let (event_store, read_db) = urls.split_once(' ').expect("two URLs");
            (event_store.to_owned(), read_db.to_owned())
        });
        Self { folder: std::env::var("BENCH_CHILD_FOLDER").expect("a folder").into(), servers }
    }

    /// With the keys unwrapped: what wraps them is elsewhere, and each is asked of it by itself.
    async fn personal_data(&self) -> Result<Arc<dyn PersonalData>, Failure> {
        let keys: Arc<dyn KeyStore> = match &self.servers {
            Some((event_store_url, _)) => Arc::new(MongoKeyStore::connect_beside(event_store_url).await?),
            None => Arc::new(SqliteKeyStore::open(&self.folder.join("keys.db")).await?),
        };
        Ok(Arc::new(StreamKeys::new(keys, KeyProtection::none())))
    }

    async fn open(&self) -> Result<Databases, Failure> {
        let personal_data = self.personal_data().await?;
        if let Some((event_store_url, read_db_url)) = &self.servers {
            let event_store = Arc::new(MongoEventStore::connect(event_store_url).await?);
            let read_db = mysql_read_db::connect(read_db_url)?;
            return Ok(Databases {
                event_store: event_store.clone(),
                scan: event_store,
                personal_data,
                event_handler: Arc::new(MySqlProjector::new(read_db.clone(), PROJECTIONS)),
                accounts: BankAccountRepository::new(Arc::new(read_db)),
                store: Arc::new(mysql_read_db::connect_for_restore(read_db_url)?),
                limits: RestoreLimits::default(),
            });
        }
        let event_store = Arc::new(SqliteEventStore::open(&self.folder.join("events.db")).await?);
        let read_db = sqlite_embedded::open_read_db(&self.folder.join("read.db")).await?;
        Ok(Databases {
            event_store: event_store.clone(),
            scan: event_store,
            personal_data,
            event_handler: Arc::new(SqliteProjector::new(read_db.clone(), PROJECTIONS)),
            accounts: BankAccountRepository::new(Arc::new(read_db.clone())),
            store: Arc::new(read_db),
            limits: RestoreLimits {
                page_commits: 1_000,
                pause_between_pages: Duration::from_millis(5),
                ..RestoreLimits::default()
            },
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    if let Ok(role) = std::env::var("BENCH_CHILD_ROLE") {
        let place = Place::from_env();
        let events: u64 = std::env::var("BENCH_CHILD_EVENTS")?.parse()?;
        let figures = match role.as_str() {
            "seed" => seed(&place, events).await?,
            "restore" => restore(&place).await?,
            "raw" => raw(&place).await?,
            _ => latency(&place, Duration::from_secs(role.parse()?)).await?,
        };
        println!("{figures}");
        return Ok(());
    }
    // `cargo test --benches` and the like pass by.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let most: u64 = std::env::var("BENCH_EVENTS").map_or(Ok(1_000_000), |text| text.parse())?;
    let urls = (std::env::var("BENCH_EVENT_STORE_URL"), std::env::var("BENCH_READ_DB_URL"));
    let mut report = Vec::new();
    for events in [most / 10, most] {
        let folder = std::env::temp_dir().join(format!("passbook-bench-{}", Uuid::now_v7().simple()));
        std::fs::create_dir_all(&folder)?;
        report.push(measure("SQLite", &Place { folder: folder.clone(), servers: None }, events, events == most).await?);
        if let (Ok(event_store_url), Ok(read_db_url)) = &urls {
            let name = format!("passbook_bench_{}", Uuid::now_v7().simple());
            let (event_store_url, read_db_url) =
                (with_database(event_store_url, &name), with_database(read_db_url, &name));
            make_databases(&event_store_url, &read_db_url, &name).await?;
            let place = Place { folder: folder.clone(), servers: Some((event_store_url.clone(), read_db_url.clone())) };
            let measured = measure("MongoDB and MySQL", &place, events, events == most).await;
            drop_databases(&event_store_url, &read_db_url, &name).await?;
            report.push(measured?);
        }
        std::fs::remove_dir_all(&folder)?;
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench-restore.json");
    std::fs::write(&path, serde_json::to_string_pretty(&report)?)?;
    println!("written to {}", path.display());
    Ok(())
}

/// The same URL with another database in it.
fn with_database(url: &str, name: &str) -> String {
    let (scheme, behind) = url.split_once("://").unwrap_or(("", url));
    let (hosts, behind) = behind.split_once('/').unwrap_or((behind, ""));
    let options = behind.split_once('?').map(|(_, options)| format!("?{options}")).unwrap_or_default();
    format!("{scheme}://{hosts}/{name}{options}")
}

async fn make_databases(event_store_url: &str, read_db_url: &str, name: &str) -> Result<(), Failure> {
    MongoEventStore::connect(event_store_url).await?.prepare().await?;
    MongoKeyStore::connect_beside(event_store_url).await?.prepare().await?;
    administrator(read_db_url).await?.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
    mysql_read_db::migrate(read_db_url).await?;
    let read_db = mysql_read_db::connect(read_db_url)?;
    prepare_projections(&PROJECTIONS, &MongoEventStore::connect(event_store_url).await?, &read_db).await?;
    read_db.close().await;
    Ok(())
}

async fn drop_databases(event_store_url: &str, read_db_url: &str, name: &str) -> Result<(), Failure> {
    let client = mongodb::Client::with_uri_str(event_store_url).await?;
    client.database(name).drop().await?;
    client.database(&format!("{name}_keys")).drop().await?;
    administrator(read_db_url).await?.execute(AssertSqlSafe(format!("DROP DATABASE {name}"))).await?;
    Ok(())
}

async fn administrator(read_db_url: &str) -> Result<sqlx::MySqlConnection, Failure> {
    let (server, _) = read_db_url.rsplit_once('/').ok_or("a URL with a database")?;
    Ok(sqlx::MySqlConnection::connect(server).await?)
}

/// One size on one pair of databases; prints it as a part of the table.
async fn measure(name: &str, place: &Place, events: u64, with_latency: bool) -> Result<Value, Failure> {
    let seeded = child(place, "seed", events).await?;
    let restored = child(place, "restore", events).await?;
    let raw = child(place, "raw", events).await?;
    let float = |value: &Value, member: &str| value[member].as_f64().unwrap_or_default();
    let (seconds, scan_s, insert_s) = (float(&restored, "seconds"), float(&raw, "scan_s"), float(&raw, "insert_s"));
    println!(
        "{name}, {events} events of {} accounts (seeded in {:.0} s)",
        events / EVENTS_AN_ACCOUNT,
        float(&seeded, "seconds")
    );
    let rate = |seconds: f64| restored["events"].as_f64().unwrap_or_default() / seconds;
    println!(
        "  restore         {seconds:>8.1} s  {:>9.0} events/s, {:>6.1} MB at most",
        rate(seconds),
        float(&restored, "peak_mb")
    );
    println!("  raw cursor scan {scan_s:>8.1} s  {:>9.0} events/s", rate(scan_s));
    println!("  raw inserts     {insert_s:>8.1} s  {:>9.0} events/s", rate(insert_s));
    println!("  restore beside both, one after the other: {:.2}", seconds / (scan_s + insert_s));
    let mut figures = json!({"databases": name, "events": events, "restore": restored, "raw": raw});
    if with_latency {
        let idle = child(place, &LATENCY_TIME.as_secs().to_string(), events).await?;
        // Long enough for all of the restore, however much the two hinder each other.
        let seconds_s = (seconds * 2.5).ceil().max(4.0).to_string();
        let (busy, during) = tokio::join!(child(place, &seconds_s, events), child(place, "restore", events));
        let (busy, during) = (busy?, during?);
        for (what, measured) in [("before", &idle), ("during", &busy)] {
            println!("  {what}: {measured}");
        }
        println!("  the restore during that: {:.1} s", float(&during, "seconds"));
        figures["latency_before"] = idle;
        figures["latency_during"] = busy;
        figures["restore_under_load"] = during;
    }
    Ok(figures)
}

async fn child(place: &Place, role: &str, events: u64) -> Result<Value, Failure> {
    let mut command = tokio::process::Command::new(std::env::current_exe()?);
    command
        .env("BENCH_CHILD_ROLE", role)
        .env("BENCH_CHILD_EVENTS", events.to_string())
        .env("BENCH_CHILD_FOLDER", &place.folder);
    if let Some((event_store_url, read_db_url)) = &place.servers {
        command.env("BENCH_CHILD_SERVERS", format!("{event_store_url} {read_db_url}"));
    }
    let output = command.output().await?;
    if !output.status.success() {
        return Err(format!("{role}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

// --- the parts

/// Commits of one event each, stream after stream as they come, thousands in one statement.
async fn seed(place: &Place, events: u64) -> Result<Value, Failure> {
    let started = Instant::now();
    let personal_data = place.personal_data().await?;
    let accounts = (0..events / EVENTS_AN_ACCOUNT).map(|_| account_commits(&*personal_data));
    let mut accounts = futures::stream::iter(accounts).buffered(SEALED_AT_ONCE);
    if let Some((event_store_url, _)) = &place.servers {
        let client = mongodb::Client::with_uri_str(event_store_url).await?;
        let database = client.default_database().ok_or("a URL with a database")?;
        let collection = database.collection::<Document>("commits");
        let mut batches = accounts.try_chunks(100);
        while let Some(batch) = batches.try_next().await? {
            collection.insert_many(batch.iter().flatten().map(document)).ordered(false).await?;
        }
    } else {
        let databases = place.open().await?;
        drop(databases);
        let file = place.folder.join("events.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await?;
        let mut transaction = connection.begin().await?;
        while let Some(commits) = accounts.try_next().await? {
            for commit in commits {
                insert_sqlite(&mut transaction, &commit).await?;
            }
        }
        transaction.commit().await?;
    }
    Ok(json!({"seconds": started.elapsed().as_secs_f64()}))
}

async fn account_commits(personal_data: &dyn PersonalData) -> Result<Vec<Commit>, Failure> {
    let account_id = AccountId::derived_from(Digest::of(Uuid::now_v7().as_bytes()).as_bytes());
    let eur = |minor| Money::new(minor, "EUR".parse().expect("an active code")).expect("within the limit");
    let mut aggregate = AccountAggregate::default();
    let mut previous_hash = None;
    let mut commits = Vec::new();
    for version in 1..=EVENTS_AN_ACCOUNT {
        let event = if version == 1 {
            AccountEvent::AccountOpened {
                owner: "auth0|5f7c8ec7c33c6c004bbafe82".to_owned(),
                holder: "Ann Lee".parse().expect("a holder"),
                kind: AccountKind::Checking,
                opening_balance: eur(100_000),
            }
        } else {
            AccountEvent::FundsDeposited { amount: eur(125), reference: Some("rent".parse().expect("a reference")) }
        };
        aggregate.apply(&event);
        let (data, personal) = without_personal(&event);
        let mut draft = CommitDraft {
            stream_id: StreamId(account_id.as_uuid()),
            aggregate_type: AccountAggregate::AGGREGATE_TYPE.to_owned(),
            first_version: version,
            events: vec![RecordedEvent {
                event_id: Uuid::now_v7(),
                event_type: event.event_type().to_owned(),
                schema_version: event.schema_version(),
                data,
                personal,
            }],
            occurred_at: Timestamp::now(),
            caller: "auth0|5f7c8ec7c33c6c004bbafe82".to_owned(),
            correlation_id: "4bf92f3577b34da6a3ce929d0e0e4736".to_owned(),
            causation_id: "4bf92f3577b34da6a3ce929d0e0e4736".to_owned(),
            idempotency: None,
            state: RecordedState {
                state_version: AccountAggregate::STATE_VERSION,
                data: serde_json::to_value(&aggregate).expect("plain JSON"),
            },
            previous_hash,
        };
        if draft.has_personal_data() {
            personal_data.seal(&mut draft).await?;
        }
        let commit = draft.seal();
        previous_hash = Some(commit.hash);
        commits.push(commit);
    }
    Ok(commits)
}

/// The event's data, and apart from it what is personal in there, to be sealed.
fn without_personal(event: &AccountEvent) -> (Value, Option<SealedPersonalData>) {
    let mut data = event.to_data();
    let members: Vec<String> = event.personal_members().iter().map(|&name| name.to_owned()).collect();
    if members.is_empty() {
        return (data, None);
    }
    let object = data.as_object_mut().expect("an event's data is an object");
    let opened = members.iter().filter_map(|name| Some((name.clone(), object.remove(name)?))).collect();
    let personal = SealedPersonalData { members, ciphertext: String::new(), opening: Opening::Opened(opened) };
    (data, Some(personal))
}

/// As the adapter writes it, without the mark: these are delivered.
fn document(commit: &Commit) -> Document {
    let draft = &commit.draft;
    let uuid = |uuid: Uuid| Binary { subtype: BinarySubtype::Uuid, bytes: uuid.as_bytes().to_vec() };
    let version = i64::try_from(draft.first_version).expect("small");
    let bson = |value: &Value| mongodb::bson::serialize_to_bson(value).expect("plain JSON");
    let event = &draft.events[0];
    let mut document = doc! {
        "_id": { "stream_id": uuid(draft.stream_id.0), "first_version": version },
        "aggregate_type": &draft.aggregate_type,
        "last_version": version,
        "occurred_at": mongodb::bson::DateTime::from_millis(draft.occurred_at.unix_millis()),
        "occurred_at_us": draft.occurred_at.unix_micros(),
        "caller": &draft.caller,
        "correlation_id": &draft.correlation_id,
        "causation_id": &draft.causation_id,
        "events": [{
            "event_id": uuid(event.event_id), "event_type": &event.event_type,
            "schema_version": i64::from(event.schema_version), "data": bson(&event.data),
        }],
        "state": { "state_version": i64::from(draft.state.state_version), "data": bson(&draft.state.data) },
    };
    if let Some(SealedPersonalData { members, ciphertext, .. }) = &event.personal {
        let events = document.get_array_mut("events").expect("just made");
        let event = events[0].as_document_mut().expect("just made");
        event.insert("personal", doc! { "members": members, "ciphertext": ciphertext });
    }
    if let Some(hash) = draft.previous_hash {
        document.insert("previous_hash", hash.to_string());
    }
    document.insert("hash", commit.hash.to_string());
    document
}

async fn insert_sqlite(connection: &mut sqlx::SqliteConnection, commit: &Commit) -> Result<(), Failure> {
    let draft = &commit.draft;
    let version = i64::try_from(draft.first_version)?;
    sqlx::query(
        "INSERT INTO commits (stream_id, aggregate_type, first_version, last_version, occurred_at_us, caller, \
         correlation_id, causation_id, events, state, previous_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(draft.stream_id.to_string())
    .bind(&draft.aggregate_type)
    .bind(version)
    .bind(version)
    .bind(draft.occurred_at.unix_micros())
    .bind(&draft.caller)
    .bind(&draft.correlation_id)
    .bind(&draft.causation_id)
    .bind(serde_json::to_string(&draft.events)?)
    .bind(serde_json::to_string(&draft.state)?)
    .bind(draft.previous_hash.map(|hash| hash.to_string()))
    .bind(commit.hash.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

async fn restore(place: &Place) -> Result<Value, Failure> {
    let databases = place.open().await?;
    let started = Instant::now();
    databases.store.request(RestoreId::generate(), RestoreKind::Rebuild, None).await?;
    let opened_scan = Arc::new(OpenedCommitScan::new(databases.scan, databases.personal_data));
    let restorer = Restorer::new(opened_scan, databases.store, PROJECTIONS, databases.limits);
    match restorer.run("the bench", None).await? {
        RunOutcome::Finished(record) if record.status == RestoreStatus::Succeeded => Ok(json!({
            "events": record.events_replayed,
            "seconds": started.elapsed().as_secs_f64(),
            "peak_mb": peak_mb(),
        })),
        other => Err(format!("{other:?}").into()),
    }
}

/// What the process has had in memory at most.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    let kb: u32 = line.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or(0);
    f64::from(kb) / 1_024.0
}

/// All commits by one cursor in key order, thrown away; and the rows that are there inserted into tables like theirs, many
/// a statement, in key order, and a transaction each.
async fn raw(place: &Place) -> Result<Value, Failure> {
    let scan = Instant::now();
    let mut read = 0_u64;
    if let Some((event_store_url, read_db_url)) = &place.servers {
        let client = mongodb::Client::with_uri_str(event_store_url).await?;
        let database = client.default_database().ok_or("a URL with a database")?;
        let collection = database.collection::<mongodb::bson::RawDocumentBuf>("commits");
        let mut cursor = collection.find(doc! {}).sort(doc! { "_id": 1 }).await?;
        while cursor.try_next().await?.is_some() {
            read += 1;
        }
        let scan_s = scan.elapsed().as_secs_f64();
        let insert_s = raw_inserts_mysql(read_db_url).await?.as_secs_f64();
        return Ok(json!({"commits": read, "scan_s": scan_s, "insert_s": insert_s}));
    }
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.folder.join("events.db"));
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await?;
    let mut rows = sqlx::query("SELECT * FROM commits ORDER BY stream_id, first_version").fetch(&mut connection);
    while rows.try_next().await?.is_some() {
        read += 1;
    }
    let scan_s = scan.elapsed().as_secs_f64();
    let insert_s = raw_inserts_sqlite(&place.folder.join("read.db")).await?.as_secs_f64();
    Ok(json!({"commits": read, "scan_s": scan_s, "insert_s": insert_s}))
}

const LINES: &str = "SELECT account_id, version, kind, currency, amount_minor, balance_after_minor, reference, \
                     occurred_at_us FROM statement_lines ORDER BY account_id, version";
const ACCOUNTS: &str = "SELECT account_id, owner, holder, kind, currency, balance_minor, status, version, opened_at_us, \
                        updated_at_us FROM bank_accounts ORDER BY account_id";

async fn raw_inserts_mysql(url: &str) -> Result<Duration, Failure> {
    let (mut reading, mut writing) =
        (sqlx::MySqlConnection::connect(url).await?, sqlx::MySqlConnection::connect(url).await?);
    for (raw, table) in [("raw_accounts", "bank_accounts"), ("raw_lines", "statement_lines")] {
        let statement = format!("DROP TABLE IF EXISTS {raw}; CREATE TABLE {raw} LIKE {table}");
        writing.execute(AssertSqlSafe(statement)).await?;
    }
    let mut taken = Duration::ZERO;
    let mut rows = sqlx::query(ACCOUNTS).fetch(&mut reading).try_chunks(RAW_ROWS);
    while let Some(rows) = rows.try_next().await? {
        let started = Instant::now();
        let mut insert = QueryBuilder::<sqlx::MySql>::new(
            "INSERT INTO raw_accounts (account_id, owner, holder, kind, currency, balance_minor, status, version, \
             opened_at_us, updated_at_us) ",
        );
        insert.push_values(&rows, |mut values, row| {
            values.push_bind(row.get::<Vec<u8>, _>(0));
            for text in 1..=4 {
                values.push_bind(row.get::<String, _>(text));
            }
            values.push_bind(row.get::<i64, _>(5)).push_bind(row.get::<String, _>(6)).push_bind(row.get::<u64, _>(7));
            values.push_bind(row.get::<i64, _>(8)).push_bind(row.get::<i64, _>(9));
        });
        insert.build().execute(&mut writing).await?;
        taken += started.elapsed();
    }
    drop(rows);
    let mut rows = sqlx::query(LINES).fetch(&mut reading).try_chunks(RAW_ROWS);
    while let Some(rows) = rows.try_next().await? {
        let started = Instant::now();
        let mut insert = QueryBuilder::<sqlx::MySql>::new(
            "INSERT INTO raw_lines (account_id, version, kind, currency, amount_minor, balance_after_minor, reference, \
             occurred_at_us) ",
        );
        insert.push_values(&rows, |mut values, row| {
            values.push_bind(row.get::<Vec<u8>, _>(0)).push_bind(row.get::<u64, _>(1));
            values.push_bind(row.get::<String, _>(2)).push_bind(row.get::<String, _>(3));
            values.push_bind(row.get::<i64, _>(4)).push_bind(row.get::<i64, _>(5));
            values.push_bind(row.get::<Option<String>, _>(6)).push_bind(row.get::<i64, _>(7));
        });
        insert.build().execute(&mut writing).await?;
        taken += started.elapsed();
    }
    writing.execute("DROP TABLE raw_accounts, raw_lines").await?;
    Ok(taken)
}

async fn raw_inserts_sqlite(file: &std::path::Path) -> Result<Duration, Failure> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut reading = sqlx::SqliteConnection::connect_with(&options).await?;
    let mut writing = sqlx::SqliteConnection::connect_with(&options).await?;
    writing
        .execute(
            "PRAGMA synchronous = NORMAL; DROP TABLE IF EXISTS raw_lines; DROP TABLE IF EXISTS raw_accounts; \
             CREATE TABLE raw_accounts (account_id TEXT NOT NULL PRIMARY KEY, owner TEXT, holder TEXT, kind TEXT, \
                 currency TEXT, balance_minor INTEGER, status TEXT, version INTEGER, opened_at_us INTEGER, \
                 updated_at_us INTEGER) STRICT, WITHOUT ROWID; \
             CREATE INDEX raw_1 ON raw_accounts (owner, opened_at_us, account_id); \
             CREATE INDEX raw_2 ON raw_accounts (opened_at_us, account_id); \
             CREATE INDEX raw_3 ON raw_accounts (holder, opened_at_us, account_id); \
             CREATE INDEX raw_4 ON raw_accounts (currency, balance_minor); \
             CREATE TABLE raw_lines (account_id TEXT NOT NULL, version INTEGER NOT NULL, kind TEXT, currency TEXT, \
                 amount_minor INTEGER, balance_after_minor INTEGER, reference TEXT, occurred_at_us INTEGER, \
                 PRIMARY KEY (account_id, version)) STRICT, WITHOUT ROWID",
        )
        .await?;
    let mut taken = Duration::ZERO;
    let mut rows = sqlx::query(ACCOUNTS).fetch(&mut reading).try_chunks(RAW_ROWS);
    while let Some(rows) = rows.try_next().await? {
        let started = Instant::now();
        let mut insert = QueryBuilder::<sqlx::Sqlite>::new("INSERT INTO raw_accounts ");
        insert.push_values(&rows, |mut values, row| {
            for text in 0..=4 {
                values.push_bind(row.get::<String, _>(text));
            }
            values.push_bind(row.get::<i64, _>(5)).push_bind(row.get::<String, _>(6));
            for number in 7..=9 {
                values.push_bind(row.get::<i64, _>(number));
            }
        });
        insert.build().execute(&mut writing).await?;
        taken += started.elapsed();
    }
    drop(rows);
    let mut rows = sqlx::query(LINES).fetch(&mut reading).try_chunks(RAW_ROWS);
    while let Some(rows) = rows.try_next().await? {
        let started = Instant::now();
        let mut insert = QueryBuilder::<sqlx::Sqlite>::new("INSERT INTO raw_lines ");
        insert.push_values(&rows, |mut values, row| {
            values.push_bind(row.get::<String, _>(0)).push_bind(row.get::<i64, _>(1));
            values.push_bind(row.get::<String, _>(2)).push_bind(row.get::<String, _>(3));
            values.push_bind(row.get::<i64, _>(4)).push_bind(row.get::<i64, _>(5));
            values.push_bind(row.get::<Option<String>, _>(6)).push_bind(row.get::<i64, _>(7));
        });
        insert.build().execute(&mut writing).await?;
        taken += started.elapsed();
    }
    drop(rows);
    writing.execute("DROP TABLE raw_lines; DROP TABLE raw_accounts").await?;
    Ok(taken)
}

/// Hands each commit to a projector beside.
struct ToProjector(mpsc::UnboundedSender<OpenedCommit>);

#[async_trait]
impl EventPublisher for ToProjector {
    async fn publish(&self, commit: &OpenedCommit) -> Result<(), PublishError> {
        // Nobody listens when the measuring is over.
        let _ = self.0.send(commit.clone());
        Ok(())
    }
}

/// A deposit and a look at the account, a hundred times a second, and how long each took.
async fn latency(place: &Place, time: Duration) -> Result<Value, Failure> {
    let Databases { event_store, scan, event_handler, accounts, .. } = place.open().await?;
    let some = scan.scan(StreamRange::default(), None, 5_000).await?;
    let mut ids: Vec<StreamId> = some.iter().map(|commit| commit.place.stream_id).collect();
    ids.dedup();
    let (to_projector, mut published) = mpsc::unbounded_channel::<OpenedCommit>();
    let projecting = tokio::spawn(async move {
        while let Some(commit) = published.recv().await {
            let events: Vec<_> = commit.envelopes().collect();
            while event_handler.handle(&events).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    });
    let handler = EventSourcingHandler::<AccountAggregate>::new(event_store, Arc::new(ToProjector(to_projector)));
    let amount = Money::new(1, "EUR".parse()?)?;
    let (mut commands, mut queries) = (Vec::new(), Vec::new());
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let until = Instant::now() + time;
    for stream_id in ids.iter().cycle() {
        if Instant::now() >= until {
            break;
        }
        ticks.tick().await;
        let context = CommandContext {
            caller: "bench".to_owned(),
            correlation_id: "bench".to_owned(),
            causation_id: "bench".to_owned(),
            idempotency: None,
            expected_version: None,
            issued_at: Timestamp::now(),
        };
        let started = Instant::now();
        handler
            .execute(*stream_id, &context, |_| Ok(vec![AccountEvent::FundsDeposited { amount, reference: None }]))
            .await?;
        commands.push(started.elapsed());
        let started = Instant::now();
        accounts.account(AccountId::try_from(stream_id.0)?).await?;
        queries.push(started.elapsed());
    }
    drop(handler);
    projecting.await?;
    Ok(json!({"commands": percentiles(commands), "queries": percentiles(queries)}))
}

fn percentiles(mut durations: Vec<Duration>) -> BTreeMap<&'static str, Value> {
    durations.sort();
    let at = |percent: usize| {
        let index = (durations.len() * percent / 100).min(durations.len().saturating_sub(1));
        json!(durations.get(index).map_or(0.0, |duration| duration.as_secs_f64() * 1_000.0))
    };
    BTreeMap::from([("count", json!(durations.len())), ("p50_ms", at(50)), ("p99_ms", at(99)), ("max_ms", at(100))])
}
