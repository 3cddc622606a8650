//! The part of a restore that the servers do in their own way.
//!
//! A server commits a transaction at each change of a table. So another connection changes the tables, while the transaction
//! holds the lock that keeps other workers from taking the lease over.

mod tables; // shadow tables made, swapped, dropped

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
        tables::make_shadow(&mut HeldConnection::of(&self.pool).await?, tables, id).await
    }

    async fn take_old(&self, _: &mut dyn SqlConnection, tables: &[&Table], id: RestoreId) -> Result<(), SqlError> {
        tables::mark(&mut HeldConnection::of(&self.pool).await?, tables, TableSet::Old, id).await
    }

    async fn is_of_restore(
        &self,
        _: &mut dyn SqlConnection,
        tables: &[&Table],
        set: TableSet,
        id: RestoreId,
    ) -> Result<bool, SqlError> {
        tables::is_marked(&mut HeldConnection::of(&self.pool).await?, tables, set, id).await
    }

    async fn has_form_of_live_tables(
        &self,
        _: &mut dyn SqlConnection,
        tables: &[&Table],
        set: TableSet,
    ) -> Result<bool, SqlError> {
        tables::has_form_of_live_tables(&mut HeldConnection::of(&self.pool).await?, tables, set).await
    }

    async fn rename_set(
        &self,
        _: &mut dyn SqlConnection,
        tables: &[&Table],
        from: TableSet,
        to: TableSet,
    ) -> Result<(), SqlError> {
        tables::rename_set(&mut HeldConnection::of(&self.pool).await?, tables, from, to).await
    }

    /// Swaps the tables on another connection: on the gate's own connection, the swap would open the gate too early.
    async fn swap(&self, _: &mut dyn SqlConnection, tables: &[&Table], _: RestoreId) -> Result<(), SqlError> {
        tables::swap(&mut HeldConnection::of(&self.pool).await?, tables).await
    }

    async fn drop_set(&self, _: &mut dyn SqlConnection, tables: &[&Table], set: TableSet) -> Result<(), SqlError> {
        tables::drop_set(&mut HeldConnection::of(&self.pool).await?, tables, set).await
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
