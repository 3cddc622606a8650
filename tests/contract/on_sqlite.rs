use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::restore::RestoreStore;
use async_trait::async_trait;
use bank::AccountId;
use cqrs::{CommitScan, EventConsumer, EventStoreRepository, PersonalData, StreamId};
use futures::future::{BoxFuture, join_all};
use personal_data::{KeyProtection, KeyStore, StoredKey, StreamKeys, WrappedKey, Wrapping};
use projection::{Column, ColumnKind, Selection};
use settings::{KeyProtectionSettings, Secret};
use sqlite_embedded::{
    BusProgress, EmbeddedBus, SqliteEventStore, SqliteKeyStore, SqliteProjector, SqliteReadDb, statements_of,
};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, SqlSafeStr as _, SqliteConnection};
use tempfile::TempDir;

use super::commit_scan::ScanUnderTest;
use super::commits::StreamEnd;
use super::delivery::{
    Bus, DeliveryUnderTest, Process, RunningBus, assert_rows, caught_up, in_turns, projector, random_histories,
    store_and_publish,
};
use super::dice::Dice;
use super::event_store::EventStoreUnderTest;
use super::key_store::KeyStoreUnderTest;
use super::personal_data::{PersonalDataUnderTest, open_one};
use super::read_db::{PROJECTIONS, ReadDb, ReadDbUnderTest, every_kind_of_selection, record_projections};
use super::restore::RestoreUnderTest;

mod event_store {
    crate::contract::event_store::event_store_suite!(super::OnSqlite::new());
}

mod key_store {
    crate::contract::key_store::key_store_suite!(super::OnSqlite::new());
}

mod personal_data_unwrapped {
    crate::contract::personal_data::personal_data_suite!(super::OnSqlite::new());
}

mod personal_data_under_a_master_key {
    crate::contract::personal_data::personal_data_suite!(super::UnderAMasterKey(super::OnSqlite::new()));
}

mod commit_scan {
    crate::contract::commit_scan::commit_scan_suite!(super::OnSqlite::new());
}

mod read_db {
    crate::contract::read_db::read_db_suite!(super::OnSqlite::new());
}

mod restore {
    crate::contract::restore::restore_suite!(super::OnSqlite::new());
}

mod delivery {
    crate::contract::delivery::delivery_suite!(super::OnSqlite::new());
}

/// A folder with the three files, and all processes that have them open.
struct OnSqlite {
    home: TempDir,
    key_stores: Mutex<Vec<SqliteKeyStore>>,
    event_stores: Mutex<Vec<SqliteEventStore>>,
    read_dbs: Mutex<Vec<SqliteReadDb>>,
}

impl OnSqlite {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        Self { home, key_stores: Mutex::default(), event_stores: Mutex::default(), read_dbs: Mutex::default() }
    }

    fn event_store_file(&self) -> PathBuf {
        self.home.path().join("events.db")
    }

    fn key_store_file(&self) -> PathBuf {
        self.home.path().join("keys.db")
    }

    fn read_db_file(&self) -> PathBuf {
        self.home.path().join("read.db")
    }

    async fn open_event_store(&self) -> SqliteEventStore {
        let event_store = SqliteEventStore::open(&self.event_store_file()).await.expect("opens");
        self.event_stores.lock().expect("no panic").push(event_store.clone());
        event_store
    }

    async fn open_key_store(&self) -> SqliteKeyStore {
        let key_store = SqliteKeyStore::open(&self.key_store_file()).await.expect("opens");
        self.key_stores.lock().expect("no panic").push(key_store.clone());
        key_store
    }

    async fn open_personal_data(&self) -> Arc<dyn PersonalData> {
        Arc::new(StreamKeys::new(Arc::new(self.open_key_store().await), KeyProtection::none()))
    }

    async fn open_bus(&self) -> EmbeddedBus {
        EmbeddedBus::new(self.open_event_store().await, self.open_read_db().await, self.open_personal_data().await)
    }

    async fn open_read_db(&self) -> SqliteReadDb {
        let read_db = sqlite_embedded::open_read_db(&self.read_db_file()).await.expect("opens");
        record_projections(&read_db).await;
        self.read_dbs.lock().expect("no panic").push(read_db.clone());
        read_db
    }

    async fn close(&self) {
        let event_stores = std::mem::take(&mut *self.event_stores.lock().expect("no panic"));
        let key_stores = std::mem::take(&mut *self.key_stores.lock().expect("no panic"));
        for key_store in key_stores {
            key_store.close().await;
        }
        let read_dbs = std::mem::take(&mut *self.read_dbs.lock().expect("no panic"));
        for event_store in event_stores {
            event_store.close().await;
        }
        for read_db in read_dbs {
            read_db.close().await;
        }
    }
}

