use std::time::Duration;

use async_trait::async_trait;
use bank::AccountId;
use cqrs::{CommitPlace, StreamRange};
use futures::TryStreamExt as _;
use restore::{
    ClosedGate, Lease, LeaseAnswer, LockedAccount, RangeProgress, RestoreId, RestoreKind, RestoreStatus, RestoreStore,
    RestoreStoreError, RowsChecksum, ShadowTables, Stage,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, Sqlite, Transaction};

use super::locked_account::SqliteLockedAccount;
use super::register::record_from;
use super::shadow::{OpenShadow, SqliteGate};
use super::tables::{self, TableSet};
use super::{bounds, corrupt, lease_end_us, now_us, renew, stream_from, unavailable};
use crate::SqliteReadDb;
use crate::sqlite_read_db::{entity_from, line_from};

impl SqliteReadDb {
    /// IMMEDIATE: what is read here decides what is written, so the write lock is taken first.
    async fn begin_restoring(&self) -> Result<Transaction<'static, Sqlite>, RestoreStoreError> {
        self.database.writer.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)
    }
}

#[async_trait]
impl RestoreStore for SqliteReadDb {
    async fn take_lease(&self, lease: &Lease) -> Result<LeaseAnswer, RestoreStoreError> {
        // Mostly there is nothing to do, and that is known without the write lock.
        let running = "SELECT * FROM restores WHERE status = 'running'";
        if sqlx::query(running).fetch_optional(&self.database.readers).await.map_err(unavailable)?.is_none() {
            return Ok(LeaseAnswer::NothingToDo);
        }
        let mut transaction = self.begin_restoring().await?;
        let row = sqlx::query(running).fetch_optional(&mut *transaction).await.map_err(unavailable)?;
        let Some(row) = row else { return Ok(LeaseAnswer::NothingToDo) };
        let record = record_from(&row)?;
        let holder: &str = row.try_get("lease_holder").map_err(corrupt)?;
        let lease_until_us: i64 = row.try_get("lease_until_us").map_err(corrupt)?;
        if holder != lease.holder && lease_until_us > now_us() {
            return Ok(LeaseAnswer::HeldByAnother(record));
        }
        sqlx::query("UPDATE restores SET lease_holder = ?, lease_until_us = ? WHERE restore_id = ?")
            .bind(&lease.holder)
            .bind(lease_end_us(lease))
            .bind(record.id.to_string())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(LeaseAnswer::Taken(record))
    }

    async fn renew_lease(&self, id: RestoreId, lease: &Lease) -> Result<(), RestoreStoreError> {
        renew(&mut *self.database.writer.acquire().await.map_err(unavailable)?, id, lease, 0).await
    }

    async fn release_lease(&self, id: RestoreId, lease: &Lease) -> Result<(), RestoreStoreError> {
        sqlx::query("UPDATE restores SET lease_until_us = 0 WHERE restore_id = ? AND lease_holder = ?")
            .bind(id.to_string())
            .bind(&lease.holder)
            .execute(&self.database.writer)
            .await
            .map(|_| ())
            .map_err(unavailable)
    }

    async fn count_accounts(&self) -> Result<u64, RestoreStoreError> {
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM bank_accounts")
            .fetch_one(&self.database.readers)
            .await
            .map_err(unavailable)?;
        Ok(count.unsigned_abs())
    }

    async fn stage(&self, id: RestoreId) -> Result<Stage, RestoreStoreError> {
        let mut connection = self.database.readers.acquire().await.map_err(unavailable)?;
        let (is_prepared, is_swapped): (bool, bool) =
            sqlx::query_as("SELECT is_prepared, is_swapped FROM restores WHERE restore_id = ?")
                .bind(id.to_string())
                .fetch_one(&mut *connection)
                .await
                .map_err(unavailable)?;
        if is_swapped {
            return Ok(Stage::Swapped);
        }
        let is_there = is_prepared && tables::fits(&mut connection, TableSet::Shadow).await?;
        Ok(if is_there { Stage::Prepared } else { Stage::Unprepared })
    }

