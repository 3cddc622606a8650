use std::time::Duration;

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable as _};
use cqrs::StreamId;
use projection::{AnyProjection, Cell, Cells, ColumnKind, Table};
use restore::{
    BehindStream, ClosedGate, RestoreJob, RestoreKind, RestoreStoreError, RowsChecksum, ShadowChange, ShadowTables,
    TableSet, tables_of,
};
use uuid::Uuid;

use super::records::{RESTORES, fetch_one, id_of, record_from, record_range, renew, select};
use super::shadow_sql::{self, STREAMS_PER_STATEMENT};
use super::{ShadowDatabase, shadow_store::optional_count};
use crate::{Dialect, SqlConnection, SqlError, SqlRow, SqlTransaction, Statement, insert_rows, kinds_of, select_row};

/// The shadow tables. Outside the gate each call is a transaction of its own.
pub(super) struct SqlShadow<D> {
    pub(super) database: D,
    pub(super) job: RestoreJob,
    /// The transaction that all calls are part of, where the gate's transaction also writes the shadow tables.
    pub(super) inside: Option<Box<dyn SqlTransaction>>,
}

/// The shadow tables while the gate is closed.
pub(super) struct SqlGate<D> {
    shadow: SqlShadow<D>,
    /// The gate's transaction, where the shadow tables are written by other connections. A transaction that has touched them
    /// would keep them from being renamed.
    gate: Option<Box<dyn SqlTransaction>>,
}

impl<D: ShadowDatabase> SqlGate<D> {
    pub(super) async fn close(database: D, job: RestoreJob, for_at_most: Duration) -> Result<Self, RestoreStoreError> {
        let gate = database.close_gate(&job.scope, for_at_most).await?;
        let (inside, gate) = if D::SWAPS_IN_ONE_TRANSACTION { (Some(gate), None) } else { (None, Some(gate)) };
        Ok(Self { shadow: SqlShadow { database, job, inside }, gate })
    }
}

#[async_trait]
impl<D: ShadowDatabase> ShadowTables for SqlShadow<D> {
    async fn row(
        &mut self,
        projection: &'static dyn AnyProjection,
        stream_id: StreamId,
    ) -> Result<Option<Cells>, RestoreStoreError> {
        let table = projection.row_table();
        let text = select_row(self.database.dialect(), table, &TableSet::Shadow.name_of(table));
        let rows = self.fetch(Statement::new(text).with(stream_id), &kinds_of(table)).await?;
        Ok(rows.into_iter().next().map(|row| row.into_cells(table, 0)).transpose()?)
    }

    async fn write(&mut self, change: &ShadowChange) -> Result<(), RestoreStoreError> {
        let sql = self.database.dialect();
        if let Some(transaction) = &mut self.inside {
            return write(&mut **transaction, sql, &self.job, change).await;
        }
        let backoff =
            ExponentialBuilder::default().with_min_delay(Duration::from_millis(10)).with_max_times(6).with_jitter();
        let (database, job) = (&self.database, &self.job);
        let try_write = || async move {
            let mut transaction = database.begin().await?;
            write(&mut *transaction, sql, job, change).await?;
            Ok(transaction.commit().await?)
        };
        try_write.retry(backoff).sleep(tokio::time::sleep).when(|error| matches!(error, RestoreStoreError::Busy)).await
    }

    async fn streams_behind(
        &mut self,
        projection: &'static dyn AnyProjection,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<BehindStream>, RestoreStoreError> {
        let table = projection.row_table();
        let (after, limit) = (after.unwrap_or(StreamId(Uuid::nil())), u64::from(limit));
        let select = Statement::new(shadow_sql::streams_behind(self.database.dialect(), table))
            .with(after)
            .with(limit)
            .with(projection.name())
            .with(after)
            .with(limit)
            .with(limit);
        let kinds = [ColumnKind::Id, ColumnKind::Count, ColumnKind::Count];
        let kinds: Vec<ColumnKind> = kinds.into_iter().chain(kinds_of(table)).collect();
        self.fetch(select, &kinds).await?.into_iter().map(|row| Ok(behind_from(row, table)?)).collect()
    }

