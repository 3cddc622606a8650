use std::time::Duration;

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable as _};
use cqrs::StreamId;
use projection::{AnyProjection, Cells, Table};
use restore::{
    BehindStream, ClosedGate, RangeProgress, RestoreJob, RestoreKind, RestoreStoreError, RowsChecksum, ShadowChange,
    ShadowTables, TableSet, tables_of,
};
use sqlx::mysql::MySqlRow;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Connection as _, MySql, MySqlConnection, QueryBuilder, Row as _};
use uuid::Uuid;

use super::restoring_connection::RestoringConnection;
use super::tables;
use super::writes::insert_rows;
use super::{corrupt, renew, shadow_sql, unavailable};
use crate::MySqlReadDb;
use crate::mysql_cells::{hex_of, read, read_behind};
use crate::parcels::parcels;

/// The longest time that queries may wait for the swap.
const MAX_RENAME_WAIT_S: u32 = 1;
/// How long the server waits for a silent restore before it reopens the gate, beyond the planned closing time.
const GATE_IDLE_S: u64 = 5;

/// The shadow tables outside the gate: each call is a transaction of its own.
#[derive(Clone)]
pub(super) struct OpenShadow {
    pub(super) read_db: MySqlReadDb,
    pub(super) job: RestoreJob,
}

/// The shadow tables inside the gate. As outside, they are written by connections other than the gate's own. A
/// transaction that has touched them would keep them from being renamed.
pub(super) struct MySqlGate {
    /// The connection with the open transaction. The transaction ends with the connection.
    gate: PoolConnection<MySql>,
    shadow: OpenShadow,
}

impl MySqlGate {
    pub(super) async fn close(shadow: OpenShadow, for_at_most: Duration) -> Result<Self, RestoreStoreError> {
        let mut gate = shadow.read_db.pool.acquire().await.map_err(unavailable)?;
        // Dropping the connection opens the gate at once. If this machine disappears without a sign, the server opens
        // the gate, by the setting here. Otherwise every projector would wait for hours.
        gate.close_on_drop();
        let idle_s = for_at_most.as_secs().saturating_add(GATE_IDLE_S);
        let begin = format!("SET SESSION wait_timeout = {idle_s}; START TRANSACTION");
        sqlx::raw_sql(AssertSqlSafe(begin)).execute(&mut *gate).await.map_err(unavailable)?;
        // The statement waits for the projectors under way, and keeps later projectors waiting.
        let mut select = QueryBuilder::<MySql>::new("SELECT name FROM projections WHERE name IN (");
        let mut names = select.separated(", ");
        shadow.job.scope.iter().for_each(|projection| _ = names.push_bind(projection.name()));
        select.push(") ORDER BY name FOR UPDATE");
        let closed = select.build().fetch_all(&mut *gate).await.map_err(unavailable)?;
        if closed.len() != shadow.job.scope.len() {
            return Err(corrupt("a projection is not recorded: run `passbook prepare`"));
        }
        Ok(Self { gate, shadow })
    }

    /// Records the version of the rows that queries read from now on, and the version that was put aside.
    async fn record_versions(&mut self) -> Result<(), RestoreStoreError> {
        let kind: String = sqlx::query_scalar("SELECT kind FROM restores WHERE restore_id = ?")
            .bind(self.shadow.job.id.as_uuid())
            .fetch_one(&mut *self.gate)
            .await
            .map_err(unavailable)?;
        let is_rollback = kind.parse() == Ok(RestoreKind::Rollback);
        for projection in &self.shadow.job.scope {
            let (built, old): (Option<u32>, Option<u32>) =
                sqlx::query_as("SELECT built_version, old_version FROM projections WHERE name = ?")
                    .bind(projection.name())
                    .fetch_one(&mut *self.gate)
                    .await
                    .map_err(unavailable)?;
            let built_now = if is_rollback { old } else { Some(projection.version()) };
            sqlx::query("UPDATE projections SET built_version = ?, old_version = ? WHERE name = ?")
                .bind(built_now)
                .bind(built)
                .bind(projection.name())
                .execute(&mut *self.gate)
                .await
                .map_err(unavailable)?;
        }
        Ok(())
    }
}

