use async_trait::async_trait;
use cqrs::StreamId;
use projection::{AnyProjection, Cells};
use restore::{LockedStream, RestoreStoreError};
use sqlx::{AssertSqlSafe, Sqlite, Transaction};

use super::{shadow_sql, unavailable};
use crate::sqlite_cells::insert_rows;
use crate::version_column::version_to_column;

/// A stream in a transaction that keeps every other writer out.
pub(super) struct SqliteLockedStream {
    transaction: Transaction<'static, Sqlite>,
    projection: &'static dyn AnyProjection,
    stream_id: StreamId,
    live_version: Option<u64>,
}

impl SqliteLockedStream {
    pub(super) async fn lock(
        mut transaction: Transaction<'static, Sqlite>,
        projection: &'static dyn AnyProjection,
        stream_id: StreamId,
    ) -> Result<Self, RestoreStoreError> {
        let select = shadow_sql::select_version(projection.row_table());
        let version: Option<i64> = sqlx::query_scalar(AssertSqlSafe(select))
            .bind(stream_id.to_string())
            .fetch_optional(&mut *transaction)
            .await
            .map_err(unavailable)?;
        let mut locked = Self { transaction, projection, stream_id, live_version: version.map(i64::cast_unsigned) };
        if let Some(lines) = projection.line_table() {
            locked.delete(shadow_sql::delete_stream(lines)).await?;
        }
        Ok(locked)
    }

    async fn delete(&mut self, statement: String) -> Result<(), RestoreStoreError> {
        let delete = sqlx::query(AssertSqlSafe(statement)).bind(self.stream_id.to_string());
        delete.execute(&mut *self.transaction).await.map(|_| ()).map_err(unavailable)
    }
}

#[async_trait]
impl LockedStream for SqliteLockedStream {
    fn live_version(&self) -> Option<u64> {
        self.live_version
    }

    async fn add_lines(&mut self, lines: &[Cells]) -> Result<(), RestoreStoreError> {
        let Some(table) = self.projection.line_table() else { return Ok(()) };
        let lines: Vec<&Cells> = lines.iter().collect();
        insert_rows(&mut self.transaction, table, table.name, &lines).await.map_err(unavailable)
    }

    async fn finish(mut self: Box<Self>, row: Option<&Cells>) -> Result<(), RestoreStoreError> {
        let table = self.projection.row_table();
        self.delete(shadow_sql::delete_stream(table)).await?;
        if let Some(row) = row {
            insert_rows(&mut self.transaction, table, table.name, &[row]).await.map_err(unavailable)?;
            sqlx::query("DELETE FROM early_events WHERE projection = ? AND stream_id = ? AND version <= ?")
                .bind(self.projection.name())
                .bind(self.stream_id.to_string())
                .bind(version_to_column(row.version()))
                .execute(&mut *self.transaction)
                .await
                .map_err(unavailable)?;
        }
        self.transaction.commit().await.map_err(unavailable)
    }
}