    async fn checksum_of_streams(
        &mut self,
        projection: &'static dyn AnyProjection,
        streams: &[(StreamId, u64)],
    ) -> Result<RowsChecksum, RestoreStoreError> {
        let sql = self.database.dialect();
        let mut checksum = RowsChecksum::default();
        for some_streams in streams.chunks(STREAMS_PER_STATEMENT) {
            let ids = some_streams.iter().map(|(stream_id, _)| Cell::from(*stream_id));
            let table = projection.row_table();
            let of_streams = Statement::new(shadow_sql::of_streams(sql, table, some_streams.len())).with_all(ids);
            let (rows, rows_sum) = self.checksum(table, of_streams).await?;
            let (lines, lines_sum) = match projection.line_table() {
                Some(table) => {
                    let text = shadow_sql::lines_after(sql, table, "shadow.", some_streams.len());
                    let places = some_streams.iter().flat_map(|(id, after)| [Cell::from(*id), Cell::from(*after)]);
                    self.checksum(table, Statement::new(text).with_all(places)).await?
                }
                None => (0, 0),
            };
            checksum.add(&RowsChecksum { rows, rows_sum, lines, lines_sum });
        }
        Ok(checksum)
    }
}

impl<D: ShadowDatabase> SqlShadow<D> {
    async fn fetch(&mut self, select: Statement, kinds: &[ColumnKind]) -> Result<Vec<SqlRow>, SqlError> {
        match &mut self.inside {
            Some(transaction) => transaction.fetch(select, kinds).await,
            None => self.database.connect().await?.fetch(select, kinds).await,
        }
    }

    async fn checksum(&mut self, table: &'static Table, condition: Statement) -> Result<(u64, u64), SqlError> {
        match &mut self.inside {
            Some(transaction) => self.database.checksum(&mut **transaction, table, condition.once()).await,
            None => self.database.checksum(&mut *self.database.connect().await?, table, condition.once()).await,
        }
    }
}

#[async_trait]
impl<D: ShadowDatabase> ShadowTables for SqlGate<D> {
    async fn row(
        &mut self,
        projection: &'static dyn AnyProjection,
        stream_id: StreamId,
    ) -> Result<Option<Cells>, RestoreStoreError> {
        self.shadow.row(projection, stream_id).await
    }

    async fn write(&mut self, change: &ShadowChange) -> Result<(), RestoreStoreError> {
        self.shadow.write(change).await
    }

    async fn streams_behind(
        &mut self,
        projection: &'static dyn AnyProjection,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<BehindStream>, RestoreStoreError> {
        self.shadow.streams_behind(projection, after, limit).await
    }

    async fn checksum_of_streams(
        &mut self,
        projection: &'static dyn AnyProjection,
        streams: &[(StreamId, u64)],
    ) -> Result<RowsChecksum, RestoreStoreError> {
        self.shadow.checksum_of_streams(projection, streams).await
    }
}

#[async_trait]
impl<D: ShadowDatabase> ClosedGate for SqlGate<D> {
    async fn swap(self: Box<Self>) -> Result<(), RestoreStoreError> {
        let SqlShadow { database, job, inside } = self.shadow;
        let sql = database.dialect();
        let Some(mut transaction) = self.gate.or(inside) else { return Err(RestoreStoreError::Busy) };
        // The renewal also shows that the gate's connection, and so its lock, still exists.
        renew(&mut *transaction, sql, &job, 0).await?;
        database.swap(&mut *transaction, &tables_of(&job.scope), job.id).await?;
        record_versions(&mut *transaction, sql, &job).await?;
        for projection in &job.scope {
            let delete = Statement::new(shadow_sql::delete_early(sql, projection.row_table()));
            transaction.execute(delete.with(projection.name())).await?;
        }
        Ok(transaction.commit().await?)
    }
}

