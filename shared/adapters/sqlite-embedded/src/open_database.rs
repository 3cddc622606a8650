use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sql_read_db::accept_reworded;
use sqlx::SqlitePool;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use crate::file_connection::FileConnection;
use crate::reworded_migrations::REWORDED;

/// The reason why a database could not be opened. Handling: fix the path or its rights, or take the newer build; then
/// start again.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder is missing and could not be made.
    #[error("cannot make the folder {}", path.display())]
    Folder {
        /// The folder's path.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The file could not be opened as a database.
    #[error("cannot open the database {}", path.display())]
    Open {
        /// The file's path.
        path: PathBuf,
        /// The driver's error.
        source: sqlx::Error,
    },
    /// The file's tables could not be brought to this build's form.
    #[error("cannot bring the database {} up to date", path.display())]
    Migrate {
        /// The file's path.
        path: PathBuf,
        /// The driver's error.
        source: MigrateError,
    },
}

/// The time that a statement waits for another process's lock. Writers of one process wait in a queue for the one
/// writing connection and never meet the lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Counts the tables in which the driver records the migrations.
const COUNT_OF_RECORDS: &str = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'";
/// The pause between two tries, for the lock for which SQLite itself does not wait.
const BUSY_PAUSE: Duration = Duration::from_millis(10);
/// The number of reading connections. Readers block neither one another nor the writer (WAL). On a laptop, more than a
/// few connections bring no gain.
const READ_CONNECTIONS: u32 = 4;

/// One database file: a single connection that writes, and a few connections that read.
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
            // A destroyed key or an erased name is overwritten. Without this setting its space would only be freed.
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

    /// Closes every connection. The last connection folds the write-ahead log into the file.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Connects the writer. The first connection switches a new file to its write-ahead log, and SQLite needs the file
/// alone for that. If another process does the same at this moment, SQLite does not wait, unlike for any other lock.
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
    // The lower eight bits are the basic code: 5 is SQLITE_BUSY, for any reason.
    code.is_some_and(|code| code & 0xff == 5)
}

/// Takes the write lock before it reads which tables exist. Another process may open the same file at the same time.
/// Without the lock, both would make the tables that both found missing.
async fn migrate(writer: &SqlitePool, migrations: &Migrator) -> Result<(), MigrateError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    let today = migrations.iter().map(|migration| (migration.version, &*migration.checksum));
    let reworded = accept_reworded(&mut FileConnection(&mut *transaction), COUNT_OF_RECORDS, REWORDED, today).await;
    reworded.map_err(|error| MigrateError::Source(error.into()))?;
    // The call is not `run`: with a connection, the compiler cannot see that its future may change threads.
    migrations.run_direct(None, &mut *transaction, false).await?;
    Ok(transaction.commit().await?)
}
