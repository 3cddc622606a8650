//! All of it put together: the commands on the event store, the bus, the read side, on files of their own.

use std::path::Path;
use std::sync::Arc;

use bank_read_model::{BankAccountProjection, BankAccountRepository};
use cqrs::{
    CommandContext, CommandDispatcher, CommandEnvelope, EventPublisher, EventSourcingHandler, EventStoreRepository,
    Idempotency, OpenedCommitScan, PersonalData, QueryContext, QueryDispatcher, QueryEnvelope, QueryError, Timestamp,
};
use personal_data::{KeyProtection, StreamKeys};
use projection::{
    AnyProjection, BuildDue, Declared, ProjectionRecord, ProjectionRegister as _, Projections, builds_due,
};
use serde::Serialize;
use sqlite_embedded::{EmbeddedBus, SqliteEventStore, SqliteKeyStore, SqliteProjector, SqliteReadDb};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::case::{
    AdjournHearing, CancelHearing, Case, CaseId, DecideCase, DocketNumber, FileCase, HearingNumber, HoldHearing,
    ScheduleHearing,
};
use super::case_command_handlers::CaseCommandHandler;
use super::case_entity::CaseEntity;
use super::case_event_consumer::CaseEventConsumer;
use super::case_projection::CaseProjection;
use super::case_queries::{GetCase, GetCaseHandler};
use super::case_repository::CaseRepository;

/// The court's projections: its cases, and the bank's accounts, whose event store it shares.
pub const PROJECTIONS: Projections =
    Projections::new(&[&Declared::<BankAccountProjection>::NEW, &Declared::<CaseProjection>::NEW], &[]);

/// The tables of cases, as a migration of SQLite makes them.
pub const CASES_SQLITE: &str = include_str!("cases_sqlite.sql");

/// What can be told to the court, a dispatcher each.
#[derive(Clone)]
pub struct CaseCommands {
    pub file: CommandDispatcher<FileCase, Case>,
    pub schedule: CommandDispatcher<ScheduleHearing, Case>,
    pub adjourn: CommandDispatcher<AdjournHearing, Case>,
    pub hold: CommandDispatcher<HoldHearing, Case>,
    pub cancel: CommandDispatcher<CancelHearing, Case>,
    pub decide: CommandDispatcher<DecideCase, Case>,
}

impl CaseCommands {
    /// On this event store, telling this bus.
    pub fn new(event_store: Arc<dyn EventStoreRepository>, publisher: Arc<dyn EventPublisher>) -> Self {
        let handler = CaseCommandHandler::new(EventSourcingHandler::new(event_store, publisher));
        Self {
            file: CommandDispatcher::new(handler.clone()),
            schedule: CommandDispatcher::new(handler.clone()),
            adjourn: CommandDispatcher::new(handler.clone()),
            hold: CommandDispatcher::new(handler.clone()),
            cancel: CommandDispatcher::new(handler.clone()),
            decide: CommandDispatcher::new(handler),
        }
    }
}

/// A court at work on a folder of its own: both databases open, the bus running.
pub struct Court {
    pub event_store: SqliteEventStore,
    pub read_db: SqliteReadDb,
    /// Seals and opens the names of the accounts' holders. Cases hold nothing personal.
    pub personal_data: Arc<dyn PersonalData>,
    pub accounts: BankAccountRepository,
    pub cases: CaseRepository,
    pub bus: EmbeddedBus,
    pub commands: CaseCommands,
    /// The projections for which a build was due when the court was opened.
    pub builds_due: Vec<BuildDue>,
    get_case: QueryDispatcher<GetCase, CaseEntity>,
    home: TempDir,
    stop_bus: watch::Sender<()>,
    /// A task for each projection.
    bus_tasks: Vec<JoinHandle<()>>,
}

impl Court {
    /// On an empty folder.
    pub async fn open() -> Self {
        Self::open_with(PROJECTIONS).await
    }

    /// On an empty folder, with these projections alone.
    pub async fn open_with(projections: Projections) -> Self {
        Self::open_on(tempfile::tempdir().expect("a folder"), projections).await
    }

