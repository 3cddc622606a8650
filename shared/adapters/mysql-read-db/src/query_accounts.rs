use async_trait::async_trait;
use bank::AccountId;
use bank_read_model::{
    AccountFilter, AccountsPage, BankAccountEntity, BankAccountRepository, ReadDbError, StatementFilter, StatementLine,
    StatementPage,
};
use cqrs::Digest;
use sqlx::{MySql, QueryBuilder};
use tokio::time::timeout_at;

use crate::MySqlReadDb;
use crate::mysql_read_db::{give_back, in_time};
use crate::rows::{AccountRow, LineRow};

#[async_trait]
impl BankAccountRepository for MySqlReadDb {
    async fn account(&self, account_id: AccountId) -> Result<Option<BankAccountEntity>, ReadDbError> {
        let mut connection = self.pool.acquire().await.map_err(read_error)?;
        let select = sqlx::query_as!(
            AccountRow,
            r#"SELECT account_id AS "account_id: _", owner, holder, kind, currency, balance_minor, status, version,
                      opened_at_us, updated_at_us
               FROM bank_accounts WHERE account_id = ?"#,
            account_id.as_uuid(),
        );
        let answer = timeout_at(self.query_deadline(), select.fetch_optional(&mut *connection)).await;
        let row = in_time(&mut connection, answer).map_err(read_error)?;
        // A statement is asked for next, or the same account again where its projection is waited for.
        give_back(connection).await;
        row.map(|row| row.read().map_err(corrupt)).transpose()
    }

    async fn accounts(
        &self,
        filter: &AccountFilter,
        page: AccountsPage,
    ) -> Result<Vec<BankAccountEntity>, ReadDbError> {
        let mut select = select_accounts(filter, page);
        let mut connection = self.pool.acquire().await.map_err(read_error)?;
        let select = select.build_query_as::<AccountRow>();
        let answer = timeout_at(self.query_deadline(), select.fetch_all(&mut *connection)).await;
        let rows = in_time(&mut connection, answer).map_err(read_error)?;
        rows.into_iter().map(|row| row.read().map_err(corrupt)).collect()
    }

    async fn statement(
        &self,
        account_id: AccountId,
        filter: StatementFilter,
        page: StatementPage,
    ) -> Result<Vec<StatementLine>, ReadDbError> {
        let mut connection = self.pool.acquire().await.map_err(read_error)?;
        // A bound that is not given is one that everything is within, so that the text is always the same.
        let select = sqlx::query_as!(
            LineRow,
            r#"SELECT account_id AS "account_id: _", version, kind, currency, amount_minor, balance_after_minor,
                      reference, occurred_at_us
               FROM statement_lines
               WHERE account_id = ? AND version < ? AND occurred_at_us >= ? AND occurred_at_us < ?
               ORDER BY version DESC LIMIT ?"#,
            account_id.as_uuid(),
            page.before_version.unwrap_or(u64::MAX),
            filter.from.map_or(i64::MIN, |from| from.unix_micros()),
            filter.to.map_or(i64::MAX, |to| to.unix_micros()),
            page.limit,
        );
        let answer = timeout_at(self.query_deadline(), select.fetch_all(&mut *connection)).await;
        let rows = in_time(&mut connection, answer).map_err(read_error)?;
        rows.into_iter().map(|row| row.read().map_err(corrupt)).collect()
    }

    async fn ping(&self) -> Result<(), ReadDbError> {
        let mut connection = self.pool.acquire().await.map_err(read_error)?;
        let select = sqlx::query!("SELECT version FROM bank_accounts LIMIT 1");
        let answer = timeout_at(self.query_deadline(), select.fetch_optional(&mut *connection)).await;
        in_time(&mut connection, answer).map(|_| ()).map_err(read_error)
    }
}

/// Only the criteria that are given are in the text, so that the server chooses the index that fits them.
fn select_accounts(filter: &AccountFilter, page: AccountsPage) -> QueryBuilder<MySql> {
    let mut select = QueryBuilder::new(
        "SELECT account_id, owner, holder, kind, currency, balance_minor, status, version, opened_at_us, \
         updated_at_us FROM bank_accounts WHERE TRUE",
    );
    if let Some(owner) = &filter.owner {
        select.push(" AND owner_digest = ").push_bind(Digest::of(owner.as_bytes()).as_bytes().to_vec());
    }
    if let Some(holder) = &filter.holder {
        // Beside the holder its length, for two texts that differ in blanks at the end count as equal.
        let length = u64::try_from(holder.len()).unwrap_or(u64::MAX);
        select.push(" AND holder = ").push_bind(holder.clone());
        select.push(" AND OCTET_LENGTH(holder) = ").push_bind(length);
    }
    if let Some(currency) = filter.currency {
        select.push(" AND currency = ").push_bind(currency.code());
    }
    if let Some(kind) = filter.kind {
        select.push(" AND kind = ").push_bind(kind.as_str());
    }
    if let Some(status) = filter.status {
        select.push(" AND status = ").push_bind(status.as_str());
    }
    if let Some(at_least_minor) = filter.balance_at_least_minor {
        select.push(" AND balance_minor >= ").push_bind(at_least_minor);
    }
    if let Some(at_most_minor) = filter.balance_at_most_minor {
        select.push(" AND balance_minor <= ").push_bind(at_most_minor);
    }
    if let Some(after) = page.after {
        // Not (opened_at_us, account_id) > (?, ?), which neither server reads from an index in order.
        let opened_at_us = after.opened_at.unix_micros();
        select.push(" AND opened_at_us >= ").push_bind(opened_at_us);
        select.push(" AND (opened_at_us > ").push_bind(opened_at_us);
        select.push(" OR account_id > ").push_bind(after.account_id.as_uuid()).push(")");
    }
    select.push(" ORDER BY opened_at_us, account_id LIMIT ").push_bind(page.limit);
    select
}

pub(crate) fn read_error(error: sqlx::Error) -> ReadDbError {
    match error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => corrupt(error.into()),
        _ => ReadDbError::Unavailable { source: error.into() },
    }
}

pub(crate) fn corrupt(error: Box<dyn std::error::Error + Send + Sync>) -> ReadDbError {
    ReadDbError::Corrupt { reason: error.to_string() }
}
