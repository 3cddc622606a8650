use std::time::Duration;

use async_trait::async_trait;
use cqrs::{StreamId, StreamRange};
use projection::{AnyProjection, Cell, ColumnKind};
use restore::{
    ClosedGate, LockedStream, RangeProgress, RestoreJob, RestoreKind, RestoreStatus, RestoreStoreError, RowsChecksum,
    ShadowStore, ShadowTables, Stage, TableSet, tables_of,
};
use uuid::Uuid;

use super::locked_stream::SqlLockedStream;
use super::records::{RANGES, RESTORES, fetch_one, id_of, range_from, record_from, renew, select};
use super::shadow::{SqlGate, SqlShadow};
use super::{ShadowDatabase, shadow_sql};
use crate::row_scan::ends_of;
use crate::{SqlConnection, SqlError, SqlReadDb, SqlRow, Statement, kinds_of};

#[async_trait]
impl<D: ShadowDatabase> ShadowStore for SqlReadDb<D> {
    async fn count_rows(&self, scope: &[&'static dyn AnyProjection]) -> Result<u64, RestoreStoreError> {
        let mut rows = 0;
        for projection in scope {
            rows += self.count(Statement::new(shadow_sql::count_rows(self.dialect(), projection.row_table()))).await?;
        }
        Ok(rows)
    }

    async fn stage(&self, job: &RestoreJob) -> Result<Stage, RestoreStoreError> {
        let mut connection = self.sql.connect().await?;
        let (tables, connection) = (tables_of(&job.scope), &mut *connection);
        if self.sql.is_of_restore(connection, &tables, TableSet::Live, job.id).await? {
            return Ok(Stage::Swapped);
        }
        let restore = select(self.dialect(), &RESTORES, "restore_id = ?").with(id_of(job.id));
        let is_there = fetch_one(connection, restore, &RESTORES).await?.integer("is_prepared")? != 0
            && self.sql.is_of_restore(connection, &tables, TableSet::Shadow, job.id).await?
            && self.sql.has_form_of_live_tables(connection, &tables, TableSet::Shadow).await?;
        Ok(if is_there { Stage::Prepared } else { Stage::Unprepared })
    }

    async fn prepare(
        &self,
        job: &RestoreJob,
        ranges: &[StreamRange],
        events_total: u64,
    ) -> Result<(), RestoreStoreError> {
        let mut transaction = self.sql.begin().await?;
        let transaction_ref = &mut *transaction;
        renew(transaction_ref, self.dialect(), job, 0).await?;
        let tables = tables_of(&job.scope);
        for set in [TableSet::Old, TableSet::Shadow] {
            self.sql.drop_set(transaction_ref, &tables, set).await?;
            // Large tables may take so long to drop that the server has released the lock.
            renew(transaction_ref, self.dialect(), job, 0).await?;
        }
        self.sql.make_shadow(transaction_ref, &tables, job.id).await?;
        record_prepared(transaction_ref, job).await?;
        for (number, range) in (0_u64..).zip(ranges) {
            let insert = "INSERT INTO restore_ranges (restore_id, range_number, from_stream, before_stream) \
                          VALUES (?, ?, ?, ?)";
            let insert = Statement::new(insert).with(id_of(job.id)).with(number).with(range.from).with(range.before);
            transaction_ref.execute(insert).await?;
        }
        let reset =
            "UPDATE restores SET events_total = ?, events_replayed = 0, streams_repaired = 0 WHERE restore_id = ?";
        transaction_ref.execute(Statement::new(reset).with(events_total).with(id_of(job.id))).await?;
        Ok(transaction.commit().await?)
    }

    async fn prepare_rollback(&self, job: &RestoreJob) -> Result<(), RestoreStoreError> {
        let mut transaction = self.sql.begin().await?;
        let transaction_ref = &mut *transaction;
        renew(transaction_ref, self.dialect(), job, 0).await?;
        let tables = tables_of(&job.scope);
        // A worker that was killed at this point may already have renamed the tables.
        let is_renamed = self.sql.is_of_restore(transaction_ref, &tables, TableSet::Shadow, job.id).await?;
        let set = if is_renamed { TableSet::Shadow } else { TableSet::Old };
        if !self.sql.has_form_of_live_tables(transaction_ref, &tables, set).await? {
            let reason = "no swap has put tables aside, or they have another form".to_owned();
            return Err(RestoreStoreError::NothingToBringBack { reason });
        }
        if !is_renamed {
            self.sql.drop_set(transaction_ref, &tables, TableSet::Shadow).await?;
            self.sql.take_old(transaction_ref, &tables, job.id).await?;
            self.sql.rename_set(transaction_ref, &tables, TableSet::Old, TableSet::Shadow).await?;
        }
        record_prepared(transaction_ref, job).await?;
        Ok(transaction.commit().await?)
    }

    async fn ranges(&self, job: &RestoreJob) -> Result<Vec<RangeProgress>, RestoreStoreError> {
        let ranges = select(self.dialect(), &RANGES, "restore_id = ? ORDER BY range_number").with(id_of(job.id));
        let rows = self.sql.read(ranges, &kinds_of(&RANGES)).await?;
        rows.into_iter().map(|row| Ok(range_from(&row.into_cells(&RANGES, 0)?)?)).collect()
    }

    fn shadow(&self, job: &RestoreJob) -> Box<dyn ShadowTables> {
        Box::new(SqlShadow { database: self.sql.clone(), job: job.clone(), inside: None })
    }

    async fn checksum_of_range(&self, job: &RestoreJob, range: StreamRange) -> Result<RowsChecksum, RestoreStoreError> {
        let mut checksum = RowsChecksum::default();
        let mut connection = self.sql.connect().await?;
        for projection in &job.scope {
            for table in projection.tables() {
                let of_range = Statement::new(shadow_sql::of_range(self.dialect(), table)).with_all(ends_of(range));
                let (count, sum) = self.sql.checksum(&mut *connection, table, of_range).await?;
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
        let mut differing = 0;
        for projection in &job.scope {
            let mut select = Statement::new(shadow_sql::differing(self.dialect(), *projection));
            for _ in 0..shadow_sql::ranges_in_differing(*projection) {
                select = select.with_all(ends_of(range));
            }
            differing += self.count(select).await?;
        }
        Ok(differing)
    }

    async fn mark_verified(
        &self,
        job: &RestoreJob,
        range_number: u32,
        differing: u64,
    ) -> Result<(), RestoreStoreError> {
        let mut transaction = self.sql.begin().await?;
        renew(&mut *transaction, self.dialect(), job, 0).await?;
        let verified = "UPDATE restore_ranges SET is_verified = 1 WHERE restore_id = ? AND range_number = ?";
        let verified = Statement::new(verified).with(id_of(job.id)).with(u64::from(range_number));
        transaction.execute(verified).await?;
        let repaired = "UPDATE restores SET streams_repaired = streams_repaired + ? WHERE restore_id = ?";
        transaction.execute(Statement::new(repaired).with(differing).with(id_of(job.id))).await?;
        Ok(transaction.commit().await?)
    }

    async fn close_gate(
        &self,
        job: &RestoreJob,
        for_at_most: Duration,
    ) -> Result<Box<dyn ClosedGate>, RestoreStoreError> {
        Ok(Box::new(SqlGate::close(self.sql.clone(), job.clone(), for_at_most).await?))
    }

    async fn ahead_in_old(
        &self,
        projection: &'static dyn AnyProjection,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<(StreamId, u64)>, RestoreStoreError> {
        if D::SWAPS_IN_ONE_TRANSACTION {
            // The gate and the swap are one transaction, which is done completely or not at all.
            return Ok(Vec::new());
        }
        let select = Statement::new(shadow_sql::ahead_in_old(self.dialect(), projection.row_table()))
            .with(after.unwrap_or(StreamId(Uuid::nil())))
            .with(u64::from(limit));
        let rows = match self.sql.read(select, &[ColumnKind::Id, ColumnKind::Count]).await {
            Err(SqlError::NoSuchTable(_)) => Vec::new(),
            rows => rows?,
        };
        let ahead = |row: &SqlRow| match (row.cell(0)?, row.cell(1)?) {
            (Cell::Id(stream_id), Cell::Count(version)) => Ok((*stream_id, *version)),
            other => Err(SqlError::Corrupt(format!("{other:?} is no stream with its version"))),
        };
        rows.iter().map(|row| Ok(ahead(row)?)).collect()
    }

    async fn finish(
        &self,
        job: &RestoreJob,
        status: RestoreStatus,
        failure: Option<&str>,
    ) -> Result<(), RestoreStoreError> {
        let mut transaction = self.sql.begin().await?;
        let transaction_ref = &mut *transaction;
        renew(transaction_ref, self.dialect(), job, 0).await?;
        let restore = select(self.dialect(), &RESTORES, "restore_id = ?").with(id_of(job.id));
        let record = record_from(&fetch_one(transaction_ref, restore, &RESTORES).await?)?;
        let tables = tables_of(&job.scope);
        if status == RestoreStatus::Failed
            && self.sql.is_of_restore(transaction_ref, &tables, TableSet::Shadow, job.id).await?
        {
            if record.kind == RestoreKind::Rollback {
                self.sql.drop_set(transaction_ref, &tables, TableSet::Old).await?;
                self.sql.rename_set(transaction_ref, &tables, TableSet::Shadow, TableSet::Old).await?;
            } else {
                self.sql.drop_set(transaction_ref, &tables, TableSet::Shadow).await?;
            }
        }
        let end = format!(
            "UPDATE restores SET status = ?, failure = ?, finished_at_us = {} WHERE restore_id = ?",
            self.dialect().now_us()
        );
        let end = Statement::new(end).with(status.as_str()).with(failure).with(id_of(job.id));
        transaction_ref.execute(end).await?;
        Ok(transaction.commit().await?)
    }

    async fn drop_old(&self, scope: &[&'static dyn AnyProjection]) -> Result<(), RestoreStoreError> {
        let mut transaction = self.sql.begin().await?;
        let running = Statement::new("SELECT 1 FROM restores WHERE status = 'running'");
        if !transaction.fetch(running, &[ColumnKind::Integer]).await?.is_empty() {
            return Err(RestoreStoreError::Busy);
        }
        self.sql.drop_set(&mut *transaction, &tables_of(scope), TableSet::Old).await?;
        Ok(transaction.commit().await?)
    }

    async fn lock_stream(
        &self,
        projection: &'static dyn AnyProjection,
        stream_id: StreamId,
    ) -> Result<Box<dyn LockedStream>, RestoreStoreError> {
        Ok(Box::new(SqlLockedStream::lock(&self.sql, projection, stream_id).await?))
    }
}

impl<D: ShadowDatabase> SqlReadDb<D> {
    async fn count(&self, select: Statement) -> Result<u64, SqlError> {
        let rows = self.sql.read(select, &[ColumnKind::Integer]).await?;
        Ok(rows.first().map(|row| row.integer(0)).transpose()?.unwrap_or(0).unsigned_abs())
    }
}

/// Records that the shadow tables exist, and removes the ranges of restores that have ended.
async fn record_prepared(transaction: &mut dyn SqlConnection, job: &RestoreJob) -> Result<(), SqlError> {
    transaction.execute(Statement::new("DELETE FROM restore_ranges")).await?;
    let prepared = Statement::new("UPDATE restores SET is_prepared = 1 WHERE restore_id = ?");
    transaction.execute(prepared.with(id_of(job.id))).await?;
    Ok(())
}

/// The count in this place, if there is one.
pub(super) fn optional_count(row: &SqlRow, place: usize) -> Result<Option<u64>, SqlError> {
    match row.cell(place)? {
        Cell::Count(count) => Ok(Some(*count)),
        _ => Ok(None),
    }
}
