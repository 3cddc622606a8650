use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bank::{AccountId, AccountKind, TransferEvent, TransferId, TransferParty, TransferStatus};
use bank_read_model::{
    AccountFilter, AccountPosition, AccountsPage, BankAccountRepository, StatementFilter, StatementPage,
    TransferFilter, TransferPosition, TransferRepository, TransfersPage,
};
use cqrs::{
    CommitScan, EventEnvelope, EventHandler, EventHandlerError, EventStoreRepository, HandledBatch, OpenedCommitScan,
    PersonalData, StreamId,
};
use futures::future::join_all;
use mysql_read_db::{Limits, MigrateError, MySqlProjector, MySqlReadDb, statements_of};
use personal_data::{KeyProtection, StreamKeys};
use projection::{Column, ColumnKind, ProjectionRegister as _, ReadDbError, Selection, Table};
use restore::{
    Lease, RestoreId, RestoreKind, RestoreLeases as _, RestoreLimits, RestoreRegister as _, RestoreStatus,
    RestoreStore, Restorer, ShadowStore as _, StreamRestore,
};
use sqlite_embedded::{SqliteEventStore, SqliteKeyStore};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection, Row as _, SqlSafeStr as _};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use super::account_history::{AccountHistory, Opening, at, money};
use super::dice::Dice;
use super::read_db::{PROJECTIONS, ReadDb, ReadDbUnderTest, assert_rows, every_kind_of_selection, record_projections};
use super::restore::{Opened, RestoreUnderTest, job};
use crate::harness::mysql_server_url;

/// A database for one test alone on a running server. It is dropped with this value.
pub struct OnServer {
    /// The URL without a database.
    server_url: String,
    database: String,
    opened: Mutex<Vec<MySqlReadDb>>,
    /// The folder for an event store beside the database.
    home: TempDir,
}

impl OnServer {
    /// An empty database with its tables.
    pub async fn new(variable: &'static str) -> Self {
        let server_url = mysql_server_url(variable);
        let database = format!("passbook_test_{}", Uuid::now_v7().simple());
        run(&server_url, format!("CREATE DATABASE {database}")).await;
        let on_server =
            Self { server_url, database, opened: Mutex::default(), home: tempfile::tempdir().expect("a folder") };
        mysql_read_db::migrate(&on_server.url()).await.expect("migrates");
        let read_db = mysql_read_db::connect(&on_server.url()).expect("a URL");
        record_projections(&read_db).await;
        read_db.close().await;
        on_server
    }

    pub fn url(&self) -> String {
        format!("{}/{}", self.server_url, self.database)
    }

    fn connect_with(&self, limits: Limits) -> MySqlReadDb {
        let read_db = mysql_read_db::connect_with(&self.url(), limits).expect("a URL");
        self.opened.lock().expect("no panic").push(read_db.clone());
        read_db
    }

    fn connect(&self) -> MySqlReadDb {
        self.connect_with(Limits::default())
    }

    /// A connection that may do everything.
    pub async fn administrator(&self) -> MySqlConnection {
        MySqlConnection::connect(&self.url()).await.expect("connects")
    }
}

impl Drop for OnServer {
    /// Drops the database, also after a failed test. It uses a runtime of its own, because the test's runtime may be
    /// ending.
    fn drop(&mut self) {
        let (server_url, statement) = (self.server_url.clone(), format!("DROP DATABASE IF EXISTS {}", self.database));
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(run(&server_url, statement));
        });
        let _ = dropping.join();
    }
}

async fn run(url: &str, statement: String) {
    let mut connection = MySqlConnection::connect(url).await.expect("connects");
    connection.execute(AssertSqlSafe(statement)).await.expect("runs");
    connection.close().await.expect("closes");
}

#[async_trait]
impl ReadDbUnderTest for OnServer {
    async fn open(&self) -> ReadDb {
        as_ports(&self.connect())
    }

    async fn close_all(&self) {
        let opened = std::mem::take(&mut *self.opened.lock().expect("no panic"));
        for read_db in opened {
            read_db.close().await;
        }
    }

    async fn kept_early(&self) -> u64 {
        let kept: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM early_events")
            .fetch_one(&mut self.administrator().await)
            .await
            .expect("reads");
        kept.unsigned_abs()
    }
}

#[async_trait]
impl RestoreUnderTest for OnServer {
    /// The event store is a file, because the suite's subject here is the read database.
    async fn open_event_store(&self) -> (Arc<dyn EventStoreRepository>, Arc<dyn CommitScan>) {
        let store = SqliteEventStore::open(&self.home.path().join("events.db")).await.expect("opens");
        (Arc::new(store.clone()), Arc::new(store))
    }

    async fn open_keys(&self) -> Arc<dyn PersonalData> {
        let keys = SqliteKeyStore::open(&self.home.path().join("keys.db")).await.expect("opens");
        Arc::new(StreamKeys::new(Arc::new(keys), KeyProtection::none()))
    }

    async fn open_restore_store(&self) -> Arc<dyn RestoreStore> {
        let read_db = mysql_read_db::connect_for_restore(&self.url()).expect("a URL");
        self.opened.lock().expect("no panic").push(read_db.clone());
        Arc::new(read_db)
    }

    fn literal(&self, account_id: AccountId) -> String {
        format!("x'{}'", account_id.as_uuid().as_simple())
    }

    async fn execute(&self, statement: &str) -> u64 {
        let statement = AssertSqlSafe(statement.to_owned());
        self.administrator().await.execute(statement).await.expect("executes").rows_affected()
    }
}

fn as_ports(read_db: &MySqlReadDb) -> ReadDb {
    ReadDb::new(read_db.clone(), event_handler(read_db))
}

