use std::time::Duration;

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable as _};
use bank::AccountId;
use bank_read_model::BankAccountEntity;
use cqrs::StreamRange;
use restore::{
    BehindAccount, ClosedGate, Lease, RangeProgress, RestoreId, RestoreStoreError, RowsChecksum, ShadowChange,
    ShadowTables,
};
use sqlx::mysql::MySqlRow;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Connection as _, FromRow as _, MySql, MySqlConnection, Row as _};
use uuid::Uuid;

use super::asked::Asked;
use super::writes::{insert_accounts, insert_lines};
use super::{corrupt, renew, tables, unavailable};
use crate::MySqlReadDb;
use crate::parcels::parcels;
use crate::project_events::hex_of;
use crate::rows::AccountRow;

/// The columns of an account's row as [`RowsChecksum`] reckons with them.
const ACCOUNT_CRC: &str = "CRC32(CONCAT_WS('|', LOWER(HEX(account.account_id)), account.kind, account.currency, \
                           account.balance_minor, account.status, account.version, account.opened_at_us, \
                           account.updated_at_us, account.holder, account.owner))";
/// The same of a line.
const LINE_CRC: &str = "CRC32(CONCAT_WS('|', LOWER(HEX(line.account_id)), line.version, line.kind, line.currency, \
                        line.amount_minor, line.balance_after_minor, line.occurred_at_us, \
                        COALESCE(CONCAT('=', line.reference), '')))";
/// Whether 16 bytes are a UUIDv7, as an account's id is: nobody's row is one to catch up with, whatever its version.
const IS_ACCOUNT_ID: &str = "(ASCII(SUBSTRING(account_id, 7, 1)) & 240) = 112 \
                             AND (ASCII(SUBSTRING(account_id, 9, 1)) & 192) = 128";

/// How long queries may be kept waiting for the swap.
const MAX_RENAME_WAIT_S: u32 = 1;
/// How much longer than it is to be closed the server keeps a gate closed whose closer says nothing.
const GATE_IDLE_S: u64 = 5;

/// Outside of the gate: each call is by itself.
#[derive(Clone)]
pub(super) struct OpenShadow {
    pub(super) read_db: MySqlReadDb,
    pub(super) id: RestoreId,
    pub(super) lease: Lease,
}

/// Inside. The shadow tables are written as outside, by other connections than the gate's own: a transaction that has
/// touched them would keep them from being renamed.
pub(super) struct MySqlGate {
    /// In a transaction, which ends with the connection.
    gate: PoolConnection<MySql>,
    shadow: OpenShadow,
}

impl MySqlGate {
    pub(super) async fn close(shadow: OpenShadow, for_at_most: Duration) -> Result<Self, RestoreStoreError> {
        let mut gate = shadow.read_db.pool.acquire().await.map_err(unavailable)?;
        // Dropped, it opens the gate at once. Where this machine is gone without a word the server does so, by what it is
        // set to here: else every projector would wait for hours.
        gate.close_on_drop();
        let idle_s = for_at_most.as_secs().saturating_add(GATE_IDLE_S);
        let begin = format!("SET SESSION wait_timeout = {idle_s}; START TRANSACTION");
        sqlx::raw_sql(AssertSqlSafe(begin)).execute(&mut *gate).await.map_err(unavailable)?;
        // Waits for the projectors under way, and keeps those that come after it waiting.
        let found: Option<i8> = sqlx::query_scalar("SELECT id FROM projection_gate WHERE id = 1 FOR UPDATE")
            .fetch_optional(&mut *gate)
            .await
            .map_err(unavailable)?;
        if found.is_none() {
            return Err(corrupt("there is no row in projection_gate"));
        }
        Ok(Self { gate, shadow })
    }
}

#[async_trait]
impl ShadowTables for OpenShadow {
    async fn account(&mut self, account_id: AccountId) -> Result<Option<BankAccountEntity>, RestoreStoreError> {
        let mut asked = Asked::on(&self.read_db.pool).await?;
        let row = sqlx::query_as(
            "SELECT account_id, owner, holder, kind, currency, balance_minor, status, version, opened_at_us, \
             updated_at_us FROM bank_accounts_shadow WHERE account_id = ?",
        )
        .bind(account_id.as_uuid())
        .fetch_optional(&mut *asked)
        .await;
        asked.answered::<Option<AccountRow>>(row)?.map(|row| row.read().map_err(corrupt)).transpose()
    }

