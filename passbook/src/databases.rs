use std::path::PathBuf;
use std::sync::Arc;

use bank_read_model::PROJECTIONS;
use cqrs::{CommitScan, OpenedCommitScan, PersonalData};
use projection::{ProjectionRecord, ProjectionRegister as _};
use restore::{RestoreLimits, RestoreStore, Restorer, StreamRestore};
use settings::{Settings, SettingsError};
use sqlite_embedded::{OpenError, SqliteEventStore, SqliteKeyStore, SqliteReadDb};
use verify::VerifiedRows;

use crate::embedded::Embedded;
use crate::embedded_limits::EMBEDDED_LIMITS;

/// The databases that `restore` and `verify` need: the event store, the key store and the read database. The event delivery is not
/// started.
pub(crate) struct Databases {
    commit_scan: Arc<dyn CommitScan>,
    personal_data: Arc<dyn PersonalData>,
    pub(crate) rows: Arc<dyn VerifiedRows>,
    pub(crate) restore_store: Arc<dyn RestoreStore>,
    pub(crate) limits: RestoreLimits,
    embedded: Option<(SqliteEventStore, SqliteKeyStore, SqliteReadDb)>,
}

/// The reason why the databases could not be opened. Handling: fix the fault that the error names, then start again.
#[derive(Debug, thiserror::Error)]
pub enum DatabasesError {
    /// The environment is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A file is missing, so there is nothing to restore from or to verify. Opening it would make an empty file. A
    /// restore would then make empty rows, and a verification would find no fault.
    #[error("there is no {}", path.display())]
    NoFile {
        /// The file's path.
        path: PathBuf,
    },
    /// A file could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The projections could not be recorded.
    #[error(transparent)]
    Projections(#[from] projection::ReadDbError),
    /// The write side could not be opened.
    #[cfg(feature = "servers")]
    #[error(transparent)]
    WriteSide(#[from] write_side::WriteSideError),
    /// The keys of personal data cannot be used.
    #[cfg(feature = "servers")]
    #[error(transparent)]
    Keys(#[from] write_side::PersonalDataKeysError),
    /// The URL is not a read database's URL.
    #[cfg(feature = "servers")]
    #[error(transparent)]
    ReadDb(#[from] mysql_read_db::ConnectError),
}

/// The file that a command makes if it is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileToCreate {
    /// No file: without a file there is nothing to read.
    None,
    /// The read database, because a restore fills it.
    ReadDb,
}

impl Databases {
    /// Opens the databases of `EVENT_STORE_URL` and `READ_DB_URL`, or those in the folder that `PASSBOOK_HOME` names.
    pub(crate) async fn open_from_env(creates: FileToCreate) -> Result<Self, DatabasesError> {
        let settings = Settings::from_env();
        if settings.event_store_url_if_set()?.is_some() || settings.read_db_url_if_set()?.is_some() {
            return Self::of_servers(&settings).await;
        }
        let home = Embedded::home(&settings)?;
        let (events_path, keys_path, read_path) = (home.join("events.db"), home.join("keys.db"), home.join("read.db"));
        // Without the keys every name would look erased.
        for path in [&events_path, &keys_path, &read_path] {
            let is_created = creates == FileToCreate::ReadDb && path == &read_path;
            if !is_created && !path.exists() {
                return Err(DatabasesError::NoFile { path: path.clone() });
            }
        }
        let sqlite_event_store = SqliteEventStore::open(&events_path).await?;
        let key_store = SqliteKeyStore::open(&keys_path).await?;
        let read_db = sqlite_embedded::open_read_db(&read_path).await?;
        for projection in PROJECTIONS.all() {
            // The record is the same as that of `passbook serve`, because the embedded bus brings a new projection
            // every event.
            let built_version = Some(projection.version());
            read_db.record_projection(&ProjectionRecord { name: projection.name().to_owned(), built_version }).await?;
        }
        Ok(Self {
            commit_scan: Arc::new(sqlite_event_store.clone()),
            personal_data: crate::embedded::personal_data_of(&key_store),
            rows: Arc::new(read_db.clone()),
            restore_store: Arc::new(read_db.clone()),
            limits: EMBEDDED_LIMITS,
            embedded: Some((sqlite_event_store, key_store, read_db)),
        })
    }

    #[cfg(feature = "servers")]
    async fn of_servers(settings: &Settings) -> Result<Self, DatabasesError> {
        let commit_scan = write_side::open_commit_scan(&settings.event_store_url()?).await?;
        // The limits of a restore are used, because a sum is one statement over all rows.
        let read_db = mysql_read_db::connect_for_restore(settings.read_db_url()?.expose())?;
        Ok(Self {
            commit_scan,
            personal_data: write_side::open_personal_data(&settings.key_store()?).await?,
            rows: Arc::new(read_db.clone()),
            restore_store: Arc::new(read_db),
            limits: RestoreLimits::default(),
            embedded: None,
        })
    }

    #[cfg(not(feature = "servers"))]
    #[expect(clippy::unused_async, reason = "as with servers")]
    async fn of_servers(_: &Settings) -> Result<Self, DatabasesError> {
        Err(SettingsError::Invalid {
            variable: settings::EVENT_STORE_URL,
            reason: "this build is embedded only: build it with --features servers, as make run does",
        }
        .into())
    }

    /// The commits, with their personal data opened.
    pub(crate) fn opened_commits(&self) -> Arc<OpenedCommitScan> {
        Arc::new(OpenedCommitScan::new(self.commit_scan.clone(), self.personal_data.clone()))
    }

    pub(crate) fn restorer(&self, limits: RestoreLimits) -> Restorer {
        Restorer::new(self.opened_commits(), self.restore_store.clone(), PROJECTIONS, limits)
    }

    pub(crate) fn stream_restore(&self) -> StreamRestore {
        StreamRestore::new(self.opened_commits(), self.restore_store.clone())
    }

    /// Closes the files.
    pub(crate) async fn close(self) {
        if let Some((sqlite_event_store, key_store, read_db)) = self.embedded {
            read_db.close().await;
            sqlite_event_store.close().await;
            key_store.close().await;
        }
    }
}
