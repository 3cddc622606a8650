use async_trait::async_trait;
use cqrs::StreamId;
use projection::{AnyProjection, Cells};
use restore::{
    BehindStream, ClosedGate, RangeProgress, RestoreJob, RestoreKind, RestoreStoreError, RowsChecksum, ShadowChange,
    ShadowTables, TableSet, tables_of,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _, Sqlite, SqliteConnection, Transaction};
use uuid::Uuid;

use super::tables;
use super::{corrupt, renew, shadow_sql, unavailable};
use crate::SqliteReadDb;
use crate::sqlite_cells::{STREAMS_PER_STATEMENT, insert_rows, read, read_behind};
use crate::version_column::version_to_column;

/// The shadow tables outside the gate: each call is a transaction of its own.
pub(super) struct OpenShadow {
    pub(super) read_db: SqliteReadDb,
    pub(super) job: RestoreJob,
}

/// The shadow tables inside the gate: all calls are one transaction, which keeps every other writer out.
pub(super) struct SqliteGate {
    pub(super) transaction: Transaction<'static, Sqlite>,
    pub(super) job: RestoreJob,
}

#[async_trait]
impl ShadowTables for OpenShadow {
    async fn row(
        &mut self,
        projection: &'static dyn AnyProjection,
        stream_id: StreamId,
    ) -> Result<Option<Cells>, RestoreStoreError> {
        let readers = &self.read_db.database.readers;
        row(&mut *readers.acquire().await.map_err(unavailable)?, projection, stream_id).await
    }

    async fn write(&mut self, change: &ShadowChange) -> Result<(), RestoreStoreError> {
        let mut transaction = self.read_db.begin_restoring().await?;
        write(&mut transaction, &self.job, change).await?;
        transaction.commit().await.map_err(unavailable)
    }

    async fn streams_behind(
        &mut self,
        projection: &'static dyn AnyProjection,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<BehindStream>, RestoreStoreError> {
        let readers = &self.read_db.database.readers;
        streams_behind(&mut *readers.acquire().await.map_err(unavailable)?, projection, after, limit).await
    }

    async fn checksum_of_streams(
        &mut self,
        projection: &'static dyn AnyProjection,
        streams: &[(StreamId, u64)],
    ) -> Result<RowsChecksum, RestoreStoreError> {
        let readers = &self.read_db.database.readers;
        checksum_of_streams(&mut *readers.acquire().await.map_err(unavailable)?, projection, streams).await
    }
}

#[async_trait]
impl ShadowTables for SqliteGate {
    async fn row(
        &mut self,
        projection: &'static dyn AnyProjection,
        stream_id: StreamId,
    ) -> Result<Option<Cells>, RestoreStoreError> {
        row(&mut self.transaction, projection, stream_id).await
    }

    async fn write(&mut self, change: &ShadowChange) -> Result<(), RestoreStoreError> {
        write(&mut self.transaction, &self.job, change).await
    }

    async fn streams_behind(
        &mut self,
        projection: &'static dyn AnyProjection,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<BehindStream>, RestoreStoreError> {
        streams_behind(&mut self.transaction, projection, after, limit).await
    }

    async fn checksum_of_streams(
        &mut self,
        projection: &'static dyn AnyProjection,
        streams: &[(StreamId, u64)],
    ) -> Result<RowsChecksum, RestoreStoreError> {
        checksum_of_streams(&mut self.transaction, projection, streams).await
    }
}

#[async_trait]
impl ClosedGate for SqliteGate {
    async fn swap(mut self: Box<Self>) -> Result<(), RestoreStoreError> {
        let connection = &mut *self.transaction;
        let tables = tables_of(&self.job.scope);
        tables::drop_set(connection, &tables, TableSet::Old).await?;
        tables::rename_set(connection, &tables, TableSet::Live, TableSet::Old).await?;
        tables::rename_set(connection, &tables, TableSet::Shadow, TableSet::Live).await?;
        record_versions(connection, &self.job).await?;
        for projection in &self.job.scope {
            sqlx::query(AssertSqlSafe(shadow_sql::delete_early(projection.row_table())))
                .bind(projection.name())
                .execute(&mut *connection)
                .await
                .map_err(unavailable)?;
        }
        sqlx::query("UPDATE restores SET is_swapped = 1 WHERE restore_id = ?")
            .bind(self.job.id.to_string())
            .execute(&mut *connection)
            .await
            .map_err(unavailable)?;
        renew(connection, &self.job, 0).await?;
        self.transaction.commit().await.map_err(unavailable)
    }
}

/// Records the version of the rows that queries read from now on, and the version that was put aside.
async fn record_versions(connection: &mut SqliteConnection, job: &RestoreJob) -> Result<(), RestoreStoreError> {
    let kind: String = sqlx::query_scalar("SELECT kind FROM restores WHERE restore_id = ?")
        .bind(job.id.to_string())
        .fetch_one(&mut *connection)
        .await
        .map_err(unavailable)?;
    for projection in &job.scope {
        let statement = if kind.parse() == Ok(RestoreKind::Rollback) {
            "UPDATE projections SET built_version = old_version, old_version = built_version WHERE name = ?1"
        } else {
            "UPDATE projections SET old_version = built_version, built_version = ?2 WHERE name = ?1"
        };
        let update = sqlx::query(statement).bind(projection.name()).bind(projection.version());
        update.execute(&mut *connection).await.map_err(unavailable)?;
    }
    Ok(())
}