/// Records the version of the rows that queries read from now on, and the version that was put aside.
async fn record_versions(
    connection: &mut dyn SqlConnection,
    sql: &dyn Dialect,
    job: &RestoreJob,
) -> Result<(), RestoreStoreError> {
    let restore = select(sql, &RESTORES, "restore_id = ?").with(id_of(job.id));
    let is_rollback = record_from(&fetch_one(connection, restore, &RESTORES).await?)?.kind == RestoreKind::Rollback;
    for projection in &job.scope {
        let select = "SELECT built_version, old_version FROM projections WHERE name = ?";
        let select = Statement::new(select).with(projection.name());
        let rows = connection.fetch(select, &[ColumnKind::Count, ColumnKind::Count]).await?;
        let Some(row) = rows.first() else { continue };
        let (built, old) = (optional_count(row, 0)?, optional_count(row, 1)?);
        let built_now = if is_rollback { old } else { Some(u64::from(projection.version())) };
        let update = Statement::new("UPDATE projections SET built_version = ?, old_version = ? WHERE name = ?");
        connection.execute(update.with(built_now).with(built).with(projection.name())).await?;
    }
    Ok(())
}

async fn write(
    connection: &mut dyn SqlConnection,
    sql: &dyn Dialect,
    job: &RestoreJob,
    change: &ShadowChange,
) -> Result<(), RestoreStoreError> {
    for table in tables_of(&job.scope) {
        let of_table = |cells: &&Cells| cells.table().name == table.name;
        let replaced = change.rows.iter().filter_map(|row| row.before.as_ref()).filter(of_table);
        let replaced: Vec<Cell> = replaced.map(|before| Cell::from(before.stream_id())).collect();
        for streams in replaced.chunks(STREAMS_PER_STATEMENT) {
            let delete = shadow_sql::delete_rows(sql, table, streams.len());
            connection
                .execute(repeated_if_usual(Statement::new(delete).with_all(streams.to_vec()), streams.len()))
                .await?;
        }
        let cleared = change.cleared_lines.iter().filter(|cleared| cleared.table.name == table.name);
        let cleared: Vec<[Cell; 2]> = cleared.map(|lines| [lines.stream_id.into(), lines.version.into()]).collect();
        for places in cleared.chunks(STREAMS_PER_STATEMENT) {
            let delete = shadow_sql::delete_lines_after(sql, table, places.len());
            let delete = Statement::new(delete).with_all(places.iter().flatten().cloned());
            connection.execute(repeated_if_usual(delete, places.len())).await?;
        }
        let rows = change.rows.iter().map(|row| &row.after).chain(&change.lines);
        let rows: Vec<&Cells> = rows.filter(of_table).collect();
        insert_rows(connection, sql, table, &TableSet::Shadow.name_of(table), &rows, "").await?;
    }
    for range in &change.ranges {
        connection.execute(record_range(job, range)).await?;
    }
    // The renewal comes last, because all pages that are written side by side share its lock.
    renew(connection, sql, job, change.events).await
}

/// Only the statements about one stream and about a full number of streams are likely to be repeated.
fn repeated_if_usual(statement: Statement, streams: usize) -> Statement {
    if streams == 1 || streams == STREAMS_PER_STATEMENT { statement } else { statement.once() }
}

fn behind_from(row: SqlRow, table: &'static Table) -> Result<BehindStream, SqlError> {
    let Cell::Id(stream_id) = *row.cell(0)? else {
        return Err(SqlError::Corrupt(format!("a row of {} has no stream", table.name)));
    };
    let (live_version, early_version) = (optional_count(&row, 1)?, optional_count(&row, 2)?);
    let is_there = *row.cell(3)? != Cell::Null;
    let shadow = is_there.then(|| row.into_cells(table, 3)).transpose()?;
    Ok(BehindStream { stream_id, shadow, live_version, early_version })
}