    async fn write(&mut self, change: &ShadowChange) -> Result<(), RestoreStoreError> {
        let shadow: &Self = self;
        let backoff =
            ExponentialBuilder::default().with_min_delay(Duration::from_millis(10)).with_max_times(6).with_jitter();
        (|| shadow.try_write(change))
            .retry(backoff)
            .sleep(tokio::time::sleep)
            .when(|error| matches!(error, RestoreStoreError::Busy))
            .await
    }

    async fn behind(&mut self, after: Option<AccountId>, limit: u32) -> Result<Vec<BehindAccount>, RestoreStoreError> {
        let statement = format!(
            "WITH claims AS ( \
                 SELECT * FROM ( \
                     SELECT account_id, live.version AS live_version, NULL AS early_version \
                     FROM bank_accounts AS live LEFT JOIN bank_accounts_shadow AS shadow USING (account_id) \
                     WHERE account_id > ? AND {IS_ACCOUNT_ID} \
                       AND (shadow.version IS NULL OR shadow.version < live.version) \
                     ORDER BY account_id LIMIT ?) AS of_rows \
                 UNION ALL \
                 SELECT * FROM ( \
                     SELECT account_id, NULL AS live_version, MAX(early.version) AS early_version \
                     FROM early_events AS early LEFT JOIN bank_accounts_shadow AS shadow USING (account_id) \
                     WHERE account_id > ? AND {IS_ACCOUNT_ID} \
                       AND (shadow.version IS NULL OR shadow.version < early.version) \
                     GROUP BY account_id ORDER BY account_id LIMIT ?) AS of_early_events \
             ), claimed AS ( \
                 SELECT account_id AS claimed_id, CAST(MAX(live_version) AS UNSIGNED) AS live_version, \
                        CAST(MAX(early_version) AS UNSIGNED) AS early_version \
                 FROM claims GROUP BY account_id ORDER BY account_id LIMIT ? \
             ) \
             SELECT claimed.*, shadow.account_id, shadow.owner, shadow.holder, shadow.kind, shadow.currency, \
                    shadow.balance_minor, shadow.status, shadow.version, shadow.opened_at_us, shadow.updated_at_us \
             FROM claimed LEFT JOIN bank_accounts_shadow AS shadow ON shadow.account_id = claimed.claimed_id \
             ORDER BY claimed.claimed_id"
        );
        let after = after.map_or_else(Uuid::nil, AccountId::as_uuid);
        let mut asked = Asked::on(&self.read_db.pool).await?;
        let rows = sqlx::query(AssertSqlSafe(statement))
            .bind(after)
            .bind(limit)
            .bind(after)
            .bind(limit)
            .bind(limit)
            .fetch_all(&mut *asked)
            .await;
        asked.answered(rows)?.iter().map(behind_from).collect()
    }

    async fn held_of(&mut self, accounts: &[(AccountId, u64)]) -> Result<RowsChecksum, RestoreStoreError> {
        let asked = "JSON_TABLE(?, '$[*]' COLUMNS (account_id VARCHAR(32) PATH '$[0]' ERROR ON ERROR, \
                     after_version BIGINT UNSIGNED PATH '$[1]' ERROR ON ERROR)) AS asked";
        let of_accounts = format!(
            "SELECT COUNT(*), CAST(COALESCE(SUM({ACCOUNT_CRC}), 0) AS UNSIGNED) FROM {asked} \
             STRAIGHT_JOIN bank_accounts_shadow AS account ON account.account_id = UNHEX(asked.account_id)"
        );
        let of_lines = format!(
            "SELECT COUNT(*), CAST(COALESCE(SUM({LINE_CRC}), 0) AS UNSIGNED) FROM {asked} \
             STRAIGHT_JOIN statement_lines_shadow AS line \
                 ON line.account_id = UNHEX(asked.account_id) AND line.version > asked.after_version"
        );
        let mut held = RowsChecksum::default();
        let rows = accounts.iter().map(|(account_id, after)| (hex_of(account_id.as_uuid()), after));
        for parcel in parcels(rows) {
            let (accounts, accounts_sum) = self.sums(&of_accounts, &parcel.json).await?;
            let (lines, lines_sum) = self.sums(&of_lines, &parcel.json).await?;
            held.accounts += accounts;
            held.accounts_sum = held.accounts_sum.wrapping_add(accounts_sum);
            held.lines += lines;
            held.lines_sum = held.lines_sum.wrapping_add(lines_sum);
        }
        Ok(held)
    }
}