fn repository(read_db: &MySqlReadDb) -> BankAccountRepository {
    BankAccountRepository::new(Arc::new(read_db.clone()))
}

fn event_handler(read_db: &MySqlReadDb) -> Arc<dyn EventHandler> {
    Arc::new(MySqlProjector::new(read_db.clone(), PROJECTIONS))
}

// --- promises of the adapter beside the ports

/// Makes one test of each promise, on the database that the expression gives.
macro_rules! server_promises {
    ($new_database:expr) => {
        $crate::contract::mysql_server::server_promises! { $new_database;
            tables_are_made_by_migrating_and_not_by_connecting
            tables_made_before_the_comments_of_migrations_were_edited_are_kept
            the_tables_have_the_columns_that_are_declared
            every_statement_of_a_declared_table_is_one_that_the_server_can_prepare
            an_early_event_and_the_opening_it_waits_for_never_miss_each_other
            projectors_that_open_the_same_accounts_at_once_write_each_once
            a_projector_whose_projection_is_not_recorded_takes_no_event
            a_locked_account_fails_its_batch_in_time_and_no_other
            a_row_that_another_hand_has_written_is_reported_and_not_overwritten
            a_function_keeps_its_connection_until_that_is_too_old
            a_server_that_is_not_there_fails_in_time
            a_server_that_falls_silent_fails_in_time_and_is_used_again_when_it_is_back
            a_worker_that_vanishes_behind_a_closed_gate_holds_projectors_up_for_seconds
            an_account_that_cannot_be_rebuilt_after_the_swap_is_told_of_and_fails_nothing
            each_user_may_do_what_it_has_to_and_nothing_else
            queries_read_no_more_rows_than_they_have_to
            a_page_of_transfers_reads_no_more_rows_than_four_pages_have
            an_owner_may_be_longer_than_any_index
            texts_that_differ_in_blanks_at_the_end_differ
            a_value_that_does_not_fit_its_column_is_refused
        }
    };
    ($new_database:expr; $($promise:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $promise() {
            $crate::contract::mysql_server::$promise(&$new_database).await;
        }
    )* };
}
pub(crate) use server_promises;

pub async fn tables_are_made_by_migrating_and_not_by_connecting(on_server: &OnServer) {
    let mut administrator = on_server.administrator().await;
    let tables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()";
    let migrated: i64 = sqlx::query_scalar(tables).fetch_one(&mut administrator).await.expect("reads");
    let name = &on_server.database;
    administrator
        .execute(AssertSqlSafe(format!("DROP DATABASE {name}; CREATE DATABASE {name}; USE {name}")))
        .await
        .expect("runs");
    let read_db = on_server.connect();
    let error = read_db.projection_records().await.expect_err("there is no table");
    assert!(matches!(error, ReadDbError::Unavailable { .. }), "{error:?}");
    let made: i64 = sqlx::query_scalar(tables).fetch_one(&mut administrator).await.expect("reads");
    assert_eq!(made, 0);

    let url = on_server.url();
    for migrated in join_all([mysql_read_db::migrate(&url), mysql_read_db::migrate(&url)]).await {
        migrated.expect("they take turns");
    }
    mysql_read_db::migrate(&url).await.expect("nothing is left to do");
    read_db.projection_records().await.expect("answers");
    let made: i64 = sqlx::query_scalar(tables).fetch_one(&mut administrator).await.expect("reads");
    assert_eq!(made, migrated);
}

pub async fn tables_made_before_the_comments_of_migrations_were_edited_are_kept(on_server: &OnServer) {
    let set_checksum = async |checksum: &str| {
        let statement = format!("UPDATE _sqlx_migrations SET checksum = UNHEX('{checksum}') WHERE version = 1");
        assert_eq!(on_server.execute(&statement).await, 1);
    };
    // The file 0001_bank_accounts.sql as the first release had it.
    set_checksum("e371999de851ea4ddb3b3a29ca99a936ee5c8180c09e3173b80d9fa85732185c8b75ce932aa465dce06fbf8bd677f627")
        .await;
    mysql_read_db::migrate(&on_server.url()).await.expect("the statements are the same");
    mysql_read_db::migrate(&on_server.url()).await.expect("nothing is left to do");
    // A file with other statements.
    set_checksum("0123456789abcdef").await;
    let error = mysql_read_db::migrate(&on_server.url()).await.expect_err("is refused");
    assert!(matches!(error, MigrateError::Tables { .. }), "{error:?}");
}

pub async fn the_tables_have_the_columns_that_are_declared(on_server: &OnServer) {
    let declared = |column: &Column| {
        let (data_type, length, is_unsigned) = match column.kind {
            ColumnKind::Id => ("binary", Some(16), false),
            ColumnKind::Text { max_chars } => ("varchar", Some(i64::from(max_chars)), false),
            // In bytes.
            ColumnKind::LongText => ("mediumtext", Some(16_777_215), false),
            ColumnKind::Integer => ("bigint", None, false),
            ColumnKind::Count => ("bigint", None, true),
        };
        let is_text = matches!(column.kind, ColumnKind::Text { .. } | ColumnKind::LongText);
        let collation = is_text.then_some("utf8mb4_bin");
        StoredColumn {
            name: column.name.to_owned(),
            data_type: data_type.to_owned(),
            length,
            is_unsigned,
            collation: collation.map(ToOwned::to_owned),
            is_optional: column.is_optional,
            is_generated: false,
        }
    };
    let digest = |column: &Column| StoredColumn {
        name: format!("{}_digest", column.name),
        data_type: "binary".to_owned(),
        length: Some(32),
        is_unsigned: false,
        collation: None,
        is_optional: true,
        is_generated: true,
    };
    let mut administrator = on_server.administrator().await;
    for table in PROJECTIONS.all().iter().flat_map(|projection| projection.tables()) {
        let stored = stored_columns(&mut administrator, table).await;
        let (generated, stored): (Vec<_>, Vec<_>) = stored.into_iter().partition(|column| column.is_generated);
        assert_eq!(stored, table.columns.iter().map(declared).collect::<Vec<_>>(), "{}", table.name);
        let long_texts = table.columns.iter().filter(|column| column.kind == ColumnKind::LongText);
        assert_eq!(generated, long_texts.map(digest).collect::<Vec<_>>(), "{}", table.name);
    }
}

