//! The part of a restore that the servers do in their own way.
//!
//! A server commits a transaction at each change of a table. So another connection changes the tables, while the transaction
//! holds the lock that keeps other workers from taking the lease over.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use cqrs::StreamId;
use projection::{AnyProjection, ColumnKind, Table};
use restore::{RestoreId, TableSet};
use sql_read_db::{ShadowDatabase, SqlConnection, SqlError, SqlTransaction, Statement};

use crate::held_connection::HeldConnection;
use crate::mysql_dialect::quoted;
use crate::mysql_read_db::MySqlServer;
use crate::projector_sql::lock_and_load;
use crate::table_sql::checksum_of;
use crate::try_error::TryError;

/// The longest time that queries may wait for the swap.
const MAX_RENAME_WAIT_S: u32 = 1;
/// The properties of the columns that rows must fit: name, type, collation, whether they take NULL, and the expression that
/// generates a column. For each, one text.
const COLUMNS: &str = "SELECT CONCAT_WS('|', column_name, column_type, COALESCE(collation_name, ''), is_nullable, \
                              COALESCE(generation_expression, '')) \
                       FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? \
                       ORDER BY ordinal_position";
/// The places of columns in indexes: the index's name, the place, the column, the length of the indexed part, and whether the
/// index takes repeats. For each, one text.
const INDEXES: &str = "SELECT CONCAT_WS('|', index_name, seq_in_index, COALESCE(column_name, ''), COALESCE(sub_part, 0), \
                              non_unique) \
                       FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = ? \
                       ORDER BY index_name, seq_in_index";
/// How long the server waits for a silent restore before it reopens the gate, beyond the planned closing time.
const GATE_IDLE_S: u64 = 5;

#[async_trait]
impl ShadowDatabase for MySqlServer {
    const SWAPS_IN_ONE_TRANSACTION: bool = false;

    async fn connect(&self) -> Result<Box<dyn SqlConnection>, SqlError> {
        Ok(Box::new(HeldConnection::of(&self.pool).await?))
    }

    async fn begin(&self) -> Result<Box<dyn SqlTransaction>, SqlError> {
        let mut connection = HeldConnection::of(&self.pool).await?;
        connection.enter_transaction();
        connection.run("START TRANSACTION".to_owned()).await?;
        Ok(Box::new(connection))
    }

