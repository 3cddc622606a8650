use async_trait::async_trait;
use restore::{Lease, LeaseAnswer, RestoreId, RestoreLeases, RestoreStoreError};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use super::register::record_from;
use super::restoring_connection::RestoringConnection;
use super::{NOW_US, corrupt, lease_us, renew_lease, unavailable};
use crate::MySqlReadDb;

#[async_trait]
impl RestoreLeases for MySqlReadDb {
    async fn take_lease(&self, lease: &Lease) -> Result<LeaseAnswer, RestoreStoreError> {
        // Mostly no restore runs, and this query shows it without a lock.
        let running =
            format!("SELECT restores.*, lease_until_us > {NOW_US} AS is_held FROM restores WHERE is_running = 1");
        let mut connection = RestoringConnection::of(&self.pool).await?;
        let row = sqlx::query(AssertSqlSafe(running.clone())).fetch_optional(&mut *connection).await;
        if connection.answered(row)?.is_none() {
            return Ok(LeaseAnswer::NothingToDo);
        }
        let mut connection = RestoringConnection::of(&self.pool).await?;
        let mut transaction = connection.begin().await.map_err(unavailable)?;
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
        connection.answered(committed)?;
        Ok(LeaseAnswer::Taken(record))
    }

    async fn renew_lease(&self, id: RestoreId, lease: &Lease) -> Result<(), RestoreStoreError> {
        let mut connection = RestoringConnection::of(&self.pool).await?;
        renew_lease(&mut connection, id, lease, 0).await?;
        connection.answered(Ok(()))
    }

    async fn release_lease(&self, id: RestoreId, lease: &Lease) -> Result<(), RestoreStoreError> {
        let mut connection = RestoringConnection::of(&self.pool).await?;
        let released = sqlx::query("UPDATE restores SET lease_until_us = 0 WHERE restore_id = ? AND lease_holder = ?")
            .bind(id.as_uuid())
            .bind(&lease.holder)
            .execute(&mut *connection)
            .await;
        connection.answered(released.map(|_| ()))
    }
}