/// A column as the server describes it.
#[derive(Debug, PartialEq, Eq, sqlx::FromRow)]
struct StoredColumn {
    name: String,
    data_type: String,
    length: Option<i64>,
    is_unsigned: bool,
    collation: Option<String>,
    is_optional: bool,
    is_generated: bool,
}

async fn stored_columns(administrator: &mut MySqlConnection, table: &Table) -> Vec<StoredColumn> {
    let statement = "SELECT CAST(column_name AS CHAR) AS name, CAST(data_type AS CHAR) AS data_type, \
                            CAST(character_maximum_length AS SIGNED) AS length, \
                            CAST(column_type AS CHAR) LIKE '%unsigned' AS is_unsigned, \
                            CAST(collation_name AS CHAR) AS collation, is_nullable = 'YES' AS is_optional, \
                            extra LIKE '%GENERATED%' AS is_generated \
                     FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? \
                     ORDER BY ordinal_position";
    sqlx::query_as(statement).bind(table.name).fetch_all(administrator).await.expect("reads")
}

/// As the adapter's own connections are set.
pub async fn every_statement_of_a_declared_table_is_one_that_the_server_can_prepare(on_server: &OnServer) {
    let read_db = on_server.connect();
    let mut connection = read_db.pool().acquire().await.expect("a connection");
    for projection in PROJECTIONS.all() {
        for table in projection.tables() {
            for set in ["shadow", "old"] {
                on_server.execute(&format!("CREATE TABLE {0}_{set} LIKE {0}", table.name)).await;
            }
        }
        let selections: Vec<Selection> = projection.tables().flat_map(every_kind_of_selection).collect();
        let statements = statements_of(*projection, &selections).expect("columns that are declared");
        // A projection without lines has fewer statements.
        let least = if projection.line_table().is_some() { 20 } else { 15 };
        assert!(statements.len() > selections.len() + least, "{} statements", statements.len());
        for statement in statements {
            let prepared = connection.prepare(AssertSqlSafe(statement.clone()).into_sql_str()).await;
            assert!(prepared.is_ok(), "{statement}: {:?}", prepared.err());
        }
    }
}

/// Neither projector has a row to lock. One meets an event that is too early, and the other sees no waiting event.
pub async fn an_early_event_and_the_opening_it_waits_for_never_miss_each_other(on_server: &OnServer) {
    let (one, other) = (on_server.connect(), on_server.connect());
    let mut dice = Dice::seeded(80);
    let histories: Vec<AccountHistory> = (0..150).map(|_| AccountHistory::random(&mut dice, 2)).collect();
    for history in &histories {
        let (opening, early) = (vec![history.events[0].clone()], vec![history.events[1].clone()]);
        let outcomes = at_once([(one.clone(), opening), (other.clone(), early)]).await;
        assert_eq!(outcomes.iter().map(|outcome| outcome.applied).sum::<u64>(), 2, "{outcomes:?}");
    }
    assert_rows(on_server, &as_ports(&one), &histories).await;
}

pub async fn projectors_that_open_the_same_accounts_at_once_write_each_once(on_server: &OnServer) {
    let mut dice = Dice::seeded(81);
    let mut histories = Vec::new();
    for _ in 0..10 {
        let opened: Vec<AccountHistory> = (0..40).map(|_| AccountHistory::random(&mut dice, 3)).collect();
        let mut events: Vec<EventEnvelope> = opened.iter().flat_map(|history| history.events.clone()).collect();
        let deliveries: Vec<_> = (0..4)
            .map(|_| {
                dice.shuffle(&mut events);
                (on_server.connect(), events.clone())
            })
            .collect();
        let outcomes = at_once(deliveries).await;
        assert_eq!(outcomes.iter().map(|outcome| outcome.applied).sum::<u64>(), 120, "{outcomes:?}");
        histories.extend(opened);
        on_server.close_all().await;
    }
    assert_rows(on_server, &as_ports(&on_server.connect()), &histories).await;
}

async fn at_once(deliveries: impl IntoIterator<Item = (MySqlReadDb, Vec<EventEnvelope>)>) -> Vec<HandledBatch> {
    let handling = deliveries.into_iter().map(|(read_db, batch)| {
        tokio::spawn(async move { event_handler(&read_db).handle(&batch).await.expect("handles") })
    });
    join_all(handling).await.into_iter().map(|outcome| outcome.expect("does not panic")).collect()
}

/// Without the record there is no gate, and a restore could swap the tables under the projector.
pub async fn a_projector_whose_projection_is_not_recorded_takes_no_event(on_server: &OnServer) {
    let read_db = on_server.connect();
    let history = AccountHistory::random(&mut Dice::seeded(89), 3);
    let recorded = u64::try_from(PROJECTIONS.all().len()).expect("small");
    assert_eq!(on_server.execute("DELETE FROM projections").await, recorded);
    let error = event_handler(&read_db).handle(&history.events).await.expect_err("it is not recorded");
    assert!(matches!(error, EventHandlerError::Unavailable { .. }), "{error:?}");
    assert!(telemetry::causes(&error).contains("run `passbook prepare`"), "{error:?}");
    assert_rows(on_server, &as_ports(&read_db), &[]).await;

    record_projections(&read_db).await;
    event_handler(&read_db).handle(&history.events).await.expect("handles");
    assert_rows(on_server, &as_ports(&read_db), &[history]).await;
}