async fn row(
    connection: &mut SqliteConnection,
    projection: &'static dyn AnyProjection,
    stream_id: StreamId,
) -> Result<Option<Cells>, RestoreStoreError> {
    let table = projection.row_table();
    let row = sqlx::query(AssertSqlSafe(shadow_sql::select_row(table)))
        .bind(stream_id.to_string())
        .fetch_optional(connection)
        .await
        .map_err(unavailable)?;
    row.map(|row| read(&row, table)).transpose().map_err(unavailable)
}

async fn write(
    connection: &mut SqliteConnection,
    job: &RestoreJob,
    change: &ShadowChange,
) -> Result<(), RestoreStoreError> {
    for table in tables_of(&job.scope) {
        let into = TableSet::Shadow.name_of(table);
        let of_table = |cells: &&Cells| cells.table().name == table.name;
        let replaced = change.rows.iter().filter_map(|row| row.before.as_ref()).filter(of_table);
        let replaced: Vec<StreamId> = replaced.map(Cells::stream_id).collect();
        for streams in replaced.chunks(STREAMS_PER_STATEMENT) {
            shadow_sql::delete_asked(table, streams).build().execute(&mut *connection).await.map_err(unavailable)?;
        }
        for cleared in change.cleared_lines.iter().filter(|cleared| cleared.table.name == table.name) {
            sqlx::query(AssertSqlSafe(shadow_sql::delete_lines_after(table)))
                .bind(cleared.stream_id.to_string())
                .bind(version_to_column(cleared.version))
                .execute(&mut *connection)
                .await
                .map_err(unavailable)?;
        }
        let rows = change.rows.iter().map(|row| &row.after).chain(&change.lines);
        let rows: Vec<&Cells> = rows.filter(of_table).collect();
        insert_rows(connection, table, &into, &rows).await.map_err(unavailable)?;
    }
    for range in &change.ranges {
        record_range(connection, job, range).await?;
    }
    renew(connection, job, change.events).await
}

async fn record_range(
    connection: &mut SqliteConnection,
    job: &RestoreJob,
    range: &RangeProgress,
) -> Result<(), RestoreStoreError> {
    sqlx::query(
        "UPDATE restore_ranges SET at_stream = ?, at_version = ?, is_built = ?, row_count = ?, rows_sum = ?, \
         line_count = ?, lines_sum = ? WHERE restore_id = ? AND range_number = ?",
    )
    .bind(range.at.map(|at| at.stream_id.to_string()))
    .bind(range.at.map(|at| version_to_column(at.first_version)))
    .bind(range.is_built)
    .bind(range.folded.rows.cast_signed())
    .bind(range.folded.rows_sum.cast_signed())
    .bind(range.folded.lines.cast_signed())
    .bind(range.folded.lines_sum.cast_signed())
    .bind(job.id.to_string())
    .bind(range.number)
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(unavailable)
}

async fn streams_behind(
    connection: &mut SqliteConnection,
    projection: &'static dyn AnyProjection,
    after: Option<StreamId>,
    limit: u32,
) -> Result<Vec<BehindStream>, RestoreStoreError> {
    let table = projection.row_table();
    let rows = sqlx::query(AssertSqlSafe(shadow_sql::streams_behind(table)))
        .bind(after.map_or_else(String::new, |after| after.to_string()))
        .bind(limit)
        .bind(projection.name())
        .fetch_all(connection)
        .await
        .map_err(unavailable)?;
    let behind_from = |row: &SqliteRow| {
        let version = |place: usize| {
            row.try_get::<Option<i64>, _>(place).map(|version| version.map(i64::cast_unsigned)).map_err(corrupt)
        };
        let stream_id: &str = row.try_get(0).map_err(corrupt)?;
        let is_there = row.try_get::<Option<&str>, _>(3).map_err(corrupt)?.is_some();
        Ok(BehindStream {
            stream_id: StreamId(Uuid::try_parse(stream_id).map_err(corrupt)?),
            shadow: is_there.then(|| read_behind(row, table, 3)).transpose().map_err(corrupt)?,
            live_version: version(1)?,
            early_version: version(2)?,
        })
    };
    rows.iter().map(behind_from).collect()
}

async fn checksum_of_streams(
    connection: &mut SqliteConnection,
    projection: &'static dyn AnyProjection,
    streams: &[(StreamId, u64)],
) -> Result<RowsChecksum, RestoreStoreError> {
    let mut checksum = RowsChecksum::default();
    for (stream_id, after_version) in streams {
        if let Some(row) = row(&mut *connection, projection, *stream_id).await? {
            checksum.add_row(&row);
        }
        let Some(table) = projection.line_table() else { continue };
        let lines = sqlx::query(AssertSqlSafe(shadow_sql::select_lines(table)))
            .bind(stream_id.to_string())
            .bind(version_to_column(*after_version))
            .fetch_all(&mut *connection)
            .await
            .map_err(unavailable)?;
        for line in &lines {
            checksum.add_line(&read(line, table).map_err(unavailable)?);
        }
    }
    Ok(checksum)
}