#[async_trait]
impl ShadowTables for MySqlGate {
    async fn account(&mut self, account_id: AccountId) -> Result<Option<BankAccountEntity>, RestoreStoreError> {
        self.shadow.account(account_id).await
    }

    async fn write(&mut self, change: &ShadowChange) -> Result<(), RestoreStoreError> {
        self.shadow.write(change).await
    }

    async fn behind(&mut self, after: Option<AccountId>, limit: u32) -> Result<Vec<BehindAccount>, RestoreStoreError> {
        self.shadow.behind(after, limit).await
    }

    async fn held_of(&mut self, accounts: &[(AccountId, u64)]) -> Result<RowsChecksum, RestoreStoreError> {
        self.shadow.held_of(accounts).await
    }
}

#[async_trait]
impl ClosedGate for MySqlGate {
    /// A connection of its own renames: a statement that makes, drops or renames a table commits the transaction that it
    /// is in, and would open the gate before it is done.
    async fn swap(mut self: Box<Self>) -> Result<(), RestoreStoreError> {
        let mut renaming = self.shadow.read_db.pool.acquire().await.map_err(unavailable)?;
        // What it is set to is this swap's.
        renaming.close_on_drop();
        let short_wait = format!("SET SESSION lock_wait_timeout = {MAX_RENAME_WAIT_S}");
        sqlx::raw_sql(AssertSqlSafe(short_wait)).execute(&mut *renaming).await.map_err(unavailable)?;
        // Also shows that the gate's connection, and so its lock, is there.
        renew(&mut self.gate, self.shadow.id, &self.shadow.lease, 0).await?;
        // It fails where tables are in the way that were put aside. Nobody drops them here: by now they may be those of
        // another, who has swapped meanwhile.
        tables::swap(&mut renaming).await?;
        sqlx::query(
            "DELETE early FROM early_events AS early JOIN bank_accounts AS account \
             ON account.account_id = early.account_id AND account.version >= early.version",
        )
        .execute(&mut *self.gate)
        .await
        .map_err(unavailable)?;
        sqlx::raw_sql("COMMIT").execute(&mut *self.gate).await.map(|_| ()).map_err(unavailable)
    }
}

impl OpenShadow {
    async fn try_write(&self, change: &ShadowChange) -> Result<(), RestoreStoreError> {
        let mut asked = Asked::on(&self.read_db.pool).await?;
        let mut transaction = asked.begin().await.map_err(unavailable)?;
        let replaced: Vec<String> = change
            .accounts
            .iter()
            .filter_map(|account| account.before.as_ref().map(|before| hex_of(before.account_id.as_uuid())))
            .collect();
        for parcel in parcels(replaced) {
            sqlx::query(
                "DELETE shadow FROM JSON_TABLE(?, '$[*]' COLUMNS (account_id VARCHAR(32) PATH '$' ERROR ON ERROR)) \
                 AS replaced STRAIGHT_JOIN bank_accounts_shadow AS shadow \
                 ON shadow.account_id = UNHEX(replaced.account_id)",
            )
            .bind(parcel.json)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        }
        let rows: Vec<&BankAccountEntity> = change.accounts.iter().map(|account| &account.after).collect();
        insert_accounts(&mut transaction, "bank_accounts_shadow", &rows).await.map_err(unavailable)?;
        insert_lines(&mut transaction, "statement_lines_shadow", &change.lines).await.map_err(unavailable)?;
        for range in &change.ranges {
            record_range(&mut transaction, self.id, range).await?;
        }
        // Last: its lock is what the pages that are written side by side have in common.
        renew(&mut transaction, self.id, &self.lease, change.events).await?;
        let committed = transaction.commit().await;
        asked.answered(committed)
    }

