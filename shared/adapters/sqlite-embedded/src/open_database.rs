use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::SqlitePool;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::reworded_migrations::accept_reworded;

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
        source: MigrateError,
    },
}

/// How long a statement waits for another process's lock. Within one process writers queue for the one
/// writing connection and never meet it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause between two tries where SQLite itself does not wait.
const BUSY_PAUSE: Duration = Duration::from_millis(10);
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
            .busy_timeout(BUSY_TIMEOUT)
            // A key that was destroyed, or a name that was erased, is overwritten and not only let go of.
            .pragma("secure_delete", "ON");
        let writer = connect_writer(options.clone()).await.map_err(at_path)?;
        migrate(&writer, migrations).await.map_err(|source| OpenError::Migrate { path: path.to_owned(), source })?;
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

/// A new file is switched to its write-ahead log by the first connection, for which SQLite wants the file to
/// itself and, unlike for any other lock, does not wait while another process is at the same.
async fn connect_writer(options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    let give_up_at = Instant::now() + BUSY_TIMEOUT;
    loop {
        match SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await {
            Err(error) if is_busy(&error) && Instant::now() < give_up_at => tokio::time::sleep(BUSY_PAUSE).await,
            result => return result,
        }
    }
}

fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    // The lower eight bits are the code proper: 5 is SQLITE_BUSY, whatever the reason.
    code.is_some_and(|code| code & 0xff == 5)
}

/// Holds the write lock from before it looks at which tables there are: another process may open the same
/// file at the same time, and both would make what both found missing.
async fn migrate(writer: &SqlitePool, migrations: &Migrator) -> Result<(), MigrateError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    accept_reworded(&mut transaction, migrations).await?;
    // Not `run`: with a connection, the compiler cannot see that its future may change threads.
    migrations.run_direct(None, &mut *transaction, false).await?;
    Ok(transaction.commit().await?)
}