fn as_ports(read_db: &SqliteReadDb) -> ReadDb {
    ReadDb::new(read_db.clone(), Arc::new(SqliteProjector::new(read_db.clone(), PROJECTIONS)))
}

/// The name by which the bus knows the projector of these tests.
const PROJECTION: &str = "bank-accounts";

/// The file as a program opens it that ignores the ports.
async fn connect(file: PathBuf) -> SqliteConnection {
    SqliteConnectOptions::new().filename(file).connect().await.expect("opens")
}

#[async_trait]
impl EventStoreUnderTest for OnSqlite {
    async fn open(&self) -> Arc<dyn EventStoreRepository> {
        Arc::new(self.open_event_store().await)
    }

    async fn close_all(&self) {
        self.close().await;
    }
}

#[async_trait]
impl ScanUnderTest for OnSqlite {
    async fn open_both(&self) -> (Arc<dyn EventStoreRepository>, Arc<dyn CommitScan>) {
        let store = Arc::new(self.open_event_store().await);
        (store.clone(), store)
    }
}

#[async_trait]
impl KeyStoreUnderTest for OnSqlite {
    async fn open(&self) -> Arc<dyn KeyStore> {
        Arc::new(self.open_key_store().await)
    }

    async fn close_all(&self) {
        self.close().await;
    }
}

#[async_trait]
impl PersonalDataUnderTest for OnSqlite {
    async fn keys(&self) -> Arc<dyn KeyStore> {
        Arc::new(self.open_key_store().await)
    }

    fn protection(&self) -> KeyProtection {
        KeyProtection::none()
    }
}

struct UnderAMasterKey(OnSqlite);

#[async_trait]
impl PersonalDataUnderTest for UnderAMasterKey {
    async fn keys(&self) -> Arc<dyn KeyStore> {
        self.0.keys().await
    }

    fn protection(&self) -> KeyProtection {
        under_master_key("cXVpdGUgdGhlIG1hc3RlciBrZXksIDMyIGJ5dGVzISE=")
    }
}

fn under_master_key(base64: &str) -> KeyProtection {
    let master_key = Some(Secret::new(base64.to_owned()));
    KeyProtection::new(&KeyProtectionSettings { kms_key_id: None, master_key }).expect("32 bytes")
}

#[async_trait]
impl ReadDbUnderTest for OnSqlite {
    async fn open(&self) -> ReadDb {
        as_ports(&self.open_read_db().await)
    }

    async fn close_all(&self) {
        self.close().await;
    }

    async fn kept_early(&self) -> u64 {
        let kept: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM early_events")
            .fetch_one(&mut connect(self.read_db_file()).await)
            .await
            .expect("reads");
        kept.unsigned_abs()
    }
}

#[async_trait]
impl RestoreUnderTest for OnSqlite {
    async fn open_event_store(&self) -> (Arc<dyn EventStoreRepository>, Arc<dyn CommitScan>) {
        self.open_both().await
    }

    async fn open_keys(&self) -> Arc<dyn PersonalData> {
        self.open_personal_data().await
    }