    async fn sums(&self, statement: &str, json: &str) -> Result<(u64, u64), RestoreStoreError> {
        let mut asked = Asked::on(&self.read_db.pool).await?;
        let sums = sqlx::query_as(AssertSqlSafe(statement.to_owned())).bind(json).fetch_one(&mut *asked).await;
        let (count, sum) = asked.answered::<(i64, u64)>(sums)?;
        Ok((count.unsigned_abs(), sum))
    }
}

async fn record_range(
    connection: &mut MySqlConnection,
    id: RestoreId,
    range: &RangeProgress,
) -> Result<(), RestoreStoreError> {
    sqlx::query(
        "UPDATE restore_ranges SET at_stream = ?, at_version = ?, is_built = ?, accounts = ?, accounts_sum = ?, \
         line_count = ?, lines_sum = ? WHERE restore_id = ? AND range_number = ?",
    )
    .bind(range.at.map(|at| at.stream_id.0))
    .bind(range.at.map(|at| at.first_version))
    .bind(range.is_built)
    .bind(range.folded.accounts)
    .bind(range.folded.accounts_sum)
    .bind(range.folded.lines)
    .bind(range.folded.lines_sum)
    .bind(id.as_uuid())
    .bind(range.number)
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(unavailable)
}

fn behind_from(row: &MySqlRow) -> Result<BehindAccount, RestoreStoreError> {
    let claimed_id: Uuid = row.try_get("claimed_id").map_err(corrupt)?;
    let is_there = row.try_get::<Option<Uuid>, _>("account_id").map_err(corrupt)?.is_some();
    let shadow = is_there.then(|| AccountRow::from_row(row).map_err(corrupt)?.read().map_err(corrupt)).transpose()?;
    Ok(BehindAccount {
        account_id: AccountId::try_from(claimed_id).map_err(corrupt)?,
        shadow,
        live_version: row.try_get("live_version").map_err(corrupt)?,
        early_version: row.try_get("early_version").map_err(corrupt)?,
    })
}

/// What the shadow tables hold of a range. The server reckons: the rows stay where they are.
pub(super) async fn held(read_db: &MySqlReadDb, range: StreamRange) -> Result<RowsChecksum, RestoreStoreError> {
    let mut held = RowsChecksum::default();
    for (table, name, crc) in
        [("bank_accounts_shadow", "account", ACCOUNT_CRC), ("statement_lines_shadow", "line", LINE_CRC)]
    {
        let statement = format!(
            "SELECT COUNT(*), CAST(COALESCE(SUM({crc}), 0) AS UNSIGNED) FROM {table} AS {name} \
             WHERE {name}.account_id >= ? AND {name}.account_id {}",
            up_to(range)
        );
        let (from, last) = bounds(range);
        let mut asked = Asked::on(&read_db.pool).await?;
        let sums = sqlx::query_as(AssertSqlSafe(statement)).bind(from).bind(last).fetch_one(&mut *asked).await;
        let (count, sum) = asked.answered::<(i64, u64)>(sums)?;
        if name == "account" {
            (held.accounts, held.accounts_sum) = (count.unsigned_abs(), sum);
        } else {
            (held.lines, held.lines_sum) = (count.unsigned_abs(), sum);
        }
    }
    Ok(held)
}

/// A range that has no end reaches to the last of all ids.
pub(super) fn bounds(range: StreamRange) -> (Uuid, Uuid) {
    (range.from.map_or_else(Uuid::nil, |from| from.0), range.before.map_or_else(Uuid::max, |before| before.0))
}

pub(super) const fn up_to(range: StreamRange) -> &'static str {
    if range.before.is_some() { "< ?" } else { "<= ?" }
}
