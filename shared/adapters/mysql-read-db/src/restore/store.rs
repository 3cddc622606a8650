use std::time::Duration;

use async_trait::async_trait;
use bank::AccountId;
use cqrs::{CommitPlace, StreamId, StreamRange};
use restore::{
    ClosedGate, Lease, LeaseAnswer, LockedAccount, RangeProgress, RestoreId, RestoreKind, RestoreStatus, RestoreStore,
    RestoreStoreError, RowsChecksum, ShadowTables, Stage,
};
use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, Row as _};
use uuid::Uuid;

use super::asked::Asked;
use super::locked_account::MySqlLockedAccount;
use super::register::record_from;
use super::shadow::{MySqlGate, OpenShadow, bounds, held, up_to};
use super::tables::{self, TableSet};
use super::{NOW_US, corrupt, lease_us, renew, unavailable};
use crate::MySqlReadDb;
use crate::project_events::server_error_number;

/// ER_NO_SUCH_TABLE
const NO_SUCH_TABLE: u16 = 1146;

#[async_trait]
impl RestoreStore for MySqlReadDb {
    async fn take_lease(&self, lease: &Lease) -> Result<LeaseAnswer, RestoreStoreError> {
        // Mostly there is nothing to do, and that is known without a lock.
        let running = "SELECT restores.*, lease_until_us > CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED) AS is_held \
                       FROM restores WHERE is_running = 1";
        let mut asked = Asked::on(&self.pool).await?;
        let found = sqlx::query(running).fetch_optional(&mut *asked).await;
        if asked.answered(found)?.is_none() {
            return Ok(LeaseAnswer::NothingToDo);
        }
        let mut asked = Asked::on(&self.pool).await?;
        let mut transaction = asked.begin().await.map_err(unavailable)?;
        let locking = format!("{running} FOR UPDATE");
        let row = sqlx::query(AssertSqlSafe(locking)).fetch_optional(&mut *transaction).await.map_err(unavailable)?;
        let Some(row) = row else { return Ok(LeaseAnswer::NothingToDo) };
        let record = record_from(&row)?;
        let holder: &str = row.try_get("lease_holder").map_err(corrupt)?;
        let is_held: bool = row.try_get("is_held").map_err(corrupt)?;
        if is_held && holder != lease.holder {
            return Ok(LeaseAnswer::HeldByAnother(record));
        }
        let statement =
            format!("UPDATE restores SET lease_holder = ?, lease_until_us = {NOW_US} + ? WHERE restore_id = ?");
        sqlx::query(AssertSqlSafe(statement))
            .bind(&lease.holder)
            .bind(lease_us(lease))
            .bind(record.id.as_uuid())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        let committed = transaction.commit().await;
        asked.answered(committed)?;
        Ok(LeaseAnswer::Taken(record))
    }

    async fn renew_lease(&self, id: RestoreId, lease: &Lease) -> Result<(), RestoreStoreError> {
        let mut asked = Asked::on(&self.pool).await?;
        renew(&mut asked, id, lease, 0).await?;
        asked.answered(Ok(()))
    }

    async fn release_lease(&self, id: RestoreId, lease: &Lease) -> Result<(), RestoreStoreError> {
        let mut asked = Asked::on(&self.pool).await?;
        let released = sqlx::query("UPDATE restores SET lease_until_us = 0 WHERE restore_id = ? AND lease_holder = ?")
            .bind(id.as_uuid())
            .bind(&lease.holder)
            .execute(&mut *asked)
            .await;
        asked.answered(released.map(|_| ()))
    }

    async fn count_accounts(&self) -> Result<u64, RestoreStoreError> {
        let mut asked = Asked::on(&self.pool).await?;
        let count = sqlx::query_scalar("SELECT COUNT(*) FROM bank_accounts").fetch_one(&mut *asked).await;
        Ok(asked.answered::<i64>(count)?.unsigned_abs())
    }

