//! The part of a restore that SQLite does in its own way. Every write is a short transaction on the one writing connection, so
//! that the bus can write in between. A transaction keeps every other writer out, and also makes, renames and drops tables.

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

/// The text between an index's own name and the restore that made it. Index names are one space for the whole file.
const RESTORE_MARK: &str = "_restore_";

fn quoted(name: &str) -> String {
    SqliteDialect.quoted(name)
}

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
        let mut statements = Vec::new();
        for table in tables {
            let shadow = TableSet::Shadow.name_of(table);
            let form = columns_and_checks_of(transaction, table.name)
                .await?
                .ok_or(SqlError::Corrupt(format!("there is no table {}", table.name)))?;
            statements.push(format!("CREATE TABLE {} {form}", quoted(&shadow)));
            for Index { own_name, unique, columns } in indexes_of(transaction, table.name).await? {
                let name = format!("{own_name}{RESTORE_MARK}{}", id.as_uuid().as_simple());
                statements.push(format!("CREATE {unique}INDEX {} ON {} {columns}", quoted(&name), quoted(&shadow)));
            }
        }
        self.change_tables(transaction, statements).await
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

    async fn form_of(&self, connection: &mut dyn SqlConnection, name: &str) -> Result<Vec<String>, SqlError> {
        let indexes = indexes_of(connection, name).await?.into_iter();
        let indexes = indexes.map(|index| format!("{} {}{}", index.own_name, index.unique, index.columns));
        Ok(columns_and_checks_of(connection, name).await?.into_iter().chain(indexes).collect())
    }

    fn renames(&self, tables: &[(String, String)]) -> Vec<String> {
        tables.iter().map(|(from, to)| format!("ALTER TABLE {} RENAME TO {}", quoted(from), quoted(to))).collect()
    }

    async fn change_tables(
        &self,
        transaction: &mut dyn SqlConnection,
        statements: Vec<String>,
    ) -> Result<(), SqlError> {
        for statement in statements {
            transaction.execute(Statement::new(statement).once()).await?;
        }
        Ok(())
    }

    async fn swap(
        &self,
        transaction: &mut dyn SqlConnection,
        tables: &[&Table],
        id: RestoreId,
    ) -> Result<(), SqlError> {
        self.drop_set(transaction, tables, TableSet::Old).await?;
        self.rename_set(transaction, tables, TableSet::Live, TableSet::Old).await?;
        self.rename_set(transaction, tables, TableSet::Shadow, TableSet::Live).await?;
        let swapped = Statement::new("UPDATE restores SET is_swapped = 1 WHERE restore_id = ?");
        transaction.execute(swapped.with(StreamId(id.as_uuid()))).await.map(drop)
    }

    /// The rows are read and the sum is computed here, because SQLite has no function for it.
    async fn checksum(
        &self,
        connection: &mut dyn SqlConnection,
        table: &'static Table,
        condition: Statement,
    ) -> Result<(u64, u64), SqlError> {
        let name = quoted(&TableSet::Shadow.name_of(table));
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

/// An index that a migration or any restore made.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Index {
    own_name: String,
    unique: &'static str,
    /// The rest of the statement: the columns and all text after them.
    columns: String,
}

/// The indexes of a table that were made by statements of their own, in the order of their names.
async fn indexes_of(connection: &mut dyn SqlConnection, name: &str) -> Result<Vec<Index>, SqlError> {
    let select = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql NOT NULL";
    let rows = connection.fetch(Statement::new(select).with(name), &[ColumnKind::LongText; 2]).await?;
    let texts = |row: &SqlRow| Ok((row.cell(0)?.to_string(), row.cell(1)?.to_string()));
    let indexes: Vec<(String, String)> = rows.iter().map(texts).collect::<Result<_, SqlError>>()?;
    let mut indexes: Vec<Index> = indexes
        .into_iter()
        .map(|(name, sql)| Index {
            own_name: name.split(RESTORE_MARK).next().unwrap_or(&name).to_owned(),
            unique: if sql.starts_with("CREATE UNIQUE") { "UNIQUE " } else { "" },
            columns: from_bracket(&sql).to_owned(),
        })
        .collect();
    indexes.sort();
    Ok(indexes)
}

/// The text after the name in the statement that made a table: its columns and checks. `None` if there is no such
/// table.
async fn columns_and_checks_of(connection: &mut dyn SqlConnection, name: &str) -> Result<Option<String>, SqlError> {
    let select = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?";
    let rows = connection.fetch(Statement::new(select).with(name), &[ColumnKind::LongText]).await?;
    rows.first().map(|row| Ok(from_bracket(&row.cell(0)?.to_string()).to_owned())).transpose()
}

fn from_bracket(sql: &str) -> &str {
    sql.find('(').map_or("", |at| &sql[at..])
}
