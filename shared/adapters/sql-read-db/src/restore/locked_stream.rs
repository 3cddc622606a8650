use async_trait::async_trait;
use cqrs::StreamId;
use projection::{AnyProjection, Cell, Cells, ColumnKind};
use restore::{LockedStream, RestoreStoreError};

use super::{ShadowDatabase, shadow_sql};
use crate::{Dialect, SqlTransaction, Statement, insert_rows};

/// A stream in a transaction that has locked it, with the lock that a projector uses.
pub(super) struct SqlLockedStream {
    transaction: Box<dyn SqlTransaction>,
    sql: &'static dyn Dialect,
    projection: &'static dyn AnyProjection,
    stream_id: StreamId,
    live_version: Option<u64>,
}

impl SqlLockedStream {
    pub(super) async fn lock<D: ShadowDatabase>(
        database: &D,
        projection: &'static dyn AnyProjection,
        stream_id: StreamId,
    ) -> Result<Self, RestoreStoreError> {
        let sql = database.dialect();
        let mut transaction = database.lock_stream(projection, stream_id).await?;
        let select = Statement::new(shadow_sql::select_version(sql, projection.row_table())).with(stream_id);
        let rows = transaction.fetch(select, &[ColumnKind::Count]).await?;
        let live_version = match rows.first().map(|row| row.cell(0)).transpose()? {
            Some(Cell::Count(version)) => Some(*version),
            _ => None,
        };
        if let Some(lines) = projection.line_table() {
            transaction.execute(Statement::new(shadow_sql::delete_stream(sql, lines)).with(stream_id)).await?;
        }
        Ok(Self { transaction, sql, projection, stream_id, live_version })
    }
}

#[async_trait]
impl LockedStream for SqlLockedStream {
    fn live_version(&self) -> Option<u64> {
        self.live_version
    }

    async fn add_lines(&mut self, lines: &[Cells]) -> Result<(), RestoreStoreError> {
        let Some(table) = self.projection.line_table() else { return Ok(()) };
        let lines: Vec<&Cells> = lines.iter().collect();
        Ok(insert_rows(&mut *self.transaction, self.sql, table, table.name, &lines, "").await?)
    }

    async fn finish(mut self: Box<Self>, row: Option<&Cells>) -> Result<(), RestoreStoreError> {
        let table = self.projection.row_table();
        let delete = Statement::new(shadow_sql::delete_stream(self.sql, table)).with(self.stream_id);
        self.transaction.execute(delete).await?;
        if let Some(row) = row {
            insert_rows(&mut *self.transaction, self.sql, table, table.name, &[row], "").await?;
            let delete = "DELETE FROM early_events WHERE projection = ? AND stream_id = ? AND version <= ?";
            let delete = Statement::new(delete).with(self.projection.name()).with(self.stream_id).with(row.version());
            self.transaction.execute(delete).await?;
        }
        Ok(self.transaction.commit().await?)
    }
}