pub async fn a_locked_account_fails_its_batch_in_time_and_no_other(on_server: &OnServer) {
    let read_db = on_server.connect_with(Limits {
        lock_wait_timeout: Duration::from_secs(1),
        max_race_retries: 1,
        ..Limits::default()
    });
    let mut dice = Dice::seeded(82);
    let (locked, free) = (AccountHistory::random(&mut dice, 4), AccountHistory::random(&mut dice, 4));
    event_handler(&read_db).handle(&locked.events[..2]).await.expect("handles");
    let mut administrator = on_server.administrator().await;
    let mut transaction = administrator.begin().await.expect("begins");
    sqlx::query("SELECT 1 FROM stream_locks WHERE stream_id = ? FOR UPDATE")
        .bind(locked.account_id.as_uuid())
        .fetch_one(&mut *transaction)
        .await
        .expect("locks");

    let started = Instant::now();
    let error = event_handler(&read_db).handle(&locked.events[2..]).await.expect_err("it is locked");
    assert!(matches!(error, EventHandlerError::Unavailable { .. }), "{error:?}");
    // The projector waited twice.
    assert!((1_500..10_000).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
    event_handler(&read_db).handle(&free.events).await.expect("it is not locked");

    transaction.rollback().await.expect("rolls back");
    let outcome = event_handler(&read_db).handle(&locked.events[2..]).await.expect("handles");
    assert_eq!(outcome, HandledBatch { applied: 2, ..HandledBatch::default() });
    assert_rows(on_server, &as_ports(&read_db), &[locked, free]).await;
}

pub async fn a_row_that_another_hand_has_written_is_reported_and_not_overwritten(on_server: &OnServer) {
    let read_db = on_server.connect();
    let history = AccountHistory::random(&mut Dice::seeded(83), 3);
    sqlx::query("INSERT INTO statement_lines VALUES (?, 2, 'deposit', 'EUR', 1, 1, NULL, 0, NULL, NULL)")
        .bind(history.account_id.as_uuid())
        .execute(&mut on_server.administrator().await)
        .await
        .expect("writes");
    let error = event_handler(&read_db).handle(&history.events).await.expect_err("a line is there");
    assert!(matches!(error, EventHandlerError::Corrupt { .. }), "{error:?}");
    assert_eq!(repository(&read_db).account(history.account_id).await.expect("reads"), None);

    sqlx::query("DELETE FROM statement_lines").execute(&mut on_server.administrator().await).await.expect("deletes");
    event_handler(&read_db).handle(&history.events).await.expect("handles");
    assert_rows(on_server, &as_ports(&read_db), &[history]).await;
}

const SHORT: Limits = Limits {
    max_connections: 2,
    acquire_timeout: Duration::from_secs(1),
    statement_timeout: Duration::from_secs(1),
    lock_wait_timeout: Duration::from_secs(1),
    handle_timeout: Duration::from_secs(2),
    max_race_retries: 1,
    idle_timeout: None,
    max_age: Duration::from_secs(60),
    closes_unused: false,
};

pub async fn a_function_keeps_its_connection_until_that_is_too_old(on_server: &OnServer) {
    let connections = async |limits| {
        let read_db = on_server.connect_with(limits);
        let mut used = BTreeSet::new();
        for _ in 0..3 {
            repository(&read_db)
                .account(AccountHistory::random(&mut Dice::seeded(85), 1).account_id)
                .await
                .expect("reads");
            let mut connection = read_db.pool().acquire().await.expect("a connection");
            let id = sqlx::query_scalar::<_, u64>("SELECT CONNECTION_ID()").fetch_one(&mut *connection).await;
            used.insert(id.expect("a number"));
            connection.return_to_pool().await;
        }
        (used.len(), read_db.pool().size())
    };
    assert_eq!(connections(Limits::for_function()).await, (1, 1));
    assert_eq!(connections(Limits { max_age: Duration::ZERO, ..Limits::for_function() }).await, (3, 0));
}

pub async fn a_server_that_is_not_there_fails_in_time(on_server: &OnServer) {
    // On one port no server listens, and on the other none ever answers.
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("binds").local_addr().expect("an address");
    let mute = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    for address in [closed, mute.local_addr().expect("an address")] {
        let read_db = mysql_read_db::connect_with(&on_server.url_by_way_of(address), SHORT).expect("a URL");
        assert_unavailable(&read_db).await;
    }
}

pub async fn a_server_that_falls_silent_fails_in_time_and_is_used_again_when_it_is_back(on_server: &OnServer) {
    let way = Way::to(on_server.address()).await;
    let read_db = mysql_read_db::connect_with(&on_server.url_by_way_of(way.address), SHORT).expect("a URL");
    let history = AccountHistory::random(&mut Dice::seeded(84), 4);
    event_handler(&read_db).handle(&history.events[..2]).await.expect("handles");
    way.is_open.store(false, Ordering::SeqCst);
    for _ in 0..3 {
        assert_unavailable(&read_db).await;
    }
    way.is_open.store(true, Ordering::SeqCst);
    crate::harness::eventually("the server is used again", async || read_db.projection_records().await.ok()).await;
    event_handler(&read_db).handle(&history.events).await.expect("handles");
    assert_rows(on_server, &as_ports(&read_db), &[history]).await;
    read_db.close().await;
}

pub async fn a_worker_that_vanishes_behind_a_closed_gate_holds_projectors_up_for_seconds(on_server: &OnServer) {
    let way = Way::to(on_server.address()).await;
    let vanishing = mysql_read_db::connect_for_restore(&on_server.url_by_way_of(way.address)).expect("a URL");
    let id = RestoreId::generate();
    vanishing.request(id, RestoreKind::Rebuild, None).await.expect("records");
    let lease = Lease { holder: "it".to_owned(), duration: Duration::from_secs(60) };
    vanishing.take_lease(&lease).await.expect("answers");
    vanishing.prepare(&job(id, &lease), &[], 0).await.expect("prepares");
    let gate = vanishing.close_gate(&job(id, &lease), Duration::from_secs(1)).await.expect("closes");
    way.is_open.store(false, Ordering::SeqCst);

    let started = Instant::now();
    let (projecting, history) = (on_server.connect(), AccountHistory::random(&mut Dice::seeded(88), 4));
    event_handler(&projecting).handle(&history.events).await.expect("handles");
    assert!((2..15).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    assert_rows(on_server, &as_ports(&projecting), &[history]).await;
    // The lock had been released when the projector went through.
    way.is_open.store(true, Ordering::SeqCst);
    gate.swap().await.expect_err("its connection is gone");
    // None of its other connections keeps a lock for longer than a minute.
    let timeout: u64 = sqlx::query_scalar("SELECT CAST(@@SESSION.wait_timeout AS UNSIGNED)")
        .fetch_one(vanishing.pool())
        .await
        .expect("reads");
    assert_eq!(timeout, 60);
    vanishing.close().await;
}

pub async fn an_account_that_cannot_be_rebuilt_after_the_swap_is_told_of_and_fails_nothing(on_server: &OnServer) {
    let opened = Opened::new(on_server).await;
    let mut histories = opened.with_histories(35, 5).await;
    let id = opened.verified().await;
    let lease = Lease { holder: "by hand".to_owned(), duration: Duration::from_secs(60) };
    opened.store.take_lease(&lease).await.expect("answers");
    let gate = opened.store.close_gate(&job(id, &lease), Duration::from_secs(5)).await.expect("closes");
    gate.swap().await.expect("swaps");
    opened.store.release_lease(id, &lease).await.expect("releases");
    // Two accounts are ahead in the old tables. For one of them the event store can be read to its end.
    let damaged = AccountHistory::random(&mut Dice::seeded(36), 4);
    let mut stored = damaged.clone();
    stored.events[2].event_type = "FundsConjured".to_owned();
    opened.append(&stored.commits()).await;
    opened.project(&damaged.events).await;
    histories.push(damaged);
    for history in [&histories[0], histories.last().expect("the damaged one")] {
        let columns = "owner, holder, kind, currency, balance_minor, status, opened_at_us, updated_at_us";
        let literal = on_server.literal(history.account_id);
        on_server.execute(&format!("DELETE FROM bank_accounts_old WHERE account_id = {literal}")).await;
        let ahead = format!(
            "INSERT INTO bank_accounts_old (account_id, version, {columns}) \
             SELECT account_id, version + 1, {columns} FROM bank_accounts WHERE account_id = {literal}"
        );
        assert_eq!(on_server.execute(&ahead).await, 1);
    }
    let record = opened.run().await;
    assert_eq!(record.status, RestoreStatus::Succeeded, "{record:?}");
    assert_eq!(record.failure.as_deref(), Some("1 streams have fewer events than before the swap: see the log"));
    opened.assert_rows(&histories).await;
}

async fn assert_unavailable(read_db: &MySqlReadDb) {
    let history = AccountHistory::open(&Opening::default());
    let started = Instant::now();
    let error = repository(read_db).account(history.account_id).await.expect_err("there is no server");
    assert!(matches!(error, ReadDbError::Unavailable { .. }), "{error:?}");
    let error = event_handler(read_db).handle(&history.events).await.expect_err("there is no server");
    assert!(matches!(error, EventHandlerError::Unavailable { .. }), "{error:?}");
    // The limits are 1 s for a connection and 2 s for the query, then 1 s for a connection and 2 s for the batch. The
    // rest is for a busy machine.
    assert!(started.elapsed() < Duration::from_secs(9), "{:?}", started.elapsed());
}

/// A way to the server that can be closed like a broken network: connections stay, but carry nothing.
struct Way {
    address: SocketAddr,
    is_open: Arc<AtomicBool>,
}

impl Way {
    async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let way =
            Self { address: listener.local_addr().expect("an address"), is_open: Arc::new(AtomicBool::new(true)) };
        let is_open = way.is_open.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&server).await else { continue };
                let ((client_in, client_out), (server_in, server_out)) = (client.into_split(), server.into_split());
                tokio::spawn(carry(client_in, server_out, is_open.clone()));
                tokio::spawn(carry(server_in, client_out, is_open.clone()));
            }
        });
        way
    }
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    is_open: Arc<AtomicBool>,
) {
    let mut bytes = vec![0; 16_384];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        while !is_open.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}

