use std::path::Path;

use projection::ReadDbError;
use sqlx::sqlite::SqliteSynchronous;

use crate::OpenError;
use crate::open_database::Database;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../../migrations/sqlite/read_db");

/// The read database in one SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteReadDb {
    pub(crate) database: Database,
}

impl SqliteReadDb {
    /// Opens the file, makes it if it is missing, and brings its tables up to date.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        // NORMAL: after a power cut the file is sound but may lack its last transactions. Their events are delivered
        // again, because the bus's checkpoints are in the same file and as old as the rows.
        Database::open(path, SqliteSynchronous::Normal, &MIGRATIONS).await.map(|database| Self { database })
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

pub(crate) fn read_error(error: sqlx::Error) -> ReadDbError {
    match error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => ReadDbError::Corrupt { reason: error.to_string() },
        error => ReadDbError::Unavailable { source: error.into() },
    }
}