    async fn stage(&self, id: RestoreId) -> Result<Stage, RestoreStoreError> {
        let mut asked = Asked::on(&self.pool).await?;
        let stage = stage(&mut asked, id).await?;
        asked.answered(Ok(stage))
    }

    /// A statement that makes or drops a table commits the transaction that it is in. So one connection holds the lock by
    /// which nobody takes the lease over, and another makes the tables.
    async fn prepare(
        &self,
        id: RestoreId,
        lease: &Lease,
        ranges: &[StreamRange],
        events_total: u64,
    ) -> Result<(), RestoreStoreError> {
        let mut asked = Asked::on(&self.pool).await?;
        let mut transaction = asked.begin().await.map_err(unavailable)?;
        renew(&mut transaction, id, lease, 0).await?;
        let mut making = Asked::on(&self.pool).await?;
        for set in [TableSet::Old, TableSet::Shadow] {
            tables::drop_set(&mut making, set).await?;
            // Large tables may take so long to drop that the server has let go of the lock.
            renew(&mut transaction, id, lease, 0).await?;
        }
        tables::make_shadow(&mut making, id).await?;
        making.answered(Ok(()))?;
        // Those of restores that have ended are of no more use.
        sqlx::query("DELETE FROM restore_ranges").execute(&mut *transaction).await.map_err(unavailable)?;
        for (number, range) in (0_u32..).zip(ranges) {
            sqlx::query(
                "INSERT INTO restore_ranges (restore_id, range_number, from_stream, before_stream) VALUES (?, ?, ?, ?)",
            )
            .bind(id.as_uuid())
            .bind(number)
            .bind(range.from.map(|from| from.0))
            .bind(range.before.map(|before| before.0))
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        }
        sqlx::query(
            "UPDATE restores SET is_prepared = 1, events_total = ?, events_replayed = 0, accounts_repaired = 0 \
             WHERE restore_id = ?",
        )
        .bind(events_total)
        .bind(id.as_uuid())
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
        let committed = transaction.commit().await;
        asked.answered(committed)
    }

    async fn prepare_rollback(&self, id: RestoreId, lease: &Lease) -> Result<(), RestoreStoreError> {
        let mut asked = Asked::on(&self.pool).await?;
        let mut transaction = asked.begin().await.map_err(unavailable)?;
        renew(&mut transaction, id, lease, 0).await?;
        let mut renaming = Asked::on(&self.pool).await?;
        // One that was killed in here has done so much already.
        let is_renamed = tables::is_marked(&mut renaming, TableSet::Shadow, id).await?;
        let set = if is_renamed { TableSet::Shadow } else { TableSet::Old };
        if !tables::fits(&mut renaming, set).await? {
            let reason = "no swap has put any aside, or they are of another form".to_owned();
            return Err(RestoreStoreError::NothingToBringBack { reason });
        }
        if !is_renamed {
            tables::drop_set(&mut renaming, TableSet::Shadow).await?;
            tables::mark(&mut renaming, TableSet::Old, id).await?;
            tables::rename_set(&mut renaming, TableSet::Old, TableSet::Shadow).await?;
        }
        renaming.answered(Ok(()))?;
        sqlx::query("DELETE FROM restore_ranges").execute(&mut *transaction).await.map_err(unavailable)?;
        sqlx::query("UPDATE restores SET is_prepared = 1 WHERE restore_id = ?")
            .bind(id.as_uuid())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        let committed = transaction.commit().await;
        asked.answered(committed)
    }

    async fn ranges(&self, id: RestoreId) -> Result<Vec<RangeProgress>, RestoreStoreError> {
        let mut asked = Asked::on(&self.pool).await?;
        let rows = sqlx::query("SELECT * FROM restore_ranges WHERE restore_id = ? ORDER BY range_number")
            .bind(id.as_uuid())
            .fetch_all(&mut *asked)
            .await;
        asked.answered(rows)?.iter().map(range_from).collect()
    }

    fn shadow(&self, id: RestoreId, lease: &Lease) -> Box<dyn ShadowTables> {
        Box::new(OpenShadow { read_db: self.clone(), id, lease: lease.clone() })
    }

