use std::time::Duration;

use async_trait::async_trait;
use cqrs::{CommitPlace, StreamId, StreamRange};
use futures::TryStreamExt as _;
use projection::AnyProjection;
use restore::{
    ClosedGate, LockedStream, RangeProgress, RestoreJob, RestoreKind, RestoreStatus, RestoreStoreError, RowsChecksum,
    ShadowStore, ShadowTables, Stage, TableSet, tables_of,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _, Sqlite, Transaction};

use super::locked_stream::SqliteLockedStream;
use super::register::record_from;
use super::shadow::{OpenShadow, SqliteGate};
use super::tables;
use super::{bounds, corrupt, now_us, renew, shadow_sql, stream_from, unavailable};
use crate::SqliteReadDb;
use crate::sqlite_cells::read;

impl SqliteReadDb {
    /// IMMEDIATE takes the write lock first, because the rows that are read here decide the writes.
    pub(super) async fn begin_restoring(&self) -> Result<Transaction<'static, Sqlite>, RestoreStoreError> {
        self.database.writer.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)
    }
}

#[async_trait]
impl ShadowStore for SqliteReadDb {
    async fn count_rows(&self, scope: &[&'static dyn AnyProjection]) -> Result<u64, RestoreStoreError> {
        let mut rows = 0;
        for projection in scope {
            let statement = shadow_sql::count_rows(projection.row_table());
            let count: i64 = sqlx::query_scalar(AssertSqlSafe(statement))
                .fetch_one(&self.database.readers)
                .await
                .map_err(unavailable)?;
            rows += count.unsigned_abs();
        }
        Ok(rows)
    }

    async fn stage(&self, job: &RestoreJob) -> Result<Stage, RestoreStoreError> {
        let mut connection = self.database.readers.acquire().await.map_err(unavailable)?;
        let (is_prepared, is_swapped): (bool, bool) =
            sqlx::query_as("SELECT is_prepared, is_swapped FROM restores WHERE restore_id = ?")
                .bind(job.id.to_string())
                .fetch_one(&mut *connection)
                .await
                .map_err(unavailable)?;
        if is_swapped {
            return Ok(Stage::Swapped);
        }
        let tables = tables_of(&job.scope);
        let is_there =
            is_prepared && tables::has_form_of_live_tables(&mut connection, &tables, TableSet::Shadow).await?;
        Ok(if is_there { Stage::Prepared } else { Stage::Unprepared })
    }

    async fn prepare(
        &self,
        job: &RestoreJob,
        ranges: &[StreamRange],
        events_total: u64,
    ) -> Result<(), RestoreStoreError> {
        let mut transaction = self.begin_restoring().await?;
        renew(&mut transaction, job, 0).await?;
        let tables = tables_of(&job.scope);
        tables::drop_set(&mut transaction, &tables, TableSet::Old).await?;
        tables::make_shadow(&mut transaction, &tables, job.id).await?;
        // Ranges of restores that have ended are no longer needed.
        sqlx::query("DELETE FROM restore_ranges").execute(&mut *transaction).await.map_err(unavailable)?;
        for (number, range) in (0_u32..).zip(ranges) {
            sqlx::query(
                "INSERT INTO restore_ranges (restore_id, range_number, from_stream, before_stream) VALUES (?, ?, ?, ?)",
            )
            .bind(job.id.to_string())
            .bind(number)
            .bind(range.from.map(|from| from.to_string()))
            .bind(range.before.map(|before| before.to_string()))
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        }
        sqlx::query(
            "UPDATE restores SET is_prepared = 1, events_total = ?, events_replayed = 0, streams_repaired = 0 \
             WHERE restore_id = ?",
        )
        .bind(events_total.cast_signed())
        .bind(job.id.to_string())
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)
    }

