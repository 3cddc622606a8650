use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cqrs::{CommitScan, PersonalData};
use restore::{AccountRestore, RestoreLimits, RestoreStore, Restorer};
use settings::{Settings, SettingsError};
use sqlite_embedded::{OpenError, SqliteEventStore, SqliteKeyStore, SqliteReadDb};

use crate::Embedded;

/// Pages short enough (some tens of milliseconds) that the bus comes in between, and a moment for it to do so.
pub(crate) const EMBEDDED_LIMITS: RestoreLimits = RestoreLimits {
    readers: 4,
    page_commits: 1_000,
    range_commits: 50_000,
    pause_between_pages: Duration::from_millis(5),
    lease: Duration::from_secs(15),
    is_forced: false,
};

/// What a restore reads, with what opens it, and what it writes. Whatever runs between the two goes on elsewhere.
pub(crate) struct Databases {
    events: Arc<dyn CommitScan>,
    personal_data: Arc<dyn PersonalData>,
    pub(crate) read_db: Arc<dyn RestoreStore>,
    pub(crate) limits: RestoreLimits,
    embedded: Option<(SqliteEventStore, SqliteKeyStore, SqliteReadDb)>,
}

/// Why they could not be opened. Handling: fix what it names, then start again.
#[derive(Debug, thiserror::Error)]
pub enum DatabasesError {
    /// The environment is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// There is nothing to restore from: opening the file would make an empty one, and empty rows of it.
    #[error("there is no {}", path.display())]
    NoFile {
        /// Which file.
        path: PathBuf,
    },
    /// A file could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Of the write side's.
    #[cfg(feature = "servers")]
    #[error(transparent)]
    WriteSide(#[from] write_side::WriteSideError),
    /// The keys of personal data cannot be used.
    #[cfg(feature = "servers")]
    #[error(transparent)]
    Keys(#[from] write_side::PersonalDataKeysError),
    /// Of the read side's.
    #[cfg(feature = "servers")]
    #[error(transparent)]
    ReadSide(#[from] read_side::ReadSideError),
}

impl Databases {
    /// Those of `EVENT_STORE_URL` and `READ_DB_URL`, or those in the folder that `PASSBOOK_HOME` names.
    pub(crate) async fn open_from_env() -> Result<Self, DatabasesError> {
        let settings = Settings::from_env();
        if settings.event_store_url_if_set()?.is_some() || settings.read_db_url_if_set()?.is_some() {
            return Self::of_servers(&settings).await;
        }
        let home = Embedded::home(&settings)?;
        let (events_path, keys_path) = (home.join("events.db"), home.join("keys.db"));
        // Without the keys every name would be taken for an erased one.
        for path in [&events_path, &keys_path] {
            if !path.exists() {
                return Err(DatabasesError::NoFile { path: path.clone() });
            }
        }
        let event_store = SqliteEventStore::open(&events_path).await?;
        let key_store = SqliteKeyStore::open(&keys_path).await?;
        let read_db = SqliteReadDb::open(&home.join("read.db")).await?;
        Ok(Self {
            events: Arc::new(event_store.clone()),
            personal_data: crate::embedded::opened_by(&key_store),
            read_db: Arc::new(read_db.clone()),
            limits: EMBEDDED_LIMITS,
            embedded: Some((event_store, key_store, read_db)),
        })
    }

    #[cfg(feature = "servers")]
    async fn of_servers(settings: &Settings) -> Result<Self, DatabasesError> {
        Ok(Self {
            events: write_side::open_commit_scan(&settings.event_store_url()?).await?,
            personal_data: write_side::open_personal_data(&settings.key_store()?).await?,
            read_db: read_side::open_for_restore(&settings.read_db_url()?).await?,
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

    pub(crate) fn restorer(&self, limits: RestoreLimits) -> Restorer {
        Restorer::new(self.events.clone(), self.personal_data.clone(), self.read_db.clone(), limits)
    }

    pub(crate) fn account_restore(&self) -> AccountRestore {
        AccountRestore::new(self.events.clone(), self.personal_data.clone(), self.read_db.clone())
    }

    /// Closes the files.
    pub(crate) async fn close(self) {
        if let Some((event_store, key_store, read_db)) = self.embedded {
            read_db.close().await;
            event_store.close().await;
            key_store.close().await;
        }
    }
}