    async fn close_gate(
        &self,
        scope: &[&'static dyn AnyProjection],
        for_at_most: Duration,
    ) -> Result<Box<dyn SqlTransaction>, SqlError> {
        let mut gate = HeldConnection::of(&self.pool).await?;
        // Dropping the connection opens the gate at once. If this machine disappears without a sign, the server opens
        // the gate, by the setting here. Otherwise every projector would wait for hours.
        gate.close_on_drop();
        let idle_s = for_at_most.as_secs().saturating_add(GATE_IDLE_S);
        gate.run(format!("SET SESSION wait_timeout = {idle_s}; START TRANSACTION")).await?;
        // The statement waits for the projectors under way, and keeps later projectors waiting.
        let places = vec!["?"; scope.len()].join(", ");
        let close = format!("SELECT name FROM projections WHERE name IN ({places}) ORDER BY name FOR UPDATE");
        let names = scope.iter().map(|projection| projection.name().into());
        let closed = gate.fetch(Statement::new(close).with_all(names), &[ColumnKind::LongText]).await?;
        if closed.len() != scope.len() {
            return Err(SqlError::Corrupt("a projection is not recorded: run `passbook prepare`".to_owned()));
        }
        Ok(Box::new(gate))
    }

    async fn lock_stream(
        &self,
        projection: &'static dyn AnyProjection,
        stream_id: StreamId,
    ) -> Result<Box<dyn SqlTransaction>, SqlError> {
        let mut connection = HeldConnection::of(&self.pool).await?;
        match lock_and_load(&mut connection, &[projection], &[], &BTreeSet::from([stream_id])).await {
            Ok(_) => Ok(Box::new(connection)),
            Err(TryError::Statement(error)) => Err(error),
            Err(error @ TryError::NotPrepared { .. }) => Err(SqlError::Unavailable(error.into())),
            Err(error @ TryError::Contradicted(_)) => Err(SqlError::Corrupt(error.to_string())),
        }
    }

    async fn make_shadow(&self, _: &mut dyn SqlConnection, tables: &[&Table], id: RestoreId) -> Result<(), SqlError> {
        let mut connection = HeldConnection::of(&self.pool).await?;
        for table in tables {
            let name = TableSet::Shadow.name_of(table);
            connection.run(format!("CREATE TABLE {} LIKE {}", quoted(&name), quoted(table.name))).await?;
        }
        mark(&mut connection, tables, TableSet::Shadow, id).await
    }

    async fn take_old(&self, _: &mut dyn SqlConnection, tables: &[&Table], id: RestoreId) -> Result<(), SqlError> {
        mark(&mut HeldConnection::of(&self.pool).await?, tables, TableSet::Old, id).await
    }

    async fn is_of_restore(
        &self,
        connection: &mut dyn SqlConnection,
        tables: &[&Table],
        set: TableSet,
        id: RestoreId,
    ) -> Result<bool, SqlError> {
        let select = "SELECT 1 FROM information_schema.tables \
                      WHERE table_schema = DATABASE() AND table_name = ? AND table_comment = ?";
        for table in tables {
            let marked = Statement::new(select).with(&*set.name_of(table)).with(&*mark_of(id));
            if connection.fetch(marked, &[ColumnKind::Integer]).await?.is_empty() {
                return Ok(false);
            }
        }
        Ok(!tables.is_empty())
    }

    async fn form_of(&self, connection: &mut dyn SqlConnection, name: &str) -> Result<Vec<String>, SqlError> {
        let mut form = Vec::new();
        for select in [COLUMNS, INDEXES] {
            let rows = connection.fetch(Statement::new(select).with(name), &[ColumnKind::LongText]).await?;
            for row in rows {
                form.push(row.cell(0)?.to_string());
            }
        }
        Ok(form)
    }

    /// One statement, and so one step.
    fn renames(&self, tables: &[(String, String)]) -> Vec<String> {
        let renames: Vec<String> =
            tables.iter().map(|(from, to)| format!("{} TO {}", quoted(from), quoted(to))).collect();
        vec![format!("RENAME TABLE {}", renames.join(", "))]
    }

    async fn change_tables(&self, _: &mut dyn SqlConnection, statements: Vec<String>) -> Result<(), SqlError> {
        HeldConnection::of(&self.pool).await?.run(statements.join("; ")).await
    }

    /// Swaps the tables on another connection: on the gate's own connection, the swap would open the gate too early. The
    /// connection's setting is for this swap alone.
    ///
    /// The rename fails if old tables are in the way. They are not dropped here, because by now they may belong to another
    /// worker that has swapped meanwhile.
    async fn swap(&self, _: &mut dyn SqlConnection, tables: &[&Table], _: RestoreId) -> Result<(), SqlError> {
        let names = |table: &&Table| {
            let (shadow, old) = (TableSet::Shadow.name_of(table), TableSet::Old.name_of(table));
            [(table.name.to_owned(), old), (shadow, table.name.to_owned())]
        };
        let names: Vec<_> = tables.iter().flat_map(names).collect();
        let mut connection = HeldConnection::of(&self.pool).await?;
        connection.close_on_drop();
        let short_wait = format!("SET SESSION lock_wait_timeout = {MAX_RENAME_WAIT_S}");
        connection.run(format!("{short_wait}; {}", self.renames(&names).join("; "))).await
    }

    /// The server computes the sum, so that the rows need not travel.
    async fn checksum(
        &self,
        connection: &mut dyn SqlConnection,
        table: &'static Table,
        condition: Statement,
    ) -> Result<(u64, u64), SqlError> {
        let name = quoted(&TableSet::Shadow.name_of(table));
        let text = format!("SELECT {} FROM {name} AS shadow WHERE {}", checksum_of("shadow", table), condition.text);
        let rows = connection.fetch(Statement { text, ..condition }, &[ColumnKind::Count, ColumnKind::Count]).await?;
        let sums = rows.first().and_then(|row| Some((row.cell(0).ok()?.clone(), row.cell(1).ok()?.clone())));
        match sums {
            Some((projection::Cell::Count(count), projection::Cell::Count(sum))) => Ok((count, sum)),
            other => Err(SqlError::Corrupt(format!("{other:?} is no count and no sum"))),
        }
    }
}

/// The comment of a restore's tables. It names the restore, and stays with the tables when they are renamed.
fn mark_of(id: RestoreId) -> String {
    format!("restore {id}")
}

async fn mark(
    connection: &mut HeldConnection,
    tables: &[&Table],
    set: TableSet,
    id: RestoreId,
) -> Result<(), SqlError> {
    for table in tables {
        connection.run(format!("ALTER TABLE {} COMMENT = '{}'", quoted(&set.name_of(table)), mark_of(id))).await?;
    }
    Ok(())
}