#[async_trait]
impl ShadowTables for OpenShadow {
    async fn row(
        &mut self,
        projection: &'static dyn AnyProjection,
        stream_id: StreamId,
    ) -> Result<Option<Cells>, RestoreStoreError> {
        let table = projection.row_table();
        let mut connection = RestoringConnection::of(&self.read_db.pool).await?;
        let row = sqlx::query(AssertSqlSafe(shadow_sql::select_row(table)))
            .bind(stream_id.0)
            .fetch_optional(&mut *connection)
            .await;
        connection.answered(row)?.map(|row| read(&row, table)).transpose().map_err(unavailable)
    }

    async fn write(&mut self, change: &ShadowChange) -> Result<(), RestoreStoreError> {
        let shadow: &Self = self;
        let backoff =
            ExponentialBuilder::default().with_min_delay(Duration::from_millis(10)).with_max_times(6).with_jitter();
        (|| shadow.try_write(change))
            .retry(backoff)
            .sleep(tokio::time::sleep)
            .when(|error| matches!(error, RestoreStoreError::Busy))
            .await
    }

    async fn streams_behind(
        &mut self,
        projection: &'static dyn AnyProjection,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<BehindStream>, RestoreStoreError> {
        let table = projection.row_table();
        let after = after.map_or_else(Uuid::nil, |after| after.0);
        let mut connection = RestoringConnection::of(&self.read_db.pool).await?;
        let rows = sqlx::query(AssertSqlSafe(shadow_sql::streams_behind(table)))
            .bind(after)
            .bind(limit)
            .bind(projection.name())
            .bind(after)
            .bind(limit)
            .bind(limit)
            .fetch_all(&mut *connection)
            .await;
        connection.answered(rows)?.iter().map(|row| behind_from(row, table)).collect()
    }

    async fn checksum_of_streams(
        &mut self,
        projection: &'static dyn AnyProjection,
        streams: &[(StreamId, u64)],
    ) -> Result<RowsChecksum, RestoreStoreError> {
        let mut checksum = RowsChecksum::default();
        for parcel in parcels(streams.iter().map(|(stream_id, after)| (hex_of(*stream_id), after))) {
            let (rows, rows_sum) =
                self.sums(shadow_sql::checksum_of_streams(projection.row_table(), false), &parcel.json).await?;
            let (lines, lines_sum) = match projection.line_table() {
                Some(table) => self.sums(shadow_sql::checksum_of_streams(table, true), &parcel.json).await?,
                None => (0, 0),
            };
            checksum.add(&RowsChecksum { rows, rows_sum, lines, lines_sum });
        }
        Ok(checksum)
    }
}