    async fn held(&self, range: StreamRange) -> Result<RowsChecksum, RestoreStoreError> {
        held(self, range).await
    }

    async fn differing(&self, range: StreamRange) -> Result<u64, RestoreStoreError> {
        let (from, last) = bounds(range);
        let up_to = up_to(range);
        let statement = format!(
            "SELECT COUNT(*) FROM ( \
                 SELECT shadow.account_id \
                 FROM bank_accounts_shadow AS shadow \
                 LEFT JOIN bank_accounts AS live ON live.account_id = shadow.account_id \
                 WHERE shadow.account_id >= ? AND shadow.account_id {up_to} \
                   AND (live.version IS NULL OR live.version > shadow.version OR (live.version = shadow.version \
                        AND NOT (live.owner, live.holder, live.kind, live.currency, live.balance_minor, live.status, \
                                 live.opened_at_us, live.updated_at_us) \
                                <=> (shadow.owner, shadow.holder, shadow.kind, shadow.currency, shadow.balance_minor, \
                                     shadow.status, shadow.opened_at_us, shadow.updated_at_us))) \
                 UNION \
                 SELECT live.account_id \
                 FROM bank_accounts AS live \
                 LEFT JOIN bank_accounts_shadow AS shadow ON shadow.account_id = live.account_id \
                 WHERE live.account_id >= ? AND live.account_id {up_to} AND shadow.account_id IS NULL \
                 UNION \
                 SELECT line.account_id \
                 FROM statement_lines_shadow AS line \
                 JOIN bank_accounts AS live ON live.account_id = line.account_id AND live.version >= line.version \
                 LEFT JOIN statement_lines AS held \
                     ON held.account_id = line.account_id AND held.version = line.version \
                 WHERE line.account_id >= ? AND line.account_id {up_to} \
                   AND NOT (held.kind, held.currency, held.amount_minor, held.balance_after_minor, held.reference, \
                            held.occurred_at_us) \
                           <=> (line.kind, line.currency, line.amount_minor, line.balance_after_minor, line.reference, \
                                line.occurred_at_us) \
             ) AS differing"
        );
        let mut asked = Asked::on(&self.pool).await?;
        let count = sqlx::query_scalar(AssertSqlSafe(statement))
            .bind(from)
            .bind(last)
            .bind(from)
            .bind(last)
            .bind(from)
            .bind(last)
            .fetch_one(&mut *asked)
            .await;
        Ok(asked.answered::<i64>(count)?.unsigned_abs())
    }

    async fn mark_verified(
        &self,
        id: RestoreId,
        lease: &Lease,
        range_number: u32,
        differing: u64,
    ) -> Result<(), RestoreStoreError> {
        let mut asked = Asked::on(&self.pool).await?;
        let mut transaction = asked.begin().await.map_err(unavailable)?;
        renew(&mut transaction, id, lease, 0).await?;
        sqlx::query("UPDATE restore_ranges SET is_verified = TRUE WHERE restore_id = ? AND range_number = ?")
            .bind(id.as_uuid())
            .bind(range_number)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        sqlx::query("UPDATE restores SET accounts_repaired = accounts_repaired + ? WHERE restore_id = ?")
            .bind(differing)
            .bind(id.as_uuid())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        let committed = transaction.commit().await;
        asked.answered(committed)
    }

    async fn close_gate(
        &self,
        id: RestoreId,
        lease: &Lease,
        for_at_most: Duration,
    ) -> Result<Box<dyn ClosedGate>, RestoreStoreError> {
        let shadow = OpenShadow { read_db: self.clone(), id, lease: lease.clone() };
        Ok(Box::new(MySqlGate::close(shadow, for_at_most).await?))
    }