impl OnServer {
    fn address(&self) -> String {
        self.server_url.rsplit_once('@').expect("a URL with a user").1.to_owned()
    }

    fn url_by_way_of(&self, address: SocketAddr) -> String {
        self.url().replace(&self.address(), &address.to_string())
    }
}

pub async fn each_user_may_do_what_it_has_to_and_nothing_else(on_server: &OnServer) {
    // Users belong to the whole server, so these names are for this test alone.
    let suffix = &Uuid::now_v7().simple().to_string()[20..];
    let named = |user: &str| format!("passbook_{user}_{suffix}");
    let (query, projector, restorer) = (named("query"), named("projector"), named("restorer"));
    let users = include_str!("../../migrations/mysql/users.sql")
        .replace("passbook_query", &query)
        .replace("passbook_projector", &projector)
        .replace("passbook_restorer", &restorer)
        .replace("PASSBOOK_QUERY_PASSWORD", "of the query")
        .replace("PASSBOOK_PROJECTOR_PASSWORD", "of the projector")
        .replace("PASSBOOK_RESTORER_PASSWORD", "of the restorer");
    let mut administrator = on_server.administrator().await;
    administrator.execute(AssertSqlSafe(users.clone())).await.expect("makes the users");
    administrator.execute(AssertSqlSafe(users)).await.expect("leaves them as they are");
    let database = &on_server.database;
    let url = |user: &str, password: &str| format!("mysql://{user}:{password}@{}/{database}", on_server.address());
    let (query_url, projector_url) = (url(&query, "of%20the%20query"), url(&projector, "of%20the%20projector"));
    let restorer_url = url(&restorer, "of%20the%20restorer");

    // Each user can do its own work.
    let mut histories: Vec<AccountHistory> = Vec::new();
    let projecting = mysql_read_db::connect(&projector_url).expect("a URL");
    for number in 0..3 {
        let history = AccountHistory::random(&mut Dice::seeded(85 + number), 6);
        for event in history.events.iter().rev() {
            event_handler(&projecting).handle(std::slice::from_ref(event)).await.expect("handles");
        }
        event_handler(&projecting).handle(&history.events).await.expect("handles");
        histories.push(history);
    }
    let querying = mysql_read_db::connect(&query_url).expect("a URL");
    assert_rows(on_server, &as_ports(&querying), &histories).await;
    querying.projection_records().await.expect("answers");
    let (event_store, events) = on_server.open_event_store().await;
    let events = Arc::new(OpenedCommitScan::new(events, on_server.open_keys().await));
    for commit in histories.iter().flat_map(AccountHistory::commits) {
        event_store.append(&commit).await.expect("appends");
    }
    let restoring: Arc<dyn RestoreStore> = Arc::new(mysql_read_db::connect_for_restore(&restorer_url).expect("a URL"));
    let looking = mysql_read_db::connect_for_restore(&query_url).expect("a URL");
    for kind in [RestoreKind::Rebuild, RestoreKind::Rebuild, RestoreKind::Rollback] {
        let id = RestoreId::generate();
        restoring.request(id, kind, None).await.expect("records");
        Restorer::new(events.clone(), restoring.clone(), PROJECTIONS, RestoreLimits::default())
            .run("it", None)
            .await
            .expect("runs");
        let record = looking.find(id).await.expect("reads").expect("recorded");
        assert_eq!(record.status, RestoreStatus::Succeeded, "{record:?}");
        // The tables with the granted rights are gone. The new tables under their names grant and refuse the same.
        assert_rows(on_server, &as_ports(&querying), &histories).await;
        event_handler(&projecting).handle(&histories[0].events).await.expect("handles");
    }
    let stream_id = StreamId(histories[0].account_id.as_uuid());
    let in_place = StreamRestore::new(events, restoring.clone());
    in_place.restore(PROJECTIONS.all()[0], stream_id).await.expect("restores");
    restoring.drop_old(PROJECTIONS.all()).await.expect("drops");

    // No user can do more than its work.
    let error = event_handler(&querying).handle(&histories[0].events).await.expect_err("it only reads");
    assert!(matches!(error, EventHandlerError::Unavailable { .. }), "{error:?}");
    let of_both = [
        "DELETE FROM bank_accounts",
        "DELETE FROM stream_locks",
        "UPDATE statement_lines SET amount_minor = 0",
        "DELETE FROM statement_lines",
        "UPDATE early_events SET version = 9",
        "DROP TABLE early_events",
        "TRUNCATE TABLE bank_accounts",
        "ALTER TABLE bank_accounts ADD COLUMN another INT",
        "CREATE TABLE another (id INT)",
        "UPDATE projections SET built_version = 2",
        "INSERT INTO projections (name) VALUES ('zebras')",
        "DELETE FROM projections",
        "SELECT COUNT(*) FROM _sqlx_migrations",
        "SELECT COUNT(*) FROM mysql.user",
        "GRANT SELECT ON bank_accounts TO CURRENT_USER",
    ];
    let of_the_query = [
        "UPDATE bank_accounts SET balance_minor = 1",
        "INSERT INTO stream_locks VALUES ('0123456789abcdef')",
        "SELECT COUNT(*) FROM early_events",
        "SELECT COUNT(*) FROM stream_locks",
        "UPDATE restores SET status = 'failed'",
        "SELECT COUNT(*) FROM restore_ranges",
    ];
    let of_the_projector = ["SELECT COUNT(*) FROM statement_lines", "SELECT COUNT(*) FROM restores"];
    let of_the_restorer = [
        "UPDATE bank_accounts SET balance_minor = 1",
        "UPDATE statement_lines SET amount_minor = 0",
        "INSERT INTO early_events VALUES ('bank-accounts', '0123456789abcdef', 2, '{}')",
        "DELETE FROM stream_locks",
        "INSERT INTO projections (name) VALUES ('zebras')",
        "DELETE FROM projections",
        "DELETE FROM restores",
        "DROP TABLE restores",
        "CREATE TABLE another (id INT)",
        "RENAME TABLE bank_accounts TO another",
        "SELECT COUNT(*) FROM mysql.user",
        "GRANT SELECT ON bank_accounts TO CURRENT_USER",
    ];
    for (url, statements) in [
        (&query_url, [&of_both[..], &of_the_query[..]].concat()),
        (&projector_url, [&of_both[..], &of_the_projector[..]].concat()),
        (&restorer_url, of_the_restorer.to_vec()),
    ] {
        let mut connection = MySqlConnection::connect(url).await.expect("signs in");
        for statement in statements {
            let error = connection.execute(statement).await.expect_err(statement);
            let reason = error.to_string();
            assert!(reason.contains("denied") || reason.contains("not allowed"), "{statement}: {reason}");
        }
    }
    assert_rows(on_server, &as_ports(&querying), &histories).await;
    administrator.execute(AssertSqlSafe(format!("DROP USER {query}, {projector}, {restorer}"))).await.expect("drops");
}