    async fn prepare(
        &self,
        id: RestoreId,
        lease: &Lease,
        ranges: &[StreamRange],
        events_total: u64,
    ) -> Result<(), RestoreStoreError> {
        let mut transaction = self.begin_restoring().await?;
        renew(&mut transaction, id, lease, 0).await?;
        tables::drop_set(&mut transaction, TableSet::Old).await?;
        tables::make_shadow(&mut transaction, id).await?;
        // Those of restores that have ended are of no more use.
        sqlx::query("DELETE FROM restore_ranges").execute(&mut *transaction).await.map_err(unavailable)?;
        for (number, range) in (0_u32..).zip(ranges) {
            sqlx::query(
                "INSERT INTO restore_ranges (restore_id, range_number, from_stream, before_stream) VALUES (?, ?, ?, ?)",
            )
            .bind(id.to_string())
            .bind(number)
            .bind(range.from.map(|from| from.to_string()))
            .bind(range.before.map(|before| before.to_string()))
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        }
        sqlx::query(
            "UPDATE restores SET is_prepared = 1, events_total = ?, events_replayed = 0, accounts_repaired = 0 \
             WHERE restore_id = ?",
        )
        .bind(events_total.cast_signed())
        .bind(id.to_string())
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)
    }

    async fn prepare_rollback(&self, id: RestoreId, lease: &Lease) -> Result<(), RestoreStoreError> {
        let mut transaction = self.begin_restoring().await?;
        renew(&mut transaction, id, lease, 0).await?;
        if !tables::fits(&mut transaction, TableSet::Old).await? {
            let reason = "no swap has put any aside, or they are of another form".to_owned();
            return Err(RestoreStoreError::NothingToBringBack { reason });
        }
        tables::drop_set(&mut transaction, TableSet::Shadow).await?;
        tables::rename_set(&mut transaction, TableSet::Old, TableSet::Shadow).await?;
        sqlx::query("DELETE FROM restore_ranges").execute(&mut *transaction).await.map_err(unavailable)?;
        sqlx::query("UPDATE restores SET is_prepared = 1 WHERE restore_id = ?")
            .bind(id.to_string())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)
    }

    async fn ranges(&self, id: RestoreId) -> Result<Vec<RangeProgress>, RestoreStoreError> {
        let rows = sqlx::query("SELECT * FROM restore_ranges WHERE restore_id = ? ORDER BY range_number")
            .bind(id.to_string())
            .fetch_all(&self.database.readers)
            .await
            .map_err(unavailable)?;
        rows.iter().map(range_from).collect()
    }

    fn shadow(&self, id: RestoreId, lease: &Lease) -> Box<dyn ShadowTables> {
        Box::new(OpenShadow { read_db: self.clone(), id, lease: lease.clone() })
    }

    /// The rows are read, and the sum is reckoned here: SQLite has no function for it.
    async fn held(&self, range: StreamRange) -> Result<RowsChecksum, RestoreStoreError> {
        let (from, before) = bounds(range);
        let mut held = RowsChecksum::default();
        let mut accounts = sqlx::query("SELECT * FROM bank_accounts_shadow WHERE account_id >= ? AND account_id < ?")
            .bind(&from)
            .bind(&before)
            .fetch(&self.database.readers);
        while let Some(row) = accounts.try_next().await.map_err(unavailable)? {
            held.add_account(&entity_from(&row).map_err(corrupt)?);
        }
        drop(accounts);
        let mut lines = sqlx::query("SELECT * FROM statement_lines_shadow WHERE account_id >= ? AND account_id < ?")
            .bind(&from)
            .bind(&before)
            .fetch(&self.database.readers);
        while let Some(row) = lines.try_next().await.map_err(unavailable)? {
            held.add_line(&line_from(&row).map_err(corrupt)?);
        }
        Ok(held)
    }

    async fn differing(&self, range: StreamRange) -> Result<u64, RestoreStoreError> {
        let (from, before) = bounds(range);
        let count: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM ( \
                 SELECT shadow.account_id \
                 FROM bank_accounts_shadow AS shadow LEFT JOIN bank_accounts AS live USING (account_id) \
                 WHERE shadow.account_id >= ?1 AND shadow.account_id < ?2 \
                   AND (live.version IS NULL OR live.version > shadow.version OR (live.version = shadow.version \
                        AND (live.owner, live.holder, live.kind, live.currency, live.balance_minor, live.status, \
                             live.opened_at_us, live.updated_at_us) \
                            <> (shadow.owner, shadow.holder, shadow.kind, shadow.currency, shadow.balance_minor, \
                                shadow.status, shadow.opened_at_us, shadow.updated_at_us))) \
                 UNION \
                 SELECT live.account_id \
                 FROM bank_accounts AS live LEFT JOIN bank_accounts_shadow AS shadow USING (account_id) \
                 WHERE live.account_id >= ?1 AND live.account_id < ?2 AND shadow.account_id IS NULL \
                 UNION \
                 SELECT line.account_id \
                 FROM statement_lines_shadow AS line \
                 JOIN bank_accounts AS live ON live.account_id = line.account_id AND live.version >= line.version \
                 LEFT JOIN statement_lines AS held \
                     ON held.account_id = line.account_id AND held.version = line.version \
                 WHERE line.account_id >= ?1 AND line.account_id < ?2 \
                   AND (held.kind, held.currency, held.amount_minor, held.balance_after_minor, held.reference, \
                        held.occurred_at_us) \
                       IS NOT (line.kind, line.currency, line.amount_minor, line.balance_after_minor, \
                               line.reference, line.occurred_at_us) \
             )",
        )
        .bind(from)
        .bind(before)
        .fetch_one(&self.database.readers)
        .await
        .map_err(unavailable)?;
        Ok(count.unsigned_abs())
    }

    async fn mark_verified(
        &self,
        id: RestoreId,
        lease: &Lease,
        range_number: u32,
        differing: u64,
    ) -> Result<(), RestoreStoreError> {
        let mut transaction = self.begin_restoring().await?;
        renew(&mut transaction, id, lease, 0).await?;
        sqlx::query("UPDATE restore_ranges SET is_verified = 1 WHERE restore_id = ? AND range_number = ?")
            .bind(id.to_string())
            .bind(range_number)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        sqlx::query("UPDATE restores SET accounts_repaired = accounts_repaired + ? WHERE restore_id = ?")
            .bind(differing.cast_signed())
            .bind(id.to_string())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)
    }

    /// Whoever vanishes here is a process that ends, and then the file is free.
    async fn close_gate(
        &self,
        id: RestoreId,
        lease: &Lease,
        _for_at_most: Duration,
    ) -> Result<Box<dyn ClosedGate>, RestoreStoreError> {
        let mut transaction = self.begin_restoring().await?;
        renew(&mut transaction, id, lease, 0).await?;
        Ok(Box::new(SqliteGate { transaction, id, lease: lease.clone() }))
    }

    /// None: the gate and the swap are one transaction, which is done whole or not at all.
    async fn ahead_in_old(&self, _: Option<AccountId>, _: u32) -> Result<Vec<(AccountId, u64)>, RestoreStoreError> {
        Ok(Vec::new())
    }

    async fn finish(
        &self,
        id: RestoreId,
        lease: &Lease,
        status: RestoreStatus,
        failure: Option<&str>,
    ) -> Result<(), RestoreStoreError> {
        let mut transaction = self.begin_restoring().await?;
        renew(&mut transaction, id, lease, 0).await?;
        let row = sqlx::query("SELECT * FROM restores WHERE restore_id = ?")
            .bind(id.to_string())
            .fetch_one(&mut *transaction)
            .await
            .map_err(unavailable)?;
        if status == RestoreStatus::Failed {
            let is_rollback = record_from(&row)?.kind == RestoreKind::Rollback;
            if is_rollback && tables::fits(&mut transaction, TableSet::Shadow).await? {
                tables::drop_set(&mut transaction, TableSet::Old).await?;
                tables::rename_set(&mut transaction, TableSet::Shadow, TableSet::Old).await?;
            }
            tables::drop_set(&mut transaction, TableSet::Shadow).await?;
        }
        sqlx::query("UPDATE restores SET status = ?, failure = ?, finished_at_us = ? WHERE restore_id = ?")
            .bind(status.as_str())
            .bind(failure)
            .bind(now_us())
            .bind(id.to_string())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)
    }

    async fn drop_old(&self) -> Result<(), RestoreStoreError> {
        let mut transaction = self.begin_restoring().await?;
        let running = sqlx::query("SELECT 1 FROM restores WHERE status = 'running'");
        if running.fetch_optional(&mut *transaction).await.map_err(unavailable)?.is_some() {
            return Err(RestoreStoreError::Busy);
        }
        tables::drop_set(&mut transaction, TableSet::Old).await?;
        transaction.commit().await.map_err(unavailable)
    }

    async fn lock_account(&self, account_id: AccountId) -> Result<Box<dyn LockedAccount>, RestoreStoreError> {
        let transaction = self.begin_restoring().await?;
        Ok(Box::new(SqliteLockedAccount::lock(transaction, account_id).await?))
    }
}

fn range_from(row: &SqliteRow) -> Result<RangeProgress, RestoreStoreError> {
    let count = |column: &str| Ok(row.try_get::<i64, _>(column).map_err(corrupt)?.cast_unsigned());
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
            accounts: count("accounts")?,
            accounts_sum: count("accounts_sum")?,
            lines: count("lines")?,
            lines_sum: count("lines_sum")?,
        },
    })
}
