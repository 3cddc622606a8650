use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

/// Why a database could not be opened. Handling: fix the path or its rights, or take the newer build; then
/// start again.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder is not there and could not be made.
    #[error("cannot make the folder {}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file could not be opened as a database.
    #[error("cannot open the database {}", path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
    /// The file's tables could not be brought to this build's form.
    #[error("cannot bring the database {} up to date", path.display())]
    Migrate {
        /// Which.
        path: PathBuf,
        /// Why.
        source: sqlx::migrate::MigrateError,
    },
}

/// How long a statement waits for another process's lock. Within one process writers queue for the one
/// writing connection and never meet it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Readers never block one another nor the writer (WAL); more than a few gain nothing on a laptop.
const READ_CONNECTIONS: u32 = 4;

/// One database file: a single connection that writes, a few that read.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) writer: SqlitePool,
    pub(crate) readers: SqlitePool,
}

impl Database {
    pub(crate) async fn open(
        path: &Path,
        synchronous: SqliteSynchronous,
        migrations: &Migrator,
    ) -> Result<Self, OpenError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| OpenError::Folder { path: folder.to_owned(), source })?;
        }
        let at_path = |source| OpenError::Open { path: path.to_owned(), source };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .busy_timeout(BUSY_TIMEOUT);
        let writer =
            SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await.map_err(at_path)?;
        migrations.run(&writer).await.map_err(|source| OpenError::Migrate { path: path.to_owned(), source })?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READ_CONNECTIONS)
            .connect_with(options.pragma("query_only", "ON"))
            .await
            .map_err(at_path)?;
        Ok(Self { writer, readers })
    }

    /// Closes every connection; the last one folds the write-ahead log into the file.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
