//! The part of a restore that SQLite does in its own way. Every write is a short transaction on the one writing connection, so
//! that the bus can write in between. A transaction keeps every other writer out, and also makes, renames and drops tables.

mod tables; // shadow tables made, renamed, dropped

use std::time::Duration;

use async_trait::async_trait;
use cqrs::StreamId;
use projection::{AnyProjection, ColumnKind, Table};
use restore::{RestoreId, RowsChecksum, TableSet};
use sql_read_db::{
    Dialect as _, ShadowDatabase, SqlConnection, SqlError, SqlRow, SqlTransaction, Statement, columns_of, kinds_of,
};

use crate::file_connection::{FileConnection, sql_error};
use crate::sqlite_dialect::SqliteDialect;
use crate::sqlite_read_db::ReadDbFile;

#[async_trait]
impl ShadowDatabase for ReadDbFile {
    const SWAPS_IN_ONE_TRANSACTION: bool = true;

    async fn connect(&self) -> Result<Box<dyn SqlConnection>, SqlError> {
        Ok(Box::new(FileConnection(self.database.readers.acquire().await.map_err(sql_error)?)))
    }

    /// IMMEDIATE takes the write lock first, because the rows that are read in the transaction decide the writes.
    async fn begin(&self) -> Result<Box<dyn SqlTransaction>, SqlError> {
        let transaction = self.database.writer.begin_with("BEGIN IMMEDIATE").await.map_err(sql_error)?;
        Ok(Box::new(FileConnection(transaction)))
    }

    /// A worker that disappears here is a process that ends. Then the file is free.
    async fn close_gate(
        &self,
        _: &[&'static dyn AnyProjection],
        _for_at_most: Duration,
    ) -> Result<Box<dyn SqlTransaction>, SqlError> {
        self.begin().await
    }

    async fn lock_stream(
        &self,
        _: &'static dyn AnyProjection,
        _: StreamId,
    ) -> Result<Box<dyn SqlTransaction>, SqlError> {
        self.begin().await
    }

    async fn make_shadow(
        &self,
        transaction: &mut dyn SqlConnection,
        tables: &[&Table],
        id: RestoreId,
    ) -> Result<(), SqlError> {
        tables::make_shadow(transaction, tables, id).await
    }

    /// The restore's record is the mark: `is_prepared` is set in the same transaction.
    async fn take_old(&self, _: &mut dyn SqlConnection, _: &[&Table], _: RestoreId) -> Result<(), SqlError> {
        Ok(())
    }

    async fn is_of_restore(
        &self,
        connection: &mut dyn SqlConnection,
        _: &[&Table],
        set: TableSet,
        id: RestoreId,
    ) -> Result<bool, SqlError> {
        let select = Statement::new("SELECT is_prepared, is_swapped FROM restores WHERE restore_id = ?");
        let select = select.with(StreamId(id.as_uuid()));
        let rows = connection.fetch(select, &[ColumnKind::Integer, ColumnKind::Integer]).await?;
        let Some(row) = rows.first() else { return Ok(false) };
        let (is_prepared, is_swapped) = (row.integer(0)? != 0, row.integer(1)? != 0);
        Ok(match set {
            TableSet::Live => is_swapped,
            TableSet::Shadow => is_prepared && !is_swapped,
            TableSet::Old => false,
        })
    }

    async fn has_form_of_live_tables(
        &self,
        connection: &mut dyn SqlConnection,
        tables: &[&Table],
        set: TableSet,
    ) -> Result<bool, SqlError> {
        tables::has_form_of_live_tables(connection, tables, set).await
    }

    async fn rename_set(
        &self,
        transaction: &mut dyn SqlConnection,
        tables: &[&Table],
        from: TableSet,
        to: TableSet,
    ) -> Result<(), SqlError> {
        tables::rename_set(transaction, tables, from, to).await
    }

    async fn swap(
        &self,
        transaction: &mut dyn SqlConnection,
        tables: &[&Table],
        id: RestoreId,
    ) -> Result<(), SqlError> {
        tables::drop_set(transaction, tables, TableSet::Old).await?;
        tables::rename_set(transaction, tables, TableSet::Live, TableSet::Old).await?;
        tables::rename_set(transaction, tables, TableSet::Shadow, TableSet::Live).await?;
        let swapped = Statement::new("UPDATE restores SET is_swapped = 1 WHERE restore_id = ?");
        transaction.execute(swapped.with(StreamId(id.as_uuid()))).await.map(drop)
    }

    async fn drop_set(
        &self,
        transaction: &mut dyn SqlConnection,
        tables: &[&Table],
        set: TableSet,
    ) -> Result<(), SqlError> {
        tables::drop_set(transaction, tables, set).await
    }

    /// The rows are read and the sum is computed here, because SQLite has no function for it.
    async fn checksum(
        &self,
        connection: &mut dyn SqlConnection,
        table: &'static Table,
        condition: Statement,
    ) -> Result<(u64, u64), SqlError> {
        let name = SqliteDialect.quoted(&TableSet::Shadow.name_of(table));
        let columns = columns_of(&SqliteDialect, "shadow", table);
        let text = format!("SELECT {columns} FROM {name} AS shadow WHERE {}", condition.text);
        let mut checksum = RowsChecksum::default();
        let mut add = |row: SqlRow| {
            checksum.add_row(&row.into_cells(table, 0)?);
            Ok(())
        };
        connection.for_each(Statement { text, ..condition }, &kinds_of(table), &mut add).await?;
        Ok((checksum.rows, checksum.rows_sum))
    }
}
