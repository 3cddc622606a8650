use async_trait::async_trait;
use restore::{Lease, LeaseAnswer, RestoreId, RestoreLeases, RestoreStoreError};
use sqlx::Row as _;

use super::register::record_from;
use super::{corrupt, lease_end_us, now_us, renew_lease, unavailable};
use crate::SqliteReadDb;

#[async_trait]
impl RestoreLeases for SqliteReadDb {
    async fn take_lease(&self, lease: &Lease) -> Result<LeaseAnswer, RestoreStoreError> {
        // Mostly no restore runs, and this query shows it without the write lock.
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
        renew_lease(&mut *self.database.writer.acquire().await.map_err(unavailable)?, id, lease, 0).await
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
}
