use async_trait::async_trait;
use bank::AccountId;
use bank_read_model::BankAccountEntity;
use restore::{
    BehindAccount, ClosedGate, Lease, RangeProgress, RestoreId, RestoreStoreError, RowsChecksum, ShadowChange,
    ShadowTables,
};
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection, Transaction};

use super::tables::{self, TableSet};
use super::{corrupt, renew, unavailable};
use crate::SqliteReadDb;
use crate::sqlite_read_db::{ROWS_PER_STATEMENT, entity_from, insert_accounts_into, insert_lines_into, line_from};
use crate::version_column::version_to_column;

/// An account's id: nobody's row is one to catch up with, whatever its version.
const IS_ACCOUNT_ID: &str = "GLOB '????????-????-7???-[89ab]???-????????????'";

/// Outside of the gate: each call is by itself.
pub(super) struct OpenShadow {
    pub(super) read_db: SqliteReadDb,
    pub(super) id: RestoreId,
    pub(super) lease: Lease,
}

/// Inside: all of it is one transaction, which keeps every other writer out.
pub(super) struct SqliteGate {
    pub(super) transaction: Transaction<'static, Sqlite>,
    pub(super) id: RestoreId,
    pub(super) lease: Lease,
}

#[async_trait]
impl ShadowTables for OpenShadow {
    async fn account(&mut self, account_id: AccountId) -> Result<Option<BankAccountEntity>, RestoreStoreError> {
        account(&mut *self.read_db.database.readers.acquire().await.map_err(unavailable)?, account_id).await
    }

    async fn write(&mut self, change: &ShadowChange) -> Result<(), RestoreStoreError> {
        let mut transaction = self.read_db.database.writer.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
        write(&mut transaction, self.id, &self.lease, change).await?;
        transaction.commit().await.map_err(unavailable)
    }

    async fn behind(&mut self, after: Option<AccountId>, limit: u32) -> Result<Vec<BehindAccount>, RestoreStoreError> {
        behind(&mut *self.read_db.database.readers.acquire().await.map_err(unavailable)?, after, limit).await
    }

    async fn held_of(&mut self, accounts: &[(AccountId, u64)]) -> Result<RowsChecksum, RestoreStoreError> {
        held_of(&mut *self.read_db.database.readers.acquire().await.map_err(unavailable)?, accounts).await
    }
}

#[async_trait]
impl ShadowTables for SqliteGate {
    async fn account(&mut self, account_id: AccountId) -> Result<Option<BankAccountEntity>, RestoreStoreError> {
        account(&mut self.transaction, account_id).await
    }

    async fn write(&mut self, change: &ShadowChange) -> Result<(), RestoreStoreError> {
        write(&mut self.transaction, self.id, &self.lease, change).await
    }

    async fn behind(&mut self, after: Option<AccountId>, limit: u32) -> Result<Vec<BehindAccount>, RestoreStoreError> {
        behind(&mut self.transaction, after, limit).await
    }

    async fn held_of(&mut self, accounts: &[(AccountId, u64)]) -> Result<RowsChecksum, RestoreStoreError> {
        held_of(&mut self.transaction, accounts).await
    }
}

#[async_trait]
impl ClosedGate for SqliteGate {
    async fn swap(mut self: Box<Self>) -> Result<(), RestoreStoreError> {
        let connection = &mut *self.transaction;
        tables::drop_set(connection, TableSet::Old).await?;
        tables::rename_set(connection, TableSet::Live, TableSet::Old).await?;
        tables::rename_set(connection, TableSet::Shadow, TableSet::Live).await?;
        sqlx::query(
            "DELETE FROM early_events WHERE EXISTS (SELECT 1 FROM bank_accounts AS account \
             WHERE account.account_id = early_events.account_id AND account.version >= early_events.version)",
        )
        .execute(&mut *connection)
        .await
        .map_err(unavailable)?;
        sqlx::query("UPDATE restores SET is_swapped = 1 WHERE restore_id = ?")
            .bind(self.id.to_string())
            .execute(&mut *connection)
            .await
            .map_err(unavailable)?;
        renew(connection, self.id, &self.lease, 0).await?;
        self.transaction.commit().await.map_err(unavailable)
    }
}

async fn account(
    connection: &mut SqliteConnection,
    account_id: AccountId,
) -> Result<Option<BankAccountEntity>, RestoreStoreError> {
    let row = sqlx::query("SELECT * FROM bank_accounts_shadow WHERE account_id = ?")
        .bind(account_id.to_string())
        .fetch_optional(connection)
        .await
        .map_err(unavailable)?;
    row.as_ref().map(|row| entity_from(row).map_err(corrupt)).transpose()
}