    async fn prepare_rollback(&self, job: &RestoreJob) -> Result<(), RestoreStoreError> {
        let mut transaction = self.begin_restoring().await?;
        renew(&mut transaction, job, 0).await?;
        let tables = tables_of(&job.scope);
        if !tables::has_form_of_live_tables(&mut transaction, &tables, TableSet::Old).await? {
            let reason = "no swap has put tables aside, or they have another form".to_owned();
            return Err(RestoreStoreError::NothingToBringBack { reason });
        }
        tables::drop_set(&mut transaction, &tables, TableSet::Shadow).await?;
        tables::rename_set(&mut transaction, &tables, TableSet::Old, TableSet::Shadow).await?;
        sqlx::query("DELETE FROM restore_ranges").execute(&mut *transaction).await.map_err(unavailable)?;
        sqlx::query("UPDATE restores SET is_prepared = 1 WHERE restore_id = ?")
            .bind(job.id.to_string())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)
    }

    async fn ranges(&self, job: &RestoreJob) -> Result<Vec<RangeProgress>, RestoreStoreError> {
        let rows = sqlx::query("SELECT * FROM restore_ranges WHERE restore_id = ? ORDER BY range_number")
            .bind(job.id.to_string())
            .fetch_all(&self.database.readers)
            .await
            .map_err(unavailable)?;
        rows.iter().map(range_from).collect()
    }

    fn shadow(&self, job: &RestoreJob) -> Box<dyn ShadowTables> {
        Box::new(OpenShadow { read_db: self.clone(), job: job.clone() })
    }

    /// The rows are read and the sum is computed here, because SQLite has no function for it.
    async fn checksum_of_range(&self, job: &RestoreJob, range: StreamRange) -> Result<RowsChecksum, RestoreStoreError> {
        let (from, before) = bounds(range);
        let mut checksum = RowsChecksum::default();
        for projection in &job.scope {
            for table in projection.tables() {
                let mut rows = sqlx::query(AssertSqlSafe(shadow_sql::select_range(table)))
                    .bind(&from)
                    .bind(&before)
                    .fetch(&self.database.readers);
                while let Some(row) = rows.try_next().await.map_err(unavailable)? {
                    let cells = read(&row, table).map_err(unavailable)?;
                    if table == projection.row_table() { checksum.add_row(&cells) } else { checksum.add_line(&cells) }
                }
            }
        }
        Ok(checksum)
    }

    async fn differing(&self, job: &RestoreJob, range: StreamRange) -> Result<u64, RestoreStoreError> {
        let (from, before) = bounds(range);
        let mut differing = 0;
        for projection in &job.scope {
            let count: i64 = sqlx::query_scalar(AssertSqlSafe(shadow_sql::differing(*projection)))
                .bind(&from)
                .bind(&before)
                .fetch_one(&self.database.readers)
                .await
                .map_err(unavailable)?;
            differing += count.unsigned_abs();
        }
        Ok(differing)
    }

    async fn mark_verified(
        &self,
        job: &RestoreJob,
        range_number: u32,
        differing: u64,
    ) -> Result<(), RestoreStoreError> {
        let mut transaction = self.begin_restoring().await?;
        renew(&mut transaction, job, 0).await?;
        sqlx::query("UPDATE restore_ranges SET is_verified = 1 WHERE restore_id = ? AND range_number = ?")
            .bind(job.id.to_string())
            .bind(range_number)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        sqlx::query("UPDATE restores SET streams_repaired = streams_repaired + ? WHERE restore_id = ?")
            .bind(differing.cast_signed())
            .bind(job.id.to_string())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)
    }

    /// A worker that disappears here is a process that ends. Then the file is free.
    async fn close_gate(
        &self,
        job: &RestoreJob,
        _for_at_most: Duration,
    ) -> Result<Box<dyn ClosedGate>, RestoreStoreError> {
        let mut transaction = self.begin_restoring().await?;
        renew(&mut transaction, job, 0).await?;
        Ok(Box::new(SqliteGate { transaction, job: job.clone() }))
    }

    /// No stream is ahead: the gate and the swap are one transaction, which is done completely or not at all.
    async fn ahead_in_old(
        &self,
        _: &'static dyn AnyProjection,
        _: Option<StreamId>,
        _: u32,
    ) -> Result<Vec<(StreamId, u64)>, RestoreStoreError> {
        Ok(Vec::new())
    }

    async fn finish(
        &self,
        job: &RestoreJob,
        status: RestoreStatus,
        failure: Option<&str>,
    ) -> Result<(), RestoreStoreError> {
        let mut transaction = self.begin_restoring().await?;
        renew(&mut transaction, job, 0).await?;
        let row = sqlx::query("SELECT * FROM restores WHERE restore_id = ?")
            .bind(job.id.to_string())
            .fetch_one(&mut *transaction)
            .await
            .map_err(unavailable)?;
        if status == RestoreStatus::Failed {
            let tables = tables_of(&job.scope);
            let is_rollback = record_from(&row)?.kind == RestoreKind::Rollback;
            if is_rollback && tables::has_form_of_live_tables(&mut transaction, &tables, TableSet::Shadow).await? {
                tables::drop_set(&mut transaction, &tables, TableSet::Old).await?;
                tables::rename_set(&mut transaction, &tables, TableSet::Shadow, TableSet::Old).await?;
            }
            tables::drop_set(&mut transaction, &tables, TableSet::Shadow).await?;
        }
        sqlx::query("UPDATE restores SET status = ?, failure = ?, finished_at_us = ? WHERE restore_id = ?")
            .bind(status.as_str())
            .bind(failure)
            .bind(now_us())
            .bind(job.id.to_string())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)
    }

    async fn drop_old(&self, scope: &[&'static dyn AnyProjection]) -> Result<(), RestoreStoreError> {
        let mut transaction = self.begin_restoring().await?;
        let running = sqlx::query("SELECT 1 FROM restores WHERE status = 'running'");
        if running.fetch_optional(&mut *transaction).await.map_err(unavailable)?.is_some() {
            return Err(RestoreStoreError::Busy);
        }
        tables::drop_set(&mut transaction, &tables_of(scope), TableSet::Old).await?;
        transaction.commit().await.map_err(unavailable)
    }

    async fn lock_stream(
        &self,
        projection: &'static dyn AnyProjection,
        stream_id: StreamId,
    ) -> Result<Box<dyn LockedStream>, RestoreStoreError> {
        let transaction = self.begin_restoring().await?;
        Ok(Box::new(SqliteLockedStream::lock(transaction, projection, stream_id).await?))
    }
}

fn range_from(row: &SqliteRow) -> Result<RangeProgress, RestoreStoreError> {
    let count = |column: &str| row.try_get::<i64, _>(column).map(i64::cast_unsigned).map_err(corrupt);
    let at_stream = stream_from(row.try_get("at_stream").map_err(corrupt)?)?;
    let at_version: Option<i64> = row.try_get("at_version").map_err(corrupt)?;
    Ok(RangeProgress {
        number: row.try_get("range_number").map_err(corrupt)?,
        range: StreamRange {
            from: stream_from(row.try_get("from_stream").map_err(corrupt)?)?,
            before: stream_from(row.try_get("before_stream").map_err(corrupt)?)?,
        },
        at: at_stream
            .zip(at_version)
            .map(|(stream_id, first_version)| CommitPlace { stream_id, first_version: first_version.cast_unsigned() }),
        is_built: row.try_get("is_built").map_err(corrupt)?,
        is_verified: row.try_get("is_verified").map_err(corrupt)?,
        folded: RowsChecksum {
            rows: count("row_count")?,
            rows_sum: count("rows_sum")?,
            lines: count("line_count")?,
            lines_sum: count("lines_sum")?,
        },
    })
}