/// Compares the rows that the server has read, by its own count, and not the rows that it plans to read.
pub async fn queries_read_no_more_rows_than_they_have_to(on_server: &OnServer) {
    // There is one connection, because the server counts by connection.
    let read_db = on_server.connect_with(Limits { max_connections: 1, ..Limits::default() });
    let histories: Vec<AccountHistory> = (0..3_000)
        .map(|number| {
            AccountHistory::open(&Opening {
                owner: format!("owner {}", number % 100),
                holder: format!("Holder {}", number % 300),
                kind: AccountKind::Checking,
                currency: if number % 2 == 0 { "EUR" } else { "JPY" },
                balance_minor: number,
                opened_at: at(number * 1_000),
            })
        })
        .collect();
    let mut busy = histories[1_500].clone();
    for _ in 0..2_000 {
        busy.deposit(1, Some("a movement"));
    }
    let opened: Vec<EventEnvelope> = histories.iter().map(|history| history.events[0].clone()).collect();
    event_handler(&read_db).handle(&opened).await.expect("handles");
    event_handler(&read_db).handle(&busy.events).await.expect("handles");
    // The servers analyze tables by themselves, but not at once.
    sqlx::raw_sql("ANALYZE TABLE bank_accounts, statement_lines").execute(read_db.pool()).await.expect("analyzes");

    let position = |number: usize| {
        let row = &histories[number].row;
        Some(AccountPosition { opened_at: row.opened_at, account_id: row.account_id })
    };
    let by_owner = AccountFilter { owner: Some("owner 7".to_owned()), ..AccountFilter::default() };
    let by_holder = AccountFilter { holder: Some("Holder 7".to_owned()), ..AccountFilter::default() };
    let by_balance = AccountFilter {
        currency: Some("EUR".parse().expect("a code")),
        balance_at_least_minor: Some(2_980),
        ..AccountFilter::default()
    };
    // Besides the answers, at most one row is read: it shows where to stop.
    for (what, filter, after, limit, answers) in [
        ("all, the first page", AccountFilter::default(), None, 20, 20),
        ("all, a page in the middle", AccountFilter::default(), position(1_000), 20, 20),
        ("an owner's, the first page", by_owner.clone(), None, 20, 20),
        ("an owner's, the second page", by_owner, position(1_907), 20, 10),
        ("a holder's", by_holder, None, 20, 10),
        ("the rich", by_balance, None, 20, 11),
    ] {
        let page = AccountsPage { after, limit };
        let (rows, read) = counting(&read_db, repository(&read_db).accounts(&filter, page)).await;
        assert_eq!(rows.expect("reads").len(), answers, "{what}");
        let (answers, read_rows) = (u64::try_from(answers).expect("small"), read.values().sum::<u64>());
        // If the order differs from the index's order, the rows of the answer are read twice.
        let allowed = if what == "the rich" { 4 * answers + 4 } else { answers + 2 };
        assert!(read_rows <= allowed, "{what}: {read:?}");
    }
    let (row, read) = counting(&read_db, repository(&read_db).account(busy.account_id)).await;
    assert!(row.expect("reads").is_some());
    assert!(read.values().sum::<u64>() <= 1, "{read:?}");
    for before_version in [None, Some(1_000)] {
        let page = StatementPage { before_version, limit: 50 };
        let repository = repository(&read_db);
        let statement = repository.statement(busy.account_id, StatementFilter::default(), page);
        let (lines, read) = counting(&read_db, statement).await;
        assert_eq!(lines.expect("reads").len(), 50);
        assert!(read.values().sum::<u64>() <= 52, "{read:?}");
    }
    let (outcome, read) = counting(&read_db, read_db.projection_records()).await;
    outcome.expect("answers");
    // The table is read from its first row to its last. The way to the first row counts too, and the end.
    let allowed = u64::try_from(PROJECTIONS.all().len()).expect("small") + 2;
    assert!(read.values().sum::<u64>() <= allowed, "{read:?}");
}

