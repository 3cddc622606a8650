use async_trait::async_trait;
use bank_read_model::{CurrencyTotals, LinePlace, ReadDbError, RowScan, ScannedLine, ScannedRow};
use cqrs::{StreamId, StreamRange};
use tokio::time::timeout_at;
use uuid::Uuid;

use crate::MySqlReadDb;
use crate::mysql_read_db::in_time;
use crate::query_accounts::{corrupt, read_error};
use crate::rows::{AccountRow, LineRow};

#[async_trait]
impl RowScan for MySqlReadDb {
    async fn rows(
        &self,
        range: StreamRange,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<ScannedRow>, ReadDbError> {
        let (from, up_to) = ends_of(range);
        let mut connection = self.pool.acquire().await.map_err(read_error)?;
        let select = sqlx::query_as!(
            AccountRow,
            r#"SELECT account_id AS "account_id: _", owner, holder, kind, currency, balance_minor, status, version,
                      opened_at_us, updated_at_us
               FROM bank_accounts
               WHERE account_id >= ? AND account_id <= ? AND account_id >= ? AND (account_id > ? OR ?)
               ORDER BY account_id LIMIT ?"#,
            from,
            up_to,
            // For the range of the index; what is in the brackets alone is no range.
            after.map_or(from, |after| after.0),
            after.map_or(from, |after| after.0),
            after.is_none(),
            limit,
        );
        let answer = timeout_at(self.query_deadline(), select.fetch_all(&mut *connection)).await;
        let rows = in_time(&mut connection, answer).map_err(read_error)?;
        let scanned = rows.into_iter().map(|row| ScannedRow {
            stream_id: StreamId(row.account_id),
            row: row.read().map_err(|error| error.to_string()),
        });
        Ok(scanned.collect())
    }

    async fn lines(
        &self,
        range: StreamRange,
        after: Option<LinePlace>,
        limit: u32,
    ) -> Result<Vec<ScannedLine>, ReadDbError> {
        let (from, up_to) = ends_of(range);
        let after_id = after.map_or(from, |after| after.stream_id.0);
        let mut connection = self.pool.acquire().await.map_err(read_error)?;
        let select = sqlx::query_as!(
            LineRow,
            r#"SELECT account_id AS "account_id: _", version, kind, currency, amount_minor, balance_after_minor,
                      reference, occurred_at_us
               FROM statement_lines
               WHERE account_id >= ? AND account_id <= ? AND (account_id > ? OR version > ? OR ?)
               ORDER BY account_id, version LIMIT ?"#,
            after_id,
            up_to,
            after_id,
            after.map_or(0, |after| after.version),
            after.is_none(),
            limit,
        );
        let answer = timeout_at(self.query_deadline(), select.fetch_all(&mut *connection)).await;
        let rows = in_time(&mut connection, answer).map_err(read_error)?;
        let scanned = rows.into_iter().map(|row| ScannedLine {
            place: LinePlace { stream_id: StreamId(row.account_id), version: row.version },
            line: row.read().map_err(|error| error.to_string()),
        });
        Ok(scanned.collect())
    }

    /// One statement, and so one moment. As texts, since no integer of the driver's is as wide as a sum.
    async fn totals(&self) -> Result<Vec<CurrencyTotals>, ReadDbError> {
        let mut connection = self.pool.acquire().await.map_err(read_error)?;
        let select = sqlx::query!(
            r#"SELECT currency AS "currency!: String", CAST(SUM(balance_minor) AS CHAR) AS "balances_minor!: String",
                      CAST(SUM(movement_minor) AS CHAR) AS "movements_minor!: String"
               FROM (
                   SELECT currency, balance_minor, 0 AS movement_minor FROM bank_accounts
                   UNION ALL
                   SELECT currency, 0, IF(kind IN ('withdrawal', 'transfer_out'), -amount_minor, amount_minor)
                   FROM statement_lines
               ) AS both_tables
               GROUP BY currency ORDER BY currency"#
        );
        let answer = timeout_at(self.query_deadline(), select.fetch_all(&mut *connection)).await;
        let rows = in_time(&mut connection, answer).map_err(read_error)?;
        rows.into_iter()
            .map(|row| {
                let sum = |text: &str| text.parse::<i128>().map_err(|error| corrupt(error.into()));
                Ok(CurrencyTotals {
                    balances_minor: sum(&row.balances_minor)?,
                    movements_minor: sum(&row.movements_minor)?,
                    currency: row.currency,
                })
            })
            .collect()
    }

    /// Any 16 bytes are an id in the order.
    async fn misplaced(&self, _limit: u32) -> Result<Vec<String>, ReadDbError> {
        Ok(Vec::new())
    }
}

/// The first and the last id of a range, both in it.
fn ends_of(range: StreamRange) -> (Uuid, Uuid) {
    let from = range.from.map_or(Uuid::nil(), |from| from.0);
    let up_to = range.before.map_or(Uuid::max(), |before| Uuid::from_u128(before.0.as_u128().saturating_sub(1)));
    (from, up_to)
}
