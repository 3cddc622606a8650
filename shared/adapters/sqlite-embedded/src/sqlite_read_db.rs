use std::path::Path;

use async_trait::async_trait;
use projection::ColumnKind;
use sql_read_db::{Dialect, SqlConnection as _, SqlDatabase, SqlError, SqlReadDb, SqlRow, Statement};
use sqlx::sqlite::SqliteSynchronous;

use crate::OpenError;
use crate::file_connection::{FileConnection, sql_error};
use crate::open_database::Database;
use crate::sqlite_dialect::SqliteDialect;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../../migrations/sqlite/read_db");

/// The read database in one SQLite file.
pub type SqliteReadDb = SqlReadDb<ReadDbFile>;

/// The file of the read database.
#[derive(Debug, Clone)]
pub struct ReadDbFile {
    pub(crate) database: Database,
}

/// Opens the read database in this file, makes the file if it is missing, and brings its tables up to date.
///
/// # Errors
/// See [`OpenError`].
pub async fn open_read_db(path: &Path) -> Result<SqliteReadDb, OpenError> {
    // NORMAL: after a power cut the file is sound but may lack its last transactions. Their events are delivered
    // again, because the bus's checkpoints are in the same file and as old as the rows.
    let database = Database::open(path, SqliteSynchronous::Normal, &MIGRATIONS).await?;
    Ok(SqlReadDb::new(ReadDbFile { database }))
}

impl ReadDbFile {
    /// Closes every connection.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

#[async_trait]
impl SqlDatabase for ReadDbFile {
    fn dialect(&self) -> &'static dyn Dialect {
        &SqliteDialect
    }

    async fn read(&self, statement: Statement, kinds: &[ColumnKind]) -> Result<Vec<SqlRow>, SqlError> {
        FileConnection(self.database.readers.acquire().await.map_err(sql_error)?).fetch(statement, kinds).await
    }

    async fn write(&self, statement: Statement) -> Result<u64, SqlError> {
        FileConnection(self.database.writer.acquire().await.map_err(sql_error)?).execute(statement).await
    }
}
