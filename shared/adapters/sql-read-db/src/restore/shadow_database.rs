use std::time::Duration;

use async_trait::async_trait;
use cqrs::StreamId;
use projection::{AnyProjection, Table};
use restore::{RestoreId, TableSet};

use crate::{SqlConnection, SqlDatabase, SqlError, SqlTransaction, Statement};

/// Port: the part of a restore that each database does in its own way. It makes, renames and drops tables, and it keeps
/// projectors out.
///
/// SQLite changes tables inside the open transaction that it is given. MySQL and MariaDB commit a transaction at each change of
/// a table. So there another connection changes the tables, while the open transaction holds the lock of the restore's row.
/// Shadow tables are made where there are none: the restore drops them before.
#[async_trait]
pub trait ShadowDatabase: SqlDatabase {
    /// Whether the transaction that closes the gate also writes the shadow tables and swaps them.
    const SWAPS_IN_ONE_TRANSACTION: bool;

    /// A connection for a restore's reads.
    async fn connect(&self) -> Result<Box<dyn SqlConnection>, SqlError>;

    /// Begins a transaction.
    async fn begin(&self) -> Result<Box<dyn SqlTransaction>, SqlError>;

    /// Begins a transaction that keeps every projector from committing to these projections. The gate also opens by itself soon
    /// after `for_at_most`, because the worker may disappear without a sign.
    async fn close_gate(
        &self,
        scope: &[&'static dyn AnyProjection],
        for_at_most: Duration,
    ) -> Result<Box<dyn SqlTransaction>, SqlError>;

    /// Begins a transaction that locks a stream as a projector does.
    async fn lock_stream(
        &self,
        projection: &'static dyn AnyProjection,
        stream_id: StreamId,
    ) -> Result<Box<dyn SqlTransaction>, SqlError>;

    /// Makes empty shadow tables of this restore, with every column, check and index of the tables that queries read.
    async fn make_shadow(
        &self,
        transaction: &mut dyn SqlConnection,
        tables: &[&Table],
        id: RestoreId,
    ) -> Result<(), SqlError>;

    /// Marks the old tables as belonging to this restore, which makes them its shadow tables.
    async fn take_old(
        &self,
        transaction: &mut dyn SqlConnection,
        tables: &[&Table],
        id: RestoreId,
    ) -> Result<(), SqlError>;

    /// Whether this set of tables belongs to this restore.
    async fn is_of_restore(
        &self,
        connection: &mut dyn SqlConnection,
        tables: &[&Table],
        set: TableSet,
        id: RestoreId,
    ) -> Result<bool, SqlError>;

    /// The form of the table of this name: its columns and its indexes, each as a text. Empty if there is no such table.
    async fn form_of(&self, connection: &mut dyn SqlConnection, name: &str) -> Result<Vec<String>, SqlError>;

    /// The statements that rename tables, each from the first name to the second, one after the other.
    fn renames(&self, tables: &[(String, String)]) -> Vec<String>;

    /// Runs statements that rename or drop tables.
    async fn change_tables(&self, transaction: &mut dyn SqlConnection, statements: Vec<String>)
    -> Result<(), SqlError>;

    /// Puts the tables that queries read aside and the shadow tables in their place, in one step.
    async fn swap(&self, transaction: &mut dyn SqlConnection, tables: &[&Table], id: RestoreId)
    -> Result<(), SqlError>;

    /// The number of rows of the shadow table that meet a condition, and the sum of their checksums as
    /// [`restore::RowsChecksum`] computes them. The condition is the text behind `WHERE`, about the alias `shadow`.
    async fn checksum(
        &self,
        connection: &mut dyn SqlConnection,
        table: &'static Table,
        condition: Statement,
    ) -> Result<(u64, u64), SqlError>;

    /// Whether this set exists and has the form of the tables that queries read. On MySQL, checks are not compared. The server
    /// gives the checks of a copy other names, and rows that a later migration forbids are no longer written.
    async fn has_form_of_live_tables(
        &self,
        connection: &mut dyn SqlConnection,
        tables: &[&Table],
        set: TableSet,
    ) -> Result<bool, SqlError> {
        for table in tables {
            let form = self.form_of(connection, &set.name_of(table)).await?;
            if form.is_empty() || form != self.form_of(connection, table.name).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Renames the tables of one set to the names of another set, which does not exist.
    async fn rename_set(
        &self,
        transaction: &mut dyn SqlConnection,
        tables: &[&Table],
        from: TableSet,
        to: TableSet,
    ) -> Result<(), SqlError> {
        let names: Vec<_> = tables.iter().map(|table| (from.name_of(table), to.name_of(table))).collect();
        self.change_tables(transaction, self.renames(&names)).await
    }

    /// Drops this set of tables, if it exists.
    async fn drop_set(
        &self,
        transaction: &mut dyn SqlConnection,
        tables: &[&Table],
        set: TableSet,
    ) -> Result<(), SqlError> {
        let names = tables.iter().map(|table| self.dialect().quoted(&set.name_of(table)));
        let drops = names.map(|name| format!("DROP TABLE IF EXISTS {name}"));
        self.change_tables(transaction, drops.collect()).await
    }
}
