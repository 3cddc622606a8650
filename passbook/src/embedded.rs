use std::path::{Path, PathBuf};
use std::sync::Arc;

use account_projector::AccountEventConsumer;
use bank_read_model::PROJECTIONS;
use cqrs::{EventPublisher, EventStoreRepository, PersonalData};
use personal_data::{KeyProtection, KeyStore, StreamKeys};
use projection::{AnyProjection, ProjectionRecord, ProjectionRegister as _, ReadDbError, builds_due};
use settings::{Settings, SettingsError};
use sqlite_embedded::{EmbeddedBus, OpenError, SqliteEventStore, SqliteKeyStore, SqliteProjector, SqliteReadDb};
use tokio::sync::watch;
use tokio::task::JoinHandle;

const DEFAULT_HOME: &str = ".passbook";

/// Everything of one data folder, running: the event store, the read database, and the bus between them.
pub struct Embedded {
    /// The data folder.
    pub home: PathBuf,
    /// Where commits go.
    pub event_store: SqliteEventStore,
    /// The keys of the personal data in them, as they are: who has the folder has it all.
    pub key_store: SqliteKeyStore,
    /// What queries read.
    pub read_db: SqliteReadDb,
    /// What brings events from the one to the other.
    pub bus: EmbeddedBus,
    stop_bus: watch::Sender<()>,
    /// A task for each projection.
    bus_tasks: Vec<JoinHandle<()>>,
}

/// Why a data folder could not be opened. Handling: fix the folder or the setting, then start again.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// The environment is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A database could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The projections could not be recorded.
    #[error(transparent)]
    Projections(#[from] ReadDbError),
}

impl Embedded {
    /// The data folder that `PASSBOOK_HOME` names.
    ///
    /// # Errors
    /// [`SettingsError`] when the variable is not Unicode.
    pub fn home(settings: &Settings) -> Result<PathBuf, SettingsError> {
        Ok(PathBuf::from(settings.optional("PASSBOOK_HOME")?.unwrap_or_else(|| DEFAULT_HOME.to_owned())))
    }

    /// Opens the folder's databases, making what is missing, and starts the bus.
    ///
    /// # Errors
    /// See [`EmbeddedError`].
    pub async fn open(home: &Path) -> Result<Self, EmbeddedError> {
        let event_store = SqliteEventStore::open(&home.join("events.db")).await?;
        let read_db = SqliteReadDb::open(&home.join("read.db")).await?;
        let key_store = SqliteKeyStore::open(&home.join("keys.db")).await?;
        let bus = EmbeddedBus::new(event_store.clone(), read_db.clone(), opened_by(&key_store));
        // A projection that has no record yet has no checkpoint either: the bus brings it every event of the log, so that no build is
        // due, whatever the log holds.
        for projection in PROJECTIONS.all() {
            let built_version = Some(projection.version());
            read_db.record_projection(&ProjectionRecord { name: projection.name().to_owned(), built_version }).await?;
        }
        for build in builds_due(&PROJECTIONS, &read_db.projection_records().await?) {
            tracing::warn!("{build}");
        }
        let (stop_bus, stopped) = watch::channel(());
        let deliver = |projection: &&'static dyn AnyProjection| {
            let (bus, name, mut stopped) = (bus.clone(), projection.name(), stopped.clone());
            let projector = SqliteProjector::of_one(read_db.clone(), PROJECTIONS, *projection);
            let consumer = AccountEventConsumer::new(Arc::new(projector));
            tokio::spawn(async move {
                let stop = async move {
                    // A sender that is gone is a stop, too.
                    let _ = stopped.changed().await;
                };
                bus.run(name, &consumer, stop).await;
            })
        };
        let bus_tasks = PROJECTIONS.all().iter().map(deliver).collect();
        Ok(Self { home: home.to_owned(), event_store, key_store, read_db, bus, stop_bus, bus_tasks })
    }

    /// The event store as the functions take it.
    #[must_use]
    pub fn repository(&self) -> Arc<dyn EventStoreRepository> {
        Arc::new(self.event_store.clone())
    }

    /// The keys as the function takes them that destroys some.
    #[must_use]
    pub fn keys(&self) -> Arc<dyn KeyStore> {
        Arc::new(self.key_store.clone())
    }

    /// What seals and opens personal data.
    #[must_use]
    pub fn personal_data(&self) -> Arc<dyn PersonalData> {
        opened_by(&self.key_store)
    }

    /// The bus as the functions take it.
    #[must_use]
    pub fn publisher(&self) -> Arc<dyn EventPublisher> {
        Arc::new(self.bus.clone())
    }

    /// Stops the bus and closes the databases.
    pub async fn close(self) {
        // Both fail only when a delivery has ended already.
        let _ = self.stop_bus.send(());
        for task in self.bus_tasks {
            let _ = task.await;
        }
        self.read_db.close().await;
        self.event_store.close().await;
        self.key_store.close().await;
    }
}

/// By the keys as they are: nothing wraps them here.
pub(crate) fn opened_by(key_store: &SqliteKeyStore) -> Arc<dyn PersonalData> {
    Arc::new(StreamKeys::new(Arc::new(key_store.clone()), KeyProtection::none()))
}
