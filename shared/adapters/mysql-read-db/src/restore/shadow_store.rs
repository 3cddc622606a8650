use std::time::Duration;

use async_trait::async_trait;
use cqrs::{CommitPlace, StreamId, StreamRange};
use projection::AnyProjection;
use restore::{
    ClosedGate, LockedStream, RangeProgress, RestoreJob, RestoreKind, RestoreStatus, RestoreStoreError, RowsChecksum,
    ShadowStore, ShadowTables, Stage, TableSet, tables_of,
};
use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, Row as _};
use uuid::Uuid;

use super::locked_stream::MySqlLockedStream;
use super::register::record_from;
use super::restoring_connection::RestoringConnection;
use super::shadow::{MySqlGate, OpenShadow};
use super::tables;
use super::{NOW_US, corrupt, renew, shadow_sql, unavailable};
use crate::MySqlReadDb;
use crate::try_error::server_error_number;

/// The server's error number ER_NO_SUCH_TABLE.
const NO_SUCH_TABLE: u16 = 1146;

#[async_trait]
impl ShadowStore for MySqlReadDb {
    async fn count_rows(&self, scope: &[&'static dyn AnyProjection]) -> Result<u64, RestoreStoreError> {
        let mut rows = 0;
        for projection in scope {
            let statement = shadow_sql::count_rows(projection.row_table());
            let mut connection = RestoringConnection::of(&self.pool).await?;
            let count = sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(&mut *connection).await;
            rows += connection.answered::<i64>(count)?.unsigned_abs();
        }
        Ok(rows)
    }

    async fn stage(&self, job: &RestoreJob) -> Result<Stage, RestoreStoreError> {
        let mut connection = RestoringConnection::of(&self.pool).await?;
        let stage = stage(&mut connection, job).await?;
        connection.answered(Ok(stage))
    }

    /// A statement that makes or drops a table commits its own transaction. So two connections are used. One holds the
    /// lock that keeps other workers from taking the lease over. The other makes the tables.
    async fn prepare(
        &self,
        job: &RestoreJob,
        ranges: &[StreamRange],
        events_total: u64,
    ) -> Result<(), RestoreStoreError> {
        let mut connection = RestoringConnection::of(&self.pool).await?;
        let mut transaction = connection.begin().await.map_err(unavailable)?;
        renew(&mut transaction, job, 0).await?;
        let tables = tables_of(&job.scope);
        let mut making = RestoringConnection::of(&self.pool).await?;
        for set in [TableSet::Old, TableSet::Shadow] {
            tables::drop_set(&mut making, &tables, set).await?;
            // Large tables may take so long to drop that the server has released the lock.
            renew(&mut transaction, job, 0).await?;
        }
        tables::make_shadow(&mut making, &tables, job.id).await?;
        making.answered(Ok(()))?;
        // Ranges of restores that have ended are no longer needed.
        sqlx::query("DELETE FROM restore_ranges").execute(&mut *transaction).await.map_err(unavailable)?;
        for (number, range) in (0_u32..).zip(ranges) {
            sqlx::query(
                "INSERT INTO restore_ranges (restore_id, range_number, from_stream, before_stream) VALUES (?, ?, ?, ?)",
            )
            .bind(job.id.as_uuid())
            .bind(number)
            .bind(range.from.map(|from| from.0))
            .bind(range.before.map(|before| before.0))
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        }
        sqlx::query(
            "UPDATE restores SET is_prepared = 1, events_total = ?, events_replayed = 0, streams_repaired = 0 \
             WHERE restore_id = ?",
        )
        .bind(events_total)
        .bind(job.id.as_uuid())
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
        let committed = transaction.commit().await;
        connection.answered(committed)
    }

    async fn prepare_rollback(&self, job: &RestoreJob) -> Result<(), RestoreStoreError> {
        let mut connection = RestoringConnection::of(&self.pool).await?;
        let mut transaction = connection.begin().await.map_err(unavailable)?;
        renew(&mut transaction, job, 0).await?;
        let tables = tables_of(&job.scope);
        let mut renaming = RestoringConnection::of(&self.pool).await?;
        // A worker that was killed at this point has already renamed the tables.
        let is_renamed = tables::is_marked(&mut renaming, &tables, TableSet::Shadow, job.id).await?;
        let set = if is_renamed { TableSet::Shadow } else { TableSet::Old };
        if !tables::has_form_of_live_tables(&mut renaming, &tables, set).await? {
            let reason = "no swap has put tables aside, or they have another form".to_owned();
            return Err(RestoreStoreError::NothingToBringBack { reason });
        }
        if !is_renamed {
            tables::drop_set(&mut renaming, &tables, TableSet::Shadow).await?;
            tables::mark(&mut renaming, &tables, TableSet::Old, job.id).await?;
            tables::rename_set(&mut renaming, &tables, TableSet::Old, TableSet::Shadow).await?;
        }
        renaming.answered(Ok(()))?;
        sqlx::query("DELETE FROM restore_ranges").execute(&mut *transaction).await.map_err(unavailable)?;
        sqlx::query("UPDATE restores SET is_prepared = 1 WHERE restore_id = ?")
            .bind(job.id.as_uuid())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        let committed = transaction.commit().await;
        connection.answered(committed)
    }

    async fn ranges(&self, job: &RestoreJob) -> Result<Vec<RangeProgress>, RestoreStoreError> {
        let mut connection = RestoringConnection::of(&self.pool).await?;
        let rows = sqlx::query("SELECT * FROM restore_ranges WHERE restore_id = ? ORDER BY range_number")
            .bind(job.id.as_uuid())
            .fetch_all(&mut *connection)
            .await;
        connection.answered(rows)?.iter().map(range_from).collect()
    }

    fn shadow(&self, job: &RestoreJob) -> Box<dyn ShadowTables> {
        Box::new(OpenShadow { read_db: self.clone(), job: job.clone() })
    }

    async fn checksum_of_range(&self, job: &RestoreJob, range: StreamRange) -> Result<RowsChecksum, RestoreStoreError> {
        let mut checksum = RowsChecksum::default();
        let (from, last) = bounds(range);
        for projection in &job.scope {
            for table in projection.tables() {
                let mut connection = RestoringConnection::of(&self.pool).await?;
                let sums = sqlx::query_as(AssertSqlSafe(shadow_sql::checksum_of_range(table, up_to(range))))
                    .bind(from)
                    .bind(last)
                    .fetch_one(&mut *connection)
                    .await;
                let (count, sum) = connection.answered::<(i64, u64)>(sums)?;
                let count = count.unsigned_abs();
                checksum.add(&if table == projection.row_table() {
                    RowsChecksum { rows: count, rows_sum: sum, ..RowsChecksum::default() }
                } else {
                    RowsChecksum { lines: count, lines_sum: sum, ..RowsChecksum::default() }
                });
            }
        }
        Ok(checksum)
    }

    async fn differing(&self, job: &RestoreJob, range: StreamRange) -> Result<u64, RestoreStoreError> {
        let (from, last) = bounds(range);
        let mut differing = 0;
        for projection in &job.scope {
            let statement = shadow_sql::differing(*projection, up_to(range));
            let mut select = sqlx::query_scalar(AssertSqlSafe(statement));
            for _ in 0..shadow_sql::ranges_in_differing(*projection) {
                select = select.bind(from).bind(last);
            }
            let mut connection = RestoringConnection::of(&self.pool).await?;
            let count = select.fetch_one(&mut *connection).await;
            differing += connection.answered::<i64>(count)?.unsigned_abs();
        }
        Ok(differing)
    }

    async fn mark_verified(
        &self,
        job: &RestoreJob,
        range_number: u32,
        differing: u64,
    ) -> Result<(), RestoreStoreError> {
        let mut connection = RestoringConnection::of(&self.pool).await?;
        let mut transaction = connection.begin().await.map_err(unavailable)?;
        renew(&mut transaction, job, 0).await?;
        sqlx::query("UPDATE restore_ranges SET is_verified = TRUE WHERE restore_id = ? AND range_number = ?")
            .bind(job.id.as_uuid())
            .bind(range_number)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        sqlx::query("UPDATE restores SET streams_repaired = streams_repaired + ? WHERE restore_id = ?")
            .bind(differing)
            .bind(job.id.as_uuid())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        let committed = transaction.commit().await;
        connection.answered(committed)
    }

    async fn close_gate(
        &self,
        job: &RestoreJob,
        for_at_most: Duration,
    ) -> Result<Box<dyn ClosedGate>, RestoreStoreError> {
        let shadow = OpenShadow { read_db: self.clone(), job: job.clone() };
        Ok(Box::new(MySqlGate::close(shadow, for_at_most).await?))
    }

    async fn ahead_in_old(
        &self,
        projection: &'static dyn AnyProjection,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<(StreamId, u64)>, RestoreStoreError> {
        let mut connection = RestoringConnection::of(&self.pool).await?;
        let ahead: Result<Vec<(Uuid, u64)>, sqlx::Error> =
            sqlx::query_as(AssertSqlSafe(shadow_sql::ahead_in_old(projection.row_table())))
                .bind(after.map_or_else(Uuid::nil, |after| after.0))
                .bind(limit)
                .fetch_all(&mut *connection)
                .await;
        let ahead = match ahead {
            Err(error) if server_error_number(&error) == Some(NO_SUCH_TABLE) => connection.answered(Ok(Vec::new()))?,
            ahead => connection.answered(ahead)?,
        };
        Ok(ahead.into_iter().map(|(id, version)| (StreamId(id), version)).collect())
    }

    async fn finish(
        &self,
        job: &RestoreJob,
        status: RestoreStatus,
        failure: Option<&str>,
    ) -> Result<(), RestoreStoreError> {
        let mut connection = RestoringConnection::of(&self.pool).await?;
        let mut transaction = connection.begin().await.map_err(unavailable)?;
        renew(&mut transaction, job, 0).await?;
        let row = sqlx::query("SELECT * FROM restores WHERE restore_id = ?")
            .bind(job.id.as_uuid())
            .fetch_one(&mut *transaction)
            .await
            .map_err(unavailable)?;
        if status == RestoreStatus::Failed {
            let tables = tables_of(&job.scope);
            let mut dropping = RestoringConnection::of(&self.pool).await?;
            if tables::is_marked(&mut dropping, &tables, TableSet::Shadow, job.id).await? {
                if record_from(&row)?.kind == RestoreKind::Rollback {
                    tables::drop_set(&mut dropping, &tables, TableSet::Old).await?;
                    tables::rename_set(&mut dropping, &tables, TableSet::Shadow, TableSet::Old).await?;
                } else {
                    tables::drop_set(&mut dropping, &tables, TableSet::Shadow).await?;
                }
            }
            dropping.answered(Ok(()))?;
        }
        let statement =
            format!("UPDATE restores SET status = ?, failure = ?, finished_at_us = {NOW_US} WHERE restore_id = ?");
        sqlx::query(AssertSqlSafe(statement))
            .bind(status.as_str())
            .bind(failure)
            .bind(job.id.as_uuid())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        let committed = transaction.commit().await;
        connection.answered(committed)
    }

    async fn drop_old(&self, scope: &[&'static dyn AnyProjection]) -> Result<(), RestoreStoreError> {
        let mut connection = RestoringConnection::of(&self.pool).await?;
        let running = sqlx::query("SELECT 1 FROM restores WHERE is_running = 1").fetch_optional(&mut *connection);
        if running.await.map_err(unavailable)?.is_some() {
            return Err(RestoreStoreError::Busy);
        }
        tables::drop_set(&mut connection, &tables_of(scope), TableSet::Old).await?;
        connection.answered(Ok(()))
    }

    async fn lock_stream(
        &self,
        projection: &'static dyn AnyProjection,
        stream_id: StreamId,
    ) -> Result<Box<dyn LockedStream>, RestoreStoreError> {
        Ok(Box::new(MySqlLockedStream::lock(self, projection, stream_id).await?))
    }
}

/// The first and the last id of a range. A range without an end reaches to the last of all ids.
fn bounds(range: StreamRange) -> (Uuid, Uuid) {
    (range.from.map_or_else(Uuid::nil, |from| from.0), range.before.map_or_else(Uuid::max, |before| before.0))
}

/// The end of a range in a statement: a range that has an end stops before it.
pub(super) const ENDS_OF_RANGES: [&str; 2] = ["< ?", "<= ?"];

const fn up_to(range: StreamRange) -> &'static str {
    let [before, to_the_last] = ENDS_OF_RANGES;
    if range.before.is_some() { before } else { to_the_last }
}

async fn stage(connection: &mut MySqlConnection, job: &RestoreJob) -> Result<Stage, RestoreStoreError> {
    let tables = tables_of(&job.scope);
    if tables::is_marked(connection, &tables, TableSet::Live, job.id).await? {
        return Ok(Stage::Swapped);
    }
    let is_prepared: bool = sqlx::query_scalar("SELECT is_prepared FROM restores WHERE restore_id = ?")
        .bind(job.id.as_uuid())
        .fetch_one(&mut *connection)
        .await
        .map_err(unavailable)?;
    let is_there = is_prepared
        && tables::is_marked(connection, &tables, TableSet::Shadow, job.id).await?
        && tables::has_form_of_live_tables(connection, &tables, TableSet::Shadow).await?;
    Ok(if is_there { Stage::Prepared } else { Stage::Unprepared })
}

fn range_from(row: &MySqlRow) -> Result<RangeProgress, RestoreStoreError> {
    let stream = |column: &str| row.try_get::<Option<Uuid>, _>(column).map(|id| id.map(StreamId)).map_err(corrupt);
    let count = |column: &str| row.try_get::<u64, _>(column).map_err(corrupt);
    let at_version: Option<u64> = row.try_get("at_version").map_err(corrupt)?;
    Ok(RangeProgress {
        number: row.try_get("range_number").map_err(corrupt)?,
        range: StreamRange { from: stream("from_stream")?, before: stream("before_stream")? },
        at: stream("at_stream")?
            .zip(at_version)
            .map(|(stream_id, first_version)| CommitPlace { stream_id, first_version }),
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
