use std::collections::BTreeSet;

use async_trait::async_trait;
use cqrs::StreamId;
use projection::{AnyProjection, Cells};
use restore::{LockedStream, RestoreStoreError};
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, MySql};

use super::writes::insert_rows;
use super::{lock_error, shadow_sql, unavailable};
use crate::MySqlReadDb;
use crate::projector_sql::lock_and_load;

/// A stream in a transaction that has locked it, with the lock that a projector uses.
pub(super) struct MySqlLockedStream {
    /// The connection with the open transaction. The transaction ends with the connection.
    connection: PoolConnection<MySql>,
    projection: &'static dyn AnyProjection,
    stream_id: StreamId,
    live_version: Option<u64>,
}

impl MySqlLockedStream {
    pub(super) async fn lock(
        read_db: &MySqlReadDb,
        projection: &'static dyn AnyProjection,
        stream_id: StreamId,
    ) -> Result<Self, RestoreStoreError> {
        let mut connection = read_db.pool.acquire().await.map_err(unavailable)?;
        // If the connection is dropped halfway, a late answer must not reach another statement.
        connection.close_on_drop();
        lock_and_load(&mut connection, &[projection], &[], &BTreeSet::from([stream_id])).await.map_err(lock_error)?;
        let select = shadow_sql::select_version(projection.row_table());
        let live_version: Option<u64> = sqlx::query_scalar(AssertSqlSafe(select))
            .bind(stream_id.0)
            .fetch_optional(&mut *connection)
            .await
            .map_err(unavailable)?;
        let mut locked = Self { connection, projection, stream_id, live_version };
        if let Some(lines) = projection.line_table() {
            locked.delete(shadow_sql::delete_stream(lines)).await?;
        }
        Ok(locked)
    }

    async fn delete(&mut self, statement: String) -> Result<(), RestoreStoreError> {
        let delete = sqlx::query(AssertSqlSafe(statement)).bind(self.stream_id.0);
        delete.execute(&mut *self.connection).await.map(|_| ()).map_err(unavailable)
    }
}

#[async_trait]
impl LockedStream for MySqlLockedStream {
    fn live_version(&self) -> Option<u64> {
        self.live_version
    }

    async fn add_lines(&mut self, lines: &[Cells]) -> Result<(), RestoreStoreError> {
        let Some(table) = self.projection.line_table() else { return Ok(()) };
        let lines: Vec<&Cells> = lines.iter().collect();
        insert_rows(&mut self.connection, table, table.name, &lines).await.map_err(unavailable)
    }

    async fn finish(mut self: Box<Self>, row: Option<&Cells>) -> Result<(), RestoreStoreError> {
        let table = self.projection.row_table();
        self.delete(shadow_sql::delete_stream(table)).await?;
        if let Some(row) = row {
            insert_rows(&mut self.connection, table, table.name, &[row]).await.map_err(unavailable)?;
            sqlx::query("DELETE FROM early_events WHERE projection = ? AND stream_id = ? AND version <= ?")
                .bind(self.projection.name())
                .bind(self.stream_id.0)
                .bind(row.version())
                .execute(&mut *self.connection)
                .await
                .map_err(unavailable)?;
        }
        sqlx::raw_sql("COMMIT").execute(&mut *self.connection).await.map(|_| ()).map_err(unavailable)
    }
}
