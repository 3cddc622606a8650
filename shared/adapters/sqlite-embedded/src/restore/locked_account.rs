use async_trait::async_trait;
use bank::AccountId;
use bank_read_model::{BankAccountEntity, StatementLine};
use restore::{LockedAccount, RestoreStoreError};
use sqlx::{Sqlite, Transaction};

use super::unavailable;
use crate::sqlite_read_db::{insert_accounts_into, insert_lines_into};
use crate::version_column::version_to_column;

/// An account in a transaction that keeps every other writer out.
pub(super) struct SqliteLockedAccount {
    transaction: Transaction<'static, Sqlite>,
    account_id: AccountId,
    live_version: Option<u64>,
}

impl SqliteLockedAccount {
    pub(super) async fn lock(
        mut transaction: Transaction<'static, Sqlite>,
        account_id: AccountId,
    ) -> Result<Self, RestoreStoreError> {
        let version: Option<i64> = sqlx::query_scalar("SELECT version FROM bank_accounts WHERE account_id = ?")
            .bind(account_id.to_string())
            .fetch_optional(&mut *transaction)
            .await
            .map_err(unavailable)?;
        sqlx::query("DELETE FROM statement_lines WHERE account_id = ?")
            .bind(account_id.to_string())
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        Ok(Self { transaction, account_id, live_version: version.map(i64::cast_unsigned) })
    }
}

#[async_trait]
impl LockedAccount for SqliteLockedAccount {
    fn live_version(&self) -> Option<u64> {
        self.live_version
    }

    async fn add_lines(&mut self, lines: &[StatementLine]) -> Result<(), RestoreStoreError> {
        insert_lines_into(&mut self.transaction, "statement_lines", lines).await.map_err(unavailable)
    }

    async fn finish(mut self: Box<Self>, row: Option<&BankAccountEntity>) -> Result<(), RestoreStoreError> {
        let account_id = self.account_id.to_string();
        sqlx::query("DELETE FROM bank_accounts WHERE account_id = ?")
            .bind(&account_id)
            .execute(&mut *self.transaction)
            .await
            .map_err(unavailable)?;
        if let Some(row) = row {
            insert_accounts_into(&mut self.transaction, "bank_accounts", &[row]).await.map_err(unavailable)?;
            sqlx::query("DELETE FROM early_events WHERE account_id = ? AND version <= ?")
                .bind(&account_id)
                .bind(version_to_column(row.version))
                .execute(&mut *self.transaction)
                .await
                .map_err(unavailable)?;
        }
        self.transaction.commit().await.map_err(unavailable)
    }
}
