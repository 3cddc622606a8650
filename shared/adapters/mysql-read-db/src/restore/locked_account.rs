use async_trait::async_trait;
use bank::AccountId;
use bank_read_model::{BankAccountEntity, StatementLine};
use restore::{LockedAccount, RestoreStoreError};
use sqlx::MySql;
use sqlx::pool::PoolConnection;

use super::writes::{insert_accounts, insert_lines};
use super::{corrupt, unavailable};
use crate::MySqlReadDb;
use crate::parcels::parcels;
use crate::project_events::{TryError, hex_of, lock_accounts, pass_the_gate};

/// An account in a transaction that has locked it as a projector's does.
pub(super) struct MySqlLockedAccount {
    /// In a transaction, which ends with the connection.
    connection: PoolConnection<MySql>,
    account_id: AccountId,
    live_version: Option<u64>,
}

fn lock_error(error: TryError) -> RestoreStoreError {
    match error {
        TryError::LostRace(error) | TryError::Unavailable(error) => unavailable(error),
        TryError::Contradicted(_) | TryError::Corrupt(_) => corrupt(error),
    }
}

impl MySqlLockedAccount {
    pub(super) async fn lock(read_db: &MySqlReadDb, account_id: AccountId) -> Result<Self, RestoreStoreError> {
        let mut connection = read_db.pool.acquire().await.map_err(unavailable)?;
        // Dropped halfway, nothing that comes on it is for another.
        connection.close_on_drop();
        sqlx::raw_sql("START TRANSACTION").execute(&mut *connection).await.map_err(unavailable)?;
        pass_the_gate(&mut connection).await.map_err(lock_error)?;
        for parcel in &parcels([hex_of(account_id.as_uuid())]) {
            lock_accounts(&mut connection, parcel).await.map_err(lock_error)?;
        }
        let live_version: Option<u64> = sqlx::query_scalar("SELECT version FROM bank_accounts WHERE account_id = ?")
            .bind(account_id.as_uuid())
            .fetch_optional(&mut *connection)
            .await
            .map_err(unavailable)?;
        sqlx::query("DELETE FROM statement_lines WHERE account_id = ?")
            .bind(account_id.as_uuid())
            .execute(&mut *connection)
            .await
            .map_err(unavailable)?;
        Ok(Self { connection, account_id, live_version })
    }
}

#[async_trait]
impl LockedAccount for MySqlLockedAccount {
    fn live_version(&self) -> Option<u64> {
        self.live_version
    }

    async fn add_lines(&mut self, lines: &[StatementLine]) -> Result<(), RestoreStoreError> {
        insert_lines(&mut self.connection, "statement_lines", lines).await.map_err(unavailable)
    }

    async fn finish(mut self: Box<Self>, row: Option<&BankAccountEntity>) -> Result<(), RestoreStoreError> {
        let account_id = self.account_id.as_uuid();
        sqlx::query("DELETE FROM bank_accounts WHERE account_id = ?")
            .bind(account_id)
            .execute(&mut *self.connection)
            .await
            .map_err(unavailable)?;
        if let Some(row) = row {
            insert_accounts(&mut self.connection, "bank_accounts", &[row]).await.map_err(unavailable)?;
            sqlx::query("DELETE FROM early_events WHERE account_id = ? AND version <= ?")
                .bind(account_id)
                .bind(row.version)
                .execute(&mut *self.connection)
                .await
                .map_err(unavailable)?;
        }
        sqlx::raw_sql("COMMIT").execute(&mut *self.connection).await.map(|_| ()).map_err(unavailable)
    }
}
