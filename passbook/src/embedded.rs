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

/// The running parts of one data folder: the event store, the read database, and the bus between them.
pub struct Embedded {
    /// The data folder.
    pub home: PathBuf,
    /// The store of the commits.
    pub sqlite_event_store: SqliteEventStore,
    /// The keys of personal data. They are not wrapped: a person who has the folder has all data.
    pub key_store: SqliteKeyStore,
    /// The database that queries read.
    pub read_db: SqliteReadDb,
    /// The bus that brings events from the event store to the read database.
    pub bus: EmbeddedBus,
    stop_bus: watch::Sender<()>,
    /// A task for each projection.
    bus_tasks: Vec<JoinHandle<()>>,
}

/// The reason why a data folder could not be opened. Handling: fix the folder or the setting, then start again.
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

    /// Opens the folder's databases, makes the missing ones, and starts the bus.
    ///
    /// # Errors
    /// See [`EmbeddedError`].
    pub async fn open(home: &Path) -> Result<Self, EmbeddedError> {
        let sqlite_event_store = SqliteEventStore::open(&home.join("events.db")).await?;
        let read_db = sqlite_embedded::open_read_db(&home.join("read.db")).await?;
        let key_store = SqliteKeyStore::open(&home.join("keys.db")).await?;
        let bus = EmbeddedBus::new(sqlite_event_store.clone(), read_db.clone(), personal_data_of(&key_store));
        // A projection without a record has no checkpoint either. The bus brings it every event of the log, so no build
        // is due, whatever the log holds.
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
        Ok(Self { home: home.to_owned(), sqlite_event_store, key_store, read_db, bus, stop_bus, bus_tasks })
    }

    /// The event store, for the functions.
    #[must_use]
    pub fn event_store_repository(&self) -> Arc<dyn EventStoreRepository> {
        Arc::new(self.sqlite_event_store.clone())
    }

    /// The key store, for the function that destroys keys.
    #[must_use]
    pub fn keys(&self) -> Arc<dyn KeyStore> {
        Arc::new(self.key_store.clone())
    }

    /// The port that seals and opens personal data.
    #[must_use]
    pub fn personal_data(&self) -> Arc<dyn PersonalData> {
        personal_data_of(&self.key_store)
    }

    /// The bus, for the functions.
    #[must_use]
    pub fn publisher(&self) -> Arc<dyn EventPublisher> {
        Arc::new(self.bus.clone())
    }

    /// Stops the bus and closes the databases.
    pub async fn close(self) {
        // Both calls fail only when a delivery has ended already.
        let _ = self.stop_bus.send(());
        for task in self.bus_tasks {
            let _ = task.await;
        }
        self.read_db.close().await;
        self.sqlite_event_store.close().await;
        self.key_store.close().await;
    }
}

/// Opens personal data with these keys, which are not wrapped.
pub(crate) fn personal_data_of(key_store: &SqliteKeyStore) -> Arc<dyn PersonalData> {
    Arc::new(StreamKeys::new(Arc::new(key_store.clone()), KeyProtection::none()))
}
