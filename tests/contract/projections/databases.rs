//! The read databases that the suite runs on.

use std::sync::Arc;

use async_trait::async_trait;
use cqrs::{EventHandler, StreamId};
use projection::{Projections, RowReader};
use restore::RestoreStore;
use sqlite_embedded::SqliteProjector;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, SqliteConnection};
use tempfile::TempDir;
use verify::VerifiedRows;

#[cfg(feature = "services")]
use super::super::mysql_server::OnServer;

/// Tables that no migration makes, since only tests declare them.
#[derive(Clone, Copy)]
pub struct Tables {
    /// The statements for SQLite.
    pub sqlite: &'static str,
    /// The statements for MySQL and MariaDB.
    #[cfg_attr(not(feature = "services"), expect(dead_code, reason = "only servers take them"))]
    pub mysql: &'static str,
}

/// A read database of one test's own.
#[async_trait]
pub trait ReadDatabase: Send + Sync {
    /// Makes these tables.
    async fn make(&self, tables: Tables);

    /// A connection of its own, as each process has one.
    async fn open(&self) -> OpenReadDatabase;

    /// A stream's id as it stands in a statement.
    fn literal(&self, stream_id: StreamId) -> String;

    /// Changes the database as any other program may: how many rows the statement touched.
    async fn execute(&self, statement: &str) -> u64;

    /// The number that the statement selects.
    async fn number(&self, statement: &str) -> u64;
}

/// The ports of a read database.
pub struct OpenReadDatabase {
    pub rows: Arc<dyn VerifiedRows>,
    pub reader: Arc<dyn RowReader>,
    pub store: Arc<dyn RestoreStore>,
    projector: Box<dyn Fn(Projections) -> Arc<dyn EventHandler> + Send + Sync>,
}

impl OpenReadDatabase {
    /// The projector of a program with these projections.
    pub fn projector(&self, projections: Projections) -> Arc<dyn EventHandler> {
        (self.projector)(projections)
    }
}

/// A file in a folder of its own.
pub struct InAFile(TempDir);

impl InAFile {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    async fn connect(&self) -> SqliteConnection {
        let file = self.0.path().join("read.db");
        SqliteConnectOptions::new().filename(file).connect().await.expect("connects")
    }
}

#[async_trait]
impl ReadDatabase for InAFile {
    async fn make(&self, tables: Tables) {
        // The migrations make the file.
        drop(self.open().await);
        sqlx::raw_sql(tables.sqlite).execute(&mut self.connect().await).await.expect("makes the tables");
    }

    async fn open(&self) -> OpenReadDatabase {
        let read_db = sqlite_embedded::open_read_db(&self.0.path().join("read.db")).await.expect("opens");
        let written = read_db.clone();
        let read_db = Arc::new(read_db);
        OpenReadDatabase {
            rows: read_db.clone(),
            reader: read_db.clone(),
            store: read_db,
            projector: Box::new(move |projections| Arc::new(SqliteProjector::new(written.clone(), projections))),
        }
    }

    fn literal(&self, stream_id: StreamId) -> String {
        format!("'{stream_id}'")
    }

    async fn execute(&self, statement: &str) -> u64 {
        let statement = sqlx::query(AssertSqlSafe(statement.to_owned()));
        statement.execute(&mut self.connect().await).await.expect("executes").rows_affected()
    }

    async fn number(&self, statement: &str) -> u64 {
        let statement = sqlx::query_scalar::<_, i64>(AssertSqlSafe(statement.to_owned()));
        statement.fetch_one(&mut self.connect().await).await.expect("reads").unsigned_abs()
    }
}

#[cfg(feature = "services")]
#[async_trait]
impl ReadDatabase for OnServer {
    async fn make(&self, tables: Tables) {
        sqlx::raw_sql(tables.mysql).execute(&mut self.administrator().await).await.expect("makes the tables");
    }

    async fn open(&self) -> OpenReadDatabase {
        use mysql_read_db::MySqlProjector;
        let restoring = Arc::new(mysql_read_db::connect_for_restore(&self.url()).expect("a URL"));
        let read_db = mysql_read_db::connect(&self.url()).expect("a URL");
        let written = read_db.clone();
        let read_db = Arc::new(read_db);
        OpenReadDatabase {
            rows: read_db.clone(),
            reader: read_db,
            store: restoring,
            projector: Box::new(move |projections| Arc::new(MySqlProjector::new(written.clone(), projections))),
        }
    }

    fn literal(&self, stream_id: StreamId) -> String {
        format!("x'{}'", stream_id.0.as_simple())
    }

    async fn execute(&self, statement: &str) -> u64 {
        let statement = sqlx::query(AssertSqlSafe(statement.to_owned()));
        statement.execute(&mut self.administrator().await).await.expect("executes").rows_affected()
    }

    async fn number(&self, statement: &str) -> u64 {
        let statement = sqlx::query_scalar::<_, i64>(AssertSqlSafe(statement.to_owned()));
        statement.fetch_one(&mut self.administrator().await).await.expect("reads").unsigned_abs()
    }
}