    async fn ahead_in_old(
        &self,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<Vec<(AccountId, u64)>, RestoreStoreError> {
        let mut asked = Asked::on(&self.pool).await?;
        let ahead: Result<Vec<(Uuid, u64)>, sqlx::Error> = sqlx::query_as(
            "SELECT old.account_id, old.version \
             FROM bank_accounts_old AS old LEFT JOIN bank_accounts AS live ON live.account_id = old.account_id \
             WHERE old.account_id > ? AND (live.version IS NULL OR live.version < old.version) \
             ORDER BY old.account_id LIMIT ?",
        )
        .bind(after.map_or_else(Uuid::nil, AccountId::as_uuid))
        .bind(limit)
        .fetch_all(&mut *asked)
        .await;
        let ahead = match ahead {
            Err(error) if server_error_number(&error) == Some(NO_SUCH_TABLE) => asked.answered(Ok(Vec::new()))?,
            ahead => asked.answered(ahead)?,
        };
        // An id that is none is no account's.
        Ok(ahead.into_iter().filter_map(|(id, version)| Some((AccountId::try_from(id).ok()?, version))).collect())
    }

    async fn finish(
        &self,
        id: RestoreId,
        lease: &Lease,
        status: RestoreStatus,
        failure: Option<&str>,
    ) -> Result<(), RestoreStoreError> {
        let mut asked = Asked::on(&self.pool).await?;
        let mut transaction = asked.begin().await.map_err(unavailable)?;
        renew(&mut transaction, id, lease, 0).await?;
        let row = sqlx::query("SELECT * FROM restores WHERE restore_id = ?")
            .bind(id.as_uuid())
            .fetch_one(&mut *transaction)
            .await
            .map_err(unavailable)?;
        if status == RestoreStatus::Failed {
            let mut dropping = Asked::on(&self.pool).await?;
            if tables::is_marked(&mut dropping, TableSet::Shadow, id).await? {
                if record_from(&row)?.kind == RestoreKind::Rollback {
                    tables::drop_set(&mut dropping, TableSet::Old).await?;
                    tables::rename_set(&mut dropping, TableSet::Shadow, TableSet::Old).await?;
                } else {
                    tables::drop_set(&mut dropping, TableSet::Shadow).await?;
                }
            }
            dropping.answered(Ok(()))?;
        }
        let statement =
            format!("UPDATE restores SET status = ?, failure = ?, finished_at_us = {NOW_US} WHERE restore_id = ?");
        sqlx::query(AssertSqlSafe(statement))
            .bind(status.as_str())
            .bind(failure)
            .bind(id.as_uuid())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        let committed = transaction.commit().await;
        asked.answered(committed)
    }

    async fn drop_old(&self) -> Result<(), RestoreStoreError> {
        let mut asked = Asked::on(&self.pool).await?;
        let running = sqlx::query("SELECT 1 FROM restores WHERE is_running = 1").fetch_optional(&mut *asked);
        if running.await.map_err(unavailable)?.is_some() {
            return Err(RestoreStoreError::Busy);
        }
        tables::drop_set(&mut asked, TableSet::Old).await?;
        asked.answered(Ok(()))
    }

    async fn lock_account(&self, account_id: AccountId) -> Result<Box<dyn LockedAccount>, RestoreStoreError> {
        Ok(Box::new(MySqlLockedAccount::lock(self, account_id).await?))
    }
}

async fn stage(connection: &mut MySqlConnection, id: RestoreId) -> Result<Stage, RestoreStoreError> {
    if tables::is_marked(connection, TableSet::Live, id).await? {
        return Ok(Stage::Swapped);
    }
    let is_prepared: bool = sqlx::query_scalar("SELECT is_prepared FROM restores WHERE restore_id = ?")
        .bind(id.as_uuid())
        .fetch_one(&mut *connection)
        .await
        .map_err(unavailable)?;
    let is_there = is_prepared
        && tables::is_marked(connection, TableSet::Shadow, id).await?
        && tables::fits(connection, TableSet::Shadow).await?;
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
            accounts: count("accounts")?,
            accounts_sum: count("accounts_sum")?,
            lines: count("line_count")?,
            lines_sum: count("lines_sum")?,
        },
    })
}
