//! All of it put together: the commands on the event store, the bus, the read side, on files of their own.

use std::path::Path;
use std::sync::Arc;

use cqrs::{
    CommandContext, CommandDispatcher, CommandEnvelope, EventPublisher, EventSourcingHandler, EventStoreRepository,
    Idempotency, PersonalData, QueryContext, QueryDispatcher, QueryEnvelope, QueryError, Timestamp,
};
use personal_data::{KeyProtection, StreamKeys};
use serde::Serialize;
use sqlite_embedded::{EmbeddedBus, SqliteEventStore, SqliteKeyStore, SqliteReadDb};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::case::{
    AdjournHearing, CancelHearing, Case, CaseId, DecideCase, DocketNumber, FileCase, HearingNumber, HoldHearing,
    ScheduleHearing,
};
use super::case_command_handlers::CaseCommandHandler;
use super::case_event_consumer::CaseEventConsumer;
use super::case_queries::{GetCase, GetCaseHandler};
use super::case_read_model::{CaseEntity, CaseReadDb};

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
    pub accounts_read_db: SqliteReadDb,
    /// What seals and opens the names of the accounts' holders; cases have nothing personal.
    pub personal_data: Arc<dyn PersonalData>,
    pub cases_read_db: CaseReadDb,
    pub bus: EmbeddedBus,
    pub commands: CaseCommands,
    get_case: QueryDispatcher<GetCase, CaseEntity>,
    home: TempDir,
    stop_bus: oneshot::Sender<()>,
    bus_task: JoinHandle<()>,
}

impl Court {
    /// On an empty folder.
    pub async fn open() -> Self {
        Self::open_on(tempfile::tempdir().expect("a folder")).await
    }

    async fn open_on(home: TempDir) -> Self {
        let read_db_file = home.path().join("read.db");
        let event_store = open_event_store(home.path()).await;
        let accounts_read_db = SqliteReadDb::open(&read_db_file).await.expect("opens");
        let key_store = SqliteKeyStore::open(&home.path().join("keys.db")).await.expect("opens");
        let personal_data: Arc<dyn PersonalData> =
            Arc::new(StreamKeys::new(Arc::new(key_store), KeyProtection::none()));
        let cases_read_db = CaseReadDb::open(&read_db_file).await.expect("opens");
        let bus = EmbeddedBus::new(event_store.clone(), accounts_read_db.clone(), personal_data.clone());
        let consumer =
            CaseEventConsumer::new(vec![Arc::new(accounts_read_db.clone()), Arc::new(cases_read_db.clone())]);
        let (stop_bus, stopped) = oneshot::channel();
        let running_bus = bus.clone();
        let bus_task = tokio::spawn(async move {
            let stop = async move {
                // A sender that is gone is a stop, too.
                let _ = stopped.await;
            };
            running_bus.run(&consumer, stop).await;
        });
        let commands = CaseCommands::new(Arc::new(event_store.clone()), Arc::new(bus.clone()));
        let get_case = QueryDispatcher::new(GetCaseHandler::new(cases_read_db.clone()));
        Self {
            event_store,
            accounts_read_db,
            personal_data,
            cases_read_db,
            bus,
            commands,
            get_case,
            home,
            stop_bus,
            bus_task,
        }
    }

    /// Stops everything and opens it again on the same files.
    pub async fn restart(self) -> Self {
        // Both fail only when the bus has ended already.
        let _ = self.stop_bus.send(());
        let _ = self.bus_task.await;
        self.cases_read_db.close().await;
        self.accounts_read_db.close().await;
        self.event_store.close().await;
        Self::open_on(self.home).await
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