#[async_trait]
impl ShadowTables for MySqlGate {
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
impl ClosedGate for MySqlGate {
    /// Swaps the tables on another connection. A statement that makes, drops or renames a table commits its own
    /// transaction. On the gate's connection, it would open the gate too early.
    async fn swap(mut self: Box<Self>) -> Result<(), RestoreStoreError> {
        let tables = tables_of(&self.shadow.job.scope);
        let mut renaming = self.shadow.read_db.pool.acquire().await.map_err(unavailable)?;
        // The connection's setting is for this swap alone.
        renaming.close_on_drop();
        let short_wait = format!("SET SESSION lock_wait_timeout = {MAX_RENAME_WAIT_S}");
        sqlx::raw_sql(AssertSqlSafe(short_wait)).execute(&mut *renaming).await.map_err(unavailable)?;
        // The renewal also shows that the gate's connection, and so its lock, still exists.
        renew(&mut self.gate, &self.shadow.job, 0).await?;
        // The rename fails if old tables are in the way. They are not dropped here, because by now they may belong to
        // another worker that has swapped meanwhile.
        tables::swap(&mut renaming, &tables).await?;
        self.record_versions().await?;
        for projection in &self.shadow.job.scope {
            sqlx::query(AssertSqlSafe(shadow_sql::delete_early(projection.row_table())))
                .bind(projection.name())
                .execute(&mut *self.gate)
                .await
                .map_err(unavailable)?;
        }
        sqlx::raw_sql("COMMIT").execute(&mut *self.gate).await.map(|_| ()).map_err(unavailable)
    }
}

impl OpenShadow {
    async fn try_write(&self, change: &ShadowChange) -> Result<(), RestoreStoreError> {
        let mut connection = RestoringConnection::of(&self.read_db.pool).await?;
        let mut transaction = connection.begin().await.map_err(unavailable)?;
        for table in tables_of(&self.job.scope) {
            let of_table = |cells: &&Cells| cells.table().name == table.name;
            let replaced = change.rows.iter().filter_map(|row| row.before.as_ref()).filter(of_table);
            for parcel in parcels(replaced.map(|before| hex_of(before.stream_id()))) {
                sqlx::query(AssertSqlSafe(shadow_sql::delete_asked(table)))
                    .bind(parcel.json)
                    .execute(&mut *transaction)
                    .await
                    .map_err(unavailable)?;
            }
            let cleared = change.cleared_lines.iter().filter(|cleared| cleared.table.name == table.name);
            for parcel in parcels(cleared.map(|cleared| (hex_of(cleared.stream_id), cleared.version))) {
                sqlx::query(AssertSqlSafe(shadow_sql::delete_lines_after(table)))
                    .bind(parcel.json)
                    .execute(&mut *transaction)
                    .await
                    .map_err(unavailable)?;
            }
            let rows = change.rows.iter().map(|row| &row.after).chain(&change.lines);
            let rows: Vec<&Cells> = rows.filter(of_table).collect();
            let into = TableSet::Shadow.name_of(table);
            insert_rows(&mut transaction, table, &into, &rows).await.map_err(unavailable)?;
        }
        for range in &change.ranges {
            record_range(&mut transaction, &self.job, range).await?;
        }
        // The renewal comes last, because all pages that are written side by side share its lock.
        renew(&mut transaction, &self.job, change.events).await?;
        let committed = transaction.commit().await;
        connection.answered(committed)
    }

    async fn sums(&self, statement: String, json: &str) -> Result<(u64, u64), RestoreStoreError> {
        let mut connection = RestoringConnection::of(&self.read_db.pool).await?;
        let sums = sqlx::query_as(AssertSqlSafe(statement)).bind(json).fetch_one(&mut *connection).await;
        let (count, sum) = connection.answered::<(i64, u64)>(sums)?;
        Ok((count.unsigned_abs(), sum))
    }
}

async fn record_range(
    connection: &mut MySqlConnection,
    job: &RestoreJob,
    range: &RangeProgress,
) -> Result<(), RestoreStoreError> {
    sqlx::query(
        "UPDATE restore_ranges SET at_stream = ?, at_version = ?, is_built = ?, row_count = ?, rows_sum = ?, \
         line_count = ?, lines_sum = ? WHERE restore_id = ? AND range_number = ?",
    )
    .bind(range.at.map(|at| at.stream_id.0))
    .bind(range.at.map(|at| at.first_version))
    .bind(range.is_built)
    .bind(range.folded.rows)
    .bind(range.folded.rows_sum)
    .bind(range.folded.lines)
    .bind(range.folded.lines_sum)
    .bind(job.id.as_uuid())
    .bind(range.number)
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(unavailable)
}

fn behind_from(row: &MySqlRow, table: &'static Table) -> Result<BehindStream, RestoreStoreError> {
    let stream_id: Uuid = row.try_get(0).map_err(corrupt)?;
    let is_there = row.try_get::<Option<Uuid>, _>(3).map_err(corrupt)?.is_some();
    let shadow = is_there.then(|| read_behind(row, table, 3)).transpose().map_err(corrupt)?;
    Ok(BehindStream {
        stream_id: StreamId(stream_id),
        shadow,
        live_version: row.try_get(1).map_err(corrupt)?,
        early_version: row.try_get(2).map_err(corrupt)?,
    })
}