/// A page of transfers reads the same number of rows wherever it begins, and also for a status that few transfers have.
pub async fn a_page_of_transfers_reads_no_more_rows_than_four_pages_have(on_server: &OnServer) {
    // There is one connection, because the server counts by connection.
    let read_db = on_server.connect_with(Limits { max_connections: 1, ..Limits::default() });
    let (busy, others) = (AccountId::generate(), (0..20).map(|_| AccountId::generate()).collect::<Vec<_>>());
    let mut events = Vec::new();
    let mut positions = Vec::new();
    for number in 0..3_000_i64 {
        let other = others[usize::try_from(number % 20).expect("small")];
        let (from, to) = if number % 2 == 0 { (busy, other) } else { (other, busy) };
        let transfer_id = TransferId::generate();
        let party = |account_id| TransferParty { account_id, owner: "ann".to_owned(), version: 2 };
        let amount = money(1, "EUR");
        let mut of_transfer =
            vec![TransferEvent::TransferMade { from: party(from), to: party(to), amount, reference: None }];
        if number % 300 == 0 {
            of_transfer.push(TransferEvent::TransferReversed { from_version: 3, to_version: 3, reason: None });
        }
        let mut envelopes = projection::spec::stream("transfer", StreamId(transfer_id.as_uuid()), &of_transfer);
        envelopes.iter_mut().for_each(|event| event.occurred_at = at(number * 1_000));
        events.extend(envelopes);
        positions.push(TransferPosition { occurred_at: at(number * 1_000), transfer_id });
    }
    event_handler(&read_db).handle(&events).await.expect("handles");
    sqlx::raw_sql("ANALYZE TABLE transfers").execute(read_db.pool()).await.expect("analyzes");
    let repository = TransferRepository::new(Arc::new(read_db.clone()));
    let reversed = Some(TransferStatus::Reversed);
    for (account, status, after, answers) in [
        (Some(busy), None, None, 20),
        (Some(busy), None, Some(positions[200]), 20),
        (Some(busy), reversed, None, 10),
        (Some(busy), reversed, Some(positions[1_000]), 4),
        (Some(others[3]), None, Some(positions[2_000]), 20),
        (None, None, None, 20),
        (None, None, Some(positions[200]), 20),
        (None, reversed, Some(positions[1_000]), 4),
    ] {
        let filter = TransferFilter { account, status, ..TransferFilter::default() };
        let page = repository.transfers(&filter, TransfersPage { after, limit: 20 });
        let (transfers, read) = counting(&read_db, page).await;
        assert_eq!(transfers.expect("reads").len(), answers, "{filter:?} after {after:?}");
        // Of each range the way to its first row, its rows, and one row that shows where to stop.
        assert!(read.values().sum::<u64>() <= 4 * 22, "{filter:?} after {after:?}: {read:?}");
    }
}