    async fn open_restore_store(&self) -> Arc<dyn RestoreStore> {
        Arc::new(self.open_read_db().await)
    }

    fn literal(&self, account_id: AccountId) -> String {
        format!("'{account_id}'")
    }

    async fn execute(&self, statement: &str) -> u64 {
        let executed = sqlx::query(AssertSqlSafe(statement.to_owned()));
        executed.execute(&mut connect(self.read_db_file()).await).await.expect("executes").rows_affected()
    }
}

#[async_trait]
impl Bus for EmbeddedBus {
    async fn run(&self, consumer: Arc<dyn EventConsumer>, stop: BoxFuture<'static, ()>) {
        Self::run(self, PROJECTION, &*consumer, stop).await;
    }

    async fn is_caught_up(&self) -> bool {
        let BusProgress { delivered_position, last_position, .. } = self.progress(PROJECTION).await.expect("reads");
        delivered_position == last_position
    }

    async fn dead_letters(&self) -> u64 {
        self.progress(PROJECTION).await.expect("reads").dead_letters
    }

    async fn redrive(&self) {}
}

#[async_trait]
impl DeliveryUnderTest for OnSqlite {
    async fn start_process(&self) -> Process {
        let (event_store, read_db) = (self.open_event_store().await, self.open_read_db().await);
        let personal_data = self.open_personal_data().await;
        let bus = Arc::new(EmbeddedBus::new(event_store.clone(), read_db.clone(), personal_data));
        Process { event_store: Arc::new(event_store), publisher: bus.clone(), bus, read_db: as_ports(&read_db) }
    }

    async fn end_all(&self) {
        self.close().await;
    }

    fn longest_life(&self) -> Duration {
        Duration::from_millis(12)
    }
}

// --- promises of SQLite beside the ports

#[tokio::test]
async fn the_tables_have_the_columns_that_are_declared() {
    let declared = |column: &Column| {
        let stored_type = match column.kind {
            ColumnKind::Id | ColumnKind::Text { .. } | ColumnKind::LongText => "TEXT",
            ColumnKind::Integer | ColumnKind::Count => "INTEGER",
        };
        (column.name.to_owned(), stored_type.to_owned(), !column.is_optional)
    };
    let on_sqlite = OnSqlite::new();
    on_sqlite.open_read_db().await;
    let mut connection = connect(on_sqlite.read_db_file()).await;
    for table in PROJECTIONS.all().iter().flat_map(|projection| projection.tables()) {
        let statement = r#"SELECT name, type, "notnull" FROM pragma_table_info(?) ORDER BY cid"#;
        let columns = sqlx::query_as(statement).bind(table.name).fetch_all(&mut connection);
        let columns: Vec<(String, String, bool)> = columns.await.expect("reads");
        assert_eq!(columns, table.columns.iter().map(declared).collect::<Vec<_>>(), "{}", table.name);
    }
}

#[tokio::test]
async fn every_statement_of_a_declared_table_is_one_that_the_server_can_prepare() {
    let on_sqlite = OnSqlite::new();
    on_sqlite.open_read_db().await;
    let mut connection = connect(on_sqlite.read_db_file()).await;
    for projection in PROJECTIONS.all() {
        for table in projection.tables() {
            for set in ["shadow", "old"] {
                on_sqlite.execute(&format!("CREATE TABLE {0}_{set} AS SELECT * FROM {0}", table.name)).await;
            }
        }
        let selections: Vec<Selection> = projection.tables().flat_map(every_kind_of_selection).collect();
        let statements = statements_of(*projection, &selections).expect("columns that are declared");
        // A projection without lines has fewer statements.
        let least = if projection.line_table().is_some() { 20 } else { 15 };
        assert!(statements.len() > selections.len() + least, "{} statements", statements.len());
        for statement in statements {
            let prepared = (&mut connection).prepare(AssertSqlSafe(statement.clone()).into_sql_str()).await;
            assert!(prepared.is_ok(), "{statement}: {:?}", prepared.err());
        }
    }
}