async fn write(
    connection: &mut SqliteConnection,
    id: RestoreId,
    lease: &Lease,
    change: &ShadowChange,
) -> Result<(), RestoreStoreError> {
    let replaced: Vec<String> = change
        .accounts
        .iter()
        .filter_map(|account| account.before.as_ref().map(|before| before.account_id.to_string()))
        .collect();
    for account_ids in replaced.chunks(ROWS_PER_STATEMENT) {
        let mut delete = QueryBuilder::<Sqlite>::new("DELETE FROM bank_accounts_shadow WHERE account_id IN (");
        let mut list = delete.separated(", ");
        for account_id in account_ids {
            list.push_bind(account_id);
        }
        delete.push(")");
        delete.build().execute(&mut *connection).await.map_err(unavailable)?;
    }
    let rows: Vec<&BankAccountEntity> = change.accounts.iter().map(|account| &account.after).collect();
    insert_accounts_into(connection, "bank_accounts_shadow", &rows).await.map_err(unavailable)?;
    insert_lines_into(connection, "statement_lines_shadow", &change.lines).await.map_err(unavailable)?;
    for range in &change.ranges {
        record_range(connection, id, range).await?;
    }
    renew(connection, id, lease, change.events).await
}

async fn record_range(
    connection: &mut SqliteConnection,
    id: RestoreId,
    range: &RangeProgress,
) -> Result<(), RestoreStoreError> {
    sqlx::query(
        "UPDATE restore_ranges SET at_stream = ?, at_version = ?, is_built = ?, accounts = ?, accounts_sum = ?, \
         lines = ?, lines_sum = ? WHERE restore_id = ? AND range_number = ?",
    )
    .bind(range.at.map(|at| at.stream_id.to_string()))
    .bind(range.at.map(|at| version_to_column(at.first_version)))
    .bind(range.is_built)
    .bind(range.folded.accounts.cast_signed())
    .bind(range.folded.accounts_sum.cast_signed())
    .bind(range.folded.lines.cast_signed())
    .bind(range.folded.lines_sum.cast_signed())
    .bind(id.to_string())
    .bind(range.number)
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(unavailable)
}

async fn behind(
    connection: &mut SqliteConnection,
    after: Option<AccountId>,
    limit: u32,
) -> Result<Vec<BehindAccount>, RestoreStoreError> {
    let statement = format!(
        "WITH claims AS ( \
             SELECT * FROM ( \
                 SELECT live.account_id, live.version AS live_version, NULL AS early_version \
                 FROM bank_accounts AS live LEFT JOIN bank_accounts_shadow AS shadow USING (account_id) \
                 WHERE live.account_id > ?1 AND live.account_id {IS_ACCOUNT_ID} \
                   AND (shadow.version IS NULL OR shadow.version < live.version) \
                 ORDER BY live.account_id LIMIT ?2) \
             UNION ALL \
             SELECT * FROM ( \
                 SELECT early.account_id, NULL, MAX(early.version) \
                 FROM early_events AS early LEFT JOIN bank_accounts_shadow AS shadow USING (account_id) \
                 WHERE early.account_id > ?1 AND early.account_id {IS_ACCOUNT_ID} \
                   AND (shadow.version IS NULL OR shadow.version < early.version) \
                 GROUP BY early.account_id ORDER BY early.account_id LIMIT ?2) \
         ), claimed AS ( \
             SELECT account_id, MAX(live_version) AS live_version, MAX(early_version) AS early_version FROM claims \
             GROUP BY account_id ORDER BY account_id LIMIT ?2 \
         ) \
         SELECT claimed.account_id AS claimed_id, claimed.live_version, claimed.early_version, shadow.* \
         FROM claimed LEFT JOIN bank_accounts_shadow AS shadow USING (account_id) ORDER BY claimed.account_id"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(after.map_or_else(String::new, |after| after.to_string()))
        .bind(limit)
        .fetch_all(connection)
        .await
        .map_err(unavailable)?;
    rows.iter()
        .map(|row| {
            let version =
                |column: &str| Ok(row.try_get::<Option<i64>, _>(column).map_err(corrupt)?.map(i64::cast_unsigned));
            let is_there = row.try_get::<Option<&str>, _>("account_id").map_err(corrupt)?.is_some();
            Ok(BehindAccount {
                account_id: row.try_get::<&str, _>("claimed_id").map_err(corrupt)?.parse().map_err(corrupt)?,
                shadow: is_there.then(|| entity_from(row).map_err(corrupt)).transpose()?,
                live_version: version("live_version")?,
                early_version: version("early_version")?,
            })
        })
        .collect()
}

async fn held_of(
    connection: &mut SqliteConnection,
    accounts: &[(AccountId, u64)],
) -> Result<RowsChecksum, RestoreStoreError> {
    let mut held = RowsChecksum::default();
    for (account_id, after_version) in accounts {
        if let Some(row) = account(&mut *connection, *account_id).await? {
            held.add_account(&row);
        }
        let lines = sqlx::query("SELECT * FROM statement_lines_shadow WHERE account_id = ? AND version > ?")
            .bind(account_id.to_string())
            .bind(version_to_column(*after_version))
            .fetch_all(&mut *connection)
            .await
            .map_err(unavailable)?;
        for line in &lines {
            held.add_line(&line_from(line).map_err(corrupt)?);
        }
    }
    Ok(held)
}