/// The answer, and the number of rows that the server read for it, by the way of reading.
async fn counting<T>(read_db: &MySqlReadDb, ask: impl Future<Output = T>) -> (T, BTreeMap<String, u64>) {
    let idle = {
        let before = rows_read(read_db).await;
        difference(&before, &rows_read(read_db).await)
    };
    let before = rows_read(read_db).await;
    let answer = ask.await;
    let read = difference(&before, &rows_read(read_db).await);
    // The query for the count reads rows, too.
    (answer, difference(&idle, &read))
}

async fn rows_read(read_db: &MySqlReadDb) -> BTreeMap<String, u64> {
    let rows = sqlx::query("SHOW SESSION STATUS LIKE 'Handler_read%'").fetch_all(read_db.pool()).await.expect("shows");
    rows.iter()
        .map(|row| {
            let name: String = row.get_unchecked(0);
            let count: String = row.get_unchecked(1);
            (name, count.parse().expect("a count"))
        })
        .collect()
}

fn difference(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    after.iter().map(|(name, count)| (name.clone(), count - before.get(name).copied().unwrap_or_default())).collect()
}

pub async fn an_owner_may_be_longer_than_any_index(on_server: &OnServer) {
    let read_db = on_server.connect();
    let long = "é".repeat(5_000);
    let owners = [long.clone(), format!("{long}e"), long[..long.len() - 2].to_owned()];
    let histories: Vec<AccountHistory> = owners
        .iter()
        .map(|owner| AccountHistory::open(&Opening { owner: owner.clone(), ..Opening::default() }))
        .collect();
    for history in &histories {
        event_handler(&read_db).handle(&history.events).await.expect("handles");
    }
    assert_rows(on_server, &as_ports(&read_db), &histories).await;
    for history in &histories {
        let filter = AccountFilter { owner: Some(history.row.owner.clone()), ..AccountFilter::default() };
        let rows =
            repository(&read_db).accounts(&filter, AccountsPage { after: None, limit: 10 }).await.expect("reads");
        assert_eq!(rows, std::slice::from_ref(&history.row));
    }
}

pub async fn texts_that_differ_in_blanks_at_the_end_differ(on_server: &OnServer) {
    let read_db = on_server.connect();
    for owner in ["ann", "ann ", "ann  "] {
        let opening = Opening { owner: owner.to_owned(), ..Opening::default() };
        event_handler(&read_db).handle(&AccountHistory::open(&opening).events).await.expect("handles");
    }
    let page = AccountsPage { after: None, limit: 10 };
    for (owner, holder, expected) in [
        (Some("ann"), None, 1),
        (Some("ann "), None, 1),
        (Some("ann   "), None, 0),
        (None, Some("Ann Lee"), 3),
        (None, Some("Ann Lee "), 0),
    ] {
        let (owner, holder) = (owner.map(ToOwned::to_owned), holder.map(ToOwned::to_owned));
        let filter = AccountFilter { owner, holder, ..AccountFilter::default() };
        assert_eq!(repository(&read_db).accounts(&filter, page).await.expect("reads").len(), expected, "{filter:?}");
    }
}

/// The promise must not depend on the server's own settings.
pub async fn a_value_that_does_not_fit_its_column_is_refused(on_server: &OnServer) {
    let read_db = on_server.connect();
    let history = AccountHistory::open(&Opening::default());
    event_handler(&read_db).handle(&history.events).await.expect("handles");
    for statement in [
        "UPDATE bank_accounts SET holder = REPEAT('x', 141)",
        "UPDATE bank_accounts SET currency = 'EURO'",
        "UPDATE bank_accounts SET currency = 'EU'",
        "UPDATE bank_accounts SET kind = 'current'",
        "UPDATE bank_accounts SET status = 'Closed'",
        "UPDATE bank_accounts SET balance_minor = -1",
        "UPDATE bank_accounts SET balance_minor = 1000000000000001",
        "UPDATE bank_accounts SET version = 0",
        "UPDATE bank_accounts SET owner = NULL",
        "UPDATE statement_lines SET kind = 'gift'",
        "UPDATE statement_lines SET amount_minor = -1",
        "INSERT INTO early_events VALUES ('bank-accounts', '0123456789abcdef', 2, '{')",
    ] {
        assert!(sqlx::raw_sql(statement).execute(read_db.pool()).await.is_err(), "{statement}");
    }
    assert_rows(on_server, &as_ports(&read_db), &[history]).await;
}