#[tokio::test]
async fn commits_are_neither_updated_nor_deleted_by_whoever_opens_the_file() {
    let on_sqlite = OnSqlite::new();
    let store = on_sqlite.open_event_store().await;
    let commit = StreamEnd::of_new_stream().push(2);
    store.append(&commit).await.expect("appends");
    let mut connection = connect(on_sqlite.event_store_file()).await;
    for (statement, reason) in [
        ("UPDATE commits SET caller = 'mallory'", "commits are never updated"),
        ("UPDATE commits SET position = position + 1", "commits are never updated"),
        ("DELETE FROM commits", "commits are never deleted"),
        ("DELETE FROM commits WHERE position = 1", "commits are never deleted"),
    ] {
        let error = sqlx::query(statement).execute(&mut connection).await.expect_err(statement);
        assert!(error.to_string().contains(reason), "{statement}: {error}");
    }
    let stored = store.last_commit(commit.draft.stream_id).await.expect("reads");
    assert_eq!(stored, Some(commit));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_at_once_on_an_empty_folder_all_open_its_files() {
    for _ in 0..5 {
        let on_sqlite = OnSqlite::new();
        let processes = join_all((0..8).map(|_| on_sqlite.start_process())).await;
        for process in &processes {
            process.event_store.append(&StreamEnd::of_new_stream().push(1)).await.expect("appends");
        }
        let bus = on_sqlite.open_bus().await;
        let expected = BusProgress { delivered_position: 0, last_position: 8, dead_letters: 0 };
        assert_eq!(bus.progress(PROJECTION).await.expect("reads"), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_come_and_go_at_once_lose_nothing() {
    // The last process to leave folds the write-ahead log into the file and deletes it, while another process comes.
    let on_sqlite = OnSqlite::new();
    let visits = (0..4).map(|_| {
        let file = on_sqlite.event_store_file();
        tokio::spawn(async move {
            let mut end = StreamEnd::of_new_stream();
            for _ in 0..15 {
                let store = SqliteEventStore::open(&file).await.expect("opens");
                store.append(&end.push(1)).await.expect("appends");
                store.close().await;
            }
            end.stream_id
        })
    });
    let visits = join_all(visits).await;
    let store = on_sqlite.open_event_store().await;
    for stream_id in visits {
        let commits = store.commits_from(stream_id.expect("does not panic"), 1, 100).await.expect("reads");
        assert_eq!(commits.len(), 15);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_checkpoint_moves_with_the_log_and_an_idle_bus_leaves_it_where_it_is() {
    let on_sqlite = OnSqlite::new();
    let bus = on_sqlite.open_bus().await;
    let process = on_sqlite.start_process().await;
    let running = RunningBus::start(&process, projector(&process));
    // No projection reads these events, and so each of a commit's three is kept aside.
    let at = |position: i64| BusProgress {
        delivered_position: position,
        last_position: position,
        dead_letters: 3 * position.unsigned_abs(),
    };
    assert_eq!(bus.progress(PROJECTION).await.expect("reads"), at(0));
    let mut end = StreamEnd::of_new_stream();
    for position in 1..=5 {
        // Several events are one commit, and so one place in the log. Other aggregates' events are delivered as well.
        store_and_publish(&process, &[end.push(3)]).await;
        caught_up(&process).await;
        assert_eq!(bus.progress(PROJECTION).await.expect("reads"), at(position));
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_database_that_is_deleted_is_rebuilt_from_the_log() {
    let on_sqlite = OnSqlite::new();
    let mut dice = Dice::seeded(60);
    let histories = random_histories(&mut dice, 40, 15);
    let process = on_sqlite.start_process().await;
    let running = RunningBus::start(&process, projector(&process));
    store_and_publish(&process, &in_turns(&mut dice, &histories)).await;
    caught_up(&process).await;
    running.stop().await;
    drop(process);
    on_sqlite.close().await;
    std::fs::remove_file(on_sqlite.read_db_file()).expect("it is there");

    let process = on_sqlite.start_process().await;
    assert!(!process.bus.is_caught_up().await);
    let running = RunningBus::start(&process, projector(&process));
    caught_up(&process).await;
    running.stop().await;
    assert_rows(&process, &histories).await;
}

/// All bytes of a file and its write-ahead log.
fn bytes_of(file: &std::path::Path) -> Vec<u8> {
    let mut wal = file.as_os_str().to_owned();
    wal.push("-wal");
    [file.as_os_str().to_owned(), wal].iter().flat_map(|file| std::fs::read(file).unwrap_or_default()).collect()
}

#[tokio::test]
async fn of_a_destroyed_key_no_byte_is_left_in_the_file() {
    let on_sqlite = OnSqlite::new();
    let store = on_sqlite.open_key_store().await;
    let is_in_the_file = |key: &WrappedKey| {
        bytes_of(&on_sqlite.key_store_file()).windows(key.bytes.len()).any(|window| window == key.bytes)
    };
    let keys: Vec<(StreamId, WrappedKey)> = (0..20)
        .map(|_| {
            let bytes = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(uuid::Uuid::into_bytes).concat();
            (StreamId(uuid::Uuid::now_v7()), WrappedKey { wrapping: Wrapping::Unwrapped, bytes })
        })
        .collect();
    for (stream_id, key) in &keys {
        store.create_or_get(*stream_id, key).await.expect("stores");
        assert!(is_in_the_file(key));
    }
    for (place, (stream_id, _)) in keys.iter().enumerate().filter(|(place, _)| place % 2 == 0) {
        store.destroy(*stream_id).await.expect("destroys");
        for (other, (_, key)) in keys.iter().enumerate() {
            assert_eq!(is_in_the_file(key), other > place || other % 2 == 1, "key {other} after {place}");
        }
    }
}

#[tokio::test]
async fn a_destroyed_key_does_not_come_back_by_whoever_opens_the_file() {
    let on_sqlite = OnSqlite::new();
    let (store, stream_id) = (on_sqlite.open_key_store().await, StreamId(uuid::Uuid::now_v7()));
    store.destroy(stream_id).await.expect("destroys");
    let mut connection = connect(on_sqlite.key_store_file()).await;
    for (statement, reason) in [
        ("UPDATE keys SET key = x'00', wrapping = 'unwrapped', destroyed_at_us = NULL", "never comes back"),
        ("DELETE FROM keys", "the mark of a destroyed key stays"),
    ] {
        let error = sqlx::query(statement).execute(&mut connection).await.expect_err(statement);
        assert!(error.to_string().contains(reason), "{statement}: {error}");
    }
    let stored = store.get_many(&[stream_id]).await.expect("reads");
    assert_eq!(stored.get(&stream_id), Some(&StoredKey::Destroyed));
}

#[tokio::test]
async fn a_key_that_was_wrapped_with_another_master_key_is_said_to_be_so() {
    let on_sqlite = OnSqlite::new();
    let keys: Arc<dyn KeyStore> = Arc::new(on_sqlite.open_key_store().await);
    let with = |protection| StreamKeys::new(keys.clone(), protection);
    let commit = super::personal_data::sealed(&with(UnderAMasterKey(OnSqlite::new()).protection())).await;
    // Of a key that does not unwrap only its own stream's commits stay closed.
    let another = under_master_key("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let opened = open_one(&with(another), commit.clone()).await.expect("the keys can be reached");
    let reason = opened.expect_err("is wrapped").reason;
    assert!(reason.contains("another master key"), "{reason}");
    // Without a master key nothing can be told of any.
    let error = open_one(&with(KeyProtection::none()), commit).await.expect_err("is wrapped");
    let said = format!("{error}: {}", telemetry::causes(&error));
    assert!(said.contains("KEY_STORE_MASTER_KEY"), "{said}");
}