    async fn open_on(home: TempDir, projections: Projections) -> Self {
        let event_store = open_event_store(home.path()).await;
        let read_db = open_read_db(home.path()).await;
        let key_store = SqliteKeyStore::open(&home.path().join("keys.db")).await.expect("opens");
        let personal_data: Arc<dyn PersonalData> =
            Arc::new(StreamKeys::new(Arc::new(key_store), KeyProtection::none()));
        // The bus brings a new projection every event of the log, so that no build is due.
        for projection in projections.all() {
            let record =
                ProjectionRecord { name: projection.name().to_owned(), built_version: Some(projection.version()) };
            read_db.record_projection(&record).await.expect("records");
        }
        let builds_due = builds_due(&projections, &read_db.projection_records().await.expect("reads"));
        let bus = EmbeddedBus::new(event_store.clone(), read_db.clone(), personal_data.clone());
        let (stop_bus, stopped) = watch::channel(());
        let deliver = |projection: &&'static dyn AnyProjection| {
            let (bus, name, mut stopped) = (bus.clone(), projection.name(), stopped.clone());
            let projector = SqliteProjector::of_one(read_db.clone(), projections, *projection);
            let consumer = CaseEventConsumer::new(Arc::new(projector));
            tokio::spawn(async move {
                let stop = async move {
                    // A sender that is gone is a stop, too.
                    let _ = stopped.changed().await;
                };
                bus.run(name, &consumer, stop).await;
            })
        };
        let bus_tasks = projections.all().iter().map(deliver).collect();
        let commands = CaseCommands::new(Arc::new(event_store.clone()), Arc::new(bus.clone()));
        let cases = CaseRepository::new(Arc::new(read_db.clone()));
        let get_case = QueryDispatcher::new(GetCaseHandler::new(cases.clone()));
        Self {
            event_store,
            accounts: BankAccountRepository::new(Arc::new(read_db.clone())),
            read_db,
            personal_data,
            cases,
            bus,
            commands,
            builds_due,
            get_case,
            home,
            stop_bus,
            bus_tasks,
        }
    }

    /// Stops everything and opens it again on the same files.
    pub async fn restart(self) -> Self {
        self.restart_with(PROJECTIONS).await
    }

    /// Stops everything and opens it again on the same files, as a build with these projections does.
    pub async fn restart_with(self, projections: Projections) -> Self {
        // Both fail only when a delivery has ended already.
        let _ = self.stop_bus.send(());
        for task in self.bus_tasks {
            let _ = task.await;
        }
        self.read_db.close().await;
        self.event_store.close().await;
        Self::open_on(self.home, projections).await
    }

    /// The commits with their personal data opened, as restore and verification read them.
    pub fn opened_commits(&self) -> OpenedCommitScan {
        OpenedCommitScan::new(Arc::new(self.event_store.clone()), self.personal_data.clone())
    }

    /// The read database's file as any other program may write it: how many rows the statement touched.
    pub async fn execute(&self, statement: &'static str) -> u64 {
        execute(self.home.path(), statement).await
    }

    /// Files a case and answers its id.
    pub async fn file(&self, number: &str) -> CaseId {
        self.commands.file.dispatch(by_a_clerk(filing(number))).await.expect("filed");
        CaseId::of(&docket_number(number))
    }

    /// Asks for a case once the read side has reached this version.
    pub async fn case_at(&self, number: &str, min_version: u64) -> Result<CaseEntity, QueryError> {
        self.ask(number, Some(min_version)).await
    }

    /// Asks for a case as the read side has it.
    pub async fn ask(&self, number: &str, min_version: Option<u64>) -> Result<CaseEntity, QueryError> {
        let query = GetCase { docket_number: docket_number(number), min_version };
        let context = QueryContext { caller: "clerk".to_owned(), correlation_id: "question".to_owned() };
        self.get_case.dispatch(QueryEnvelope { query, context }).await
    }
}

/// The event store of a folder.
pub async fn open_event_store(home: &Path) -> SqliteEventStore {
    SqliteEventStore::open(&home.join("events.db")).await.expect("opens")
}

/// The read database of a folder, with the tables of cases. A program has them in its migrations instead.
pub async fn open_read_db(home: &Path) -> SqliteReadDb {
    let read_db = sqlite_embedded::open_read_db(&home.join("read.db")).await.expect("opens");
    let tables = "SELECT 1 FROM sqlite_master WHERE name = 'cases'";
    let pool = connect(home).await;
    if sqlx::query(tables).fetch_optional(&pool).await.expect("reads").is_none() {
        sqlx::raw_sql(CASES_SQLITE).execute(&pool).await.expect("makes the tables");
    }
    pool.close().await;
    read_db
}

async fn execute(home: &Path, statement: &'static str) -> u64 {
    let pool = connect(home).await;
    let touched = sqlx::query(statement).execute(&pool).await.expect("executes").rows_affected();
    pool.close().await;
    touched
}

async fn connect(home: &Path) -> SqlitePool {
    SqlitePool::connect_with(SqliteConnectOptions::new().filename(home.join("read.db"))).await.expect("connects")
}

/// The command, given now by a clerk.
pub fn by_a_clerk<C>(command: C) -> CommandEnvelope<C> {
    let context = CommandContext {
        caller: "clerk".to_owned(),
        correlation_id: "request-1".to_owned(),
        causation_id: "request-1".to_owned(),
        idempotency: None,
        expected_version: None,
        issued_at: Timestamp::now(),
    };
    CommandEnvelope { command, context }
}

/// The same with an idempotency key.
pub fn with_key<C: Serialize>(mut envelope: CommandEnvelope<C>, key: &str) -> CommandEnvelope<C> {
    let content = serde_json::to_vec(&envelope.command).expect("a command is plain JSON");
    envelope.context.idempotency = Some(Idempotency::new(&envelope.context.caller, "/cases", key, &content));
    envelope
}

/// The same for a stream that is at this version.
pub fn if_at_version<C>(mut envelope: CommandEnvelope<C>, version: u64) -> CommandEnvelope<C> {
    envelope.context.expected_version = Some(version);
    envelope
}

pub fn docket_number(number: &str) -> DocketNumber {
    number.parse().expect("a docket number")
}

/// An hour of one day; hearings begin on the hour.
pub fn at(hour: u32) -> Timestamp {
    format!("2026-12-01T{hour:02}:00:00Z").parse().expect("a time")
}

pub fn filing(number: &str) -> FileCase {
    FileCase {
        docket_number: docket_number(number),
        plaintiff: "Ann Lee".parse().expect("a name"),
        defendant: "Bob Roe".parse().expect("a name"),
    }
}

pub fn scheduling(case_id: CaseId, hour: u32) -> ScheduleHearing {
    ScheduleHearing { case_id, starts_at: at(hour), room: "Room 5".parse().expect("a name") }
}

pub fn adjourning(case_id: CaseId, hearing: u32, to_hour: u32) -> AdjournHearing {
    AdjournHearing {
        case_id,
        hearing: HearingNumber(hearing),
        starts_at: at(to_hour),
        room: "Room 7".parse().expect("a name"),
    }
}

pub fn holding(case_id: CaseId, hearing: u32) -> HoldHearing {
    HoldHearing { case_id, hearing: HearingNumber(hearing) }
}
