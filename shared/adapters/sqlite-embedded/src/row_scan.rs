use async_trait::async_trait;
use bank_read_model::{CurrencyTotals, LinePlace, ReadDbError, RowScan, ScannedLine, ScannedRow};
use cqrs::{StreamId, StreamRange};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use crate::SqliteReadDb;
use crate::sqlite_read_db::{entity_from, line_from, read_error};
use crate::version_column::version_to_column;

/// Whether a row has its place in the order: its account's id is written as every UUID is.
const HAS_A_PLACE: &str = "(account_id GLOB '????????-????-????-????-????????????' \
                           AND account_id NOT GLOB '*[^0-9a-f-]*' AND length(replace(account_id, '-', '')) = 32)";

/// SQLite's sums are of 64 bits, and end in an error past them: so the millions apart from the rest.
const TOTALS: &str = "
    SELECT currency, SUM(balance_millions), SUM(balance_rest), SUM(movement_millions), SUM(movement_rest) FROM (
        SELECT currency, balance_minor / 1000000 AS balance_millions, balance_minor % 1000000 AS balance_rest,
               0 AS movement_millions, 0 AS movement_rest
        FROM bank_accounts
        UNION ALL
        SELECT currency, 0, 0, sign * (amount_minor / 1000000), sign * (amount_minor % 1000000)
        FROM (SELECT currency, amount_minor, iif(kind IN ('withdrawal', 'transfer_out'), -1, 1) AS sign
              FROM statement_lines)
    )
    GROUP BY currency ORDER BY currency";

#[async_trait]
impl RowScan for SqliteReadDb {
    async fn rows(
        &self,
        range: StreamRange,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<ScannedRow>, ReadDbError> {
        let statement = format!(
            "SELECT * FROM bank_accounts WHERE account_id >= ?1 AND account_id > ?2 AND account_id < ?3 \
             AND {HAS_A_PLACE} ORDER BY account_id LIMIT ?4"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(range.from.map_or_else(String::new, |from| from.to_string()))
            .bind(after.map_or_else(String::new, |after| after.to_string()))
            .bind(before_text(range))
            .bind(limit)
            .fetch_all(&self.database.readers)
            .await
            .map_err(read_error)?;
        rows.iter()
            .map(|row| {
                Ok(ScannedRow {
                    stream_id: stream_id_of(row)?,
                    row: entity_from(row).map_err(|error| error.to_string()),
                })
            })
            .collect()
    }

    async fn lines(
        &self,
        range: StreamRange,
        after: Option<LinePlace>,
        limit: u32,
    ) -> Result<Vec<ScannedLine>, ReadDbError> {
        // A version below nothing would never be seen.
        let after = after.map(|after| (after.stream_id.to_string(), version_to_column(after.version)));
        let (after_id, after_version) =
            after.unwrap_or_else(|| (range.from.map_or_else(String::new, |from| from.to_string()), i64::MIN));
        let statement = format!(
            "SELECT * FROM statement_lines WHERE (account_id, version) > (?1, ?2) AND account_id < ?3 \
             AND {HAS_A_PLACE} AND version >= 0 ORDER BY account_id, version LIMIT ?4"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(after_id)
            .bind(after_version)
            .bind(before_text(range))
            .bind(limit)
            .fetch_all(&self.database.readers)
            .await
            .map_err(read_error)?;
        rows.iter()
            .map(|row| {
                let version: i64 = row.try_get("version").map_err(read_error)?;
                Ok(ScannedLine {
                    place: LinePlace { stream_id: stream_id_of(row)?, version: version.unsigned_abs() },
                    line: line_from(row).map_err(|error| error.to_string()),
                })
            })
            .collect()
    }

    /// One statement, and so one moment.
    async fn totals(&self) -> Result<Vec<CurrencyTotals>, ReadDbError> {
        let rows = sqlx::query(TOTALS).fetch_all(&self.database.readers).await.map_err(read_error)?;
        rows.iter()
            .map(|row| {
                let part = |index: usize| row.try_get::<i64, _>(index).map(i128::from).map_err(read_error);
                Ok(CurrencyTotals {
                    currency: row.try_get(0).map_err(read_error)?,
                    balances_minor: part(1)? * 1_000_000 + part(2)?,
                    movements_minor: part(3)? * 1_000_000 + part(4)?,
                })
            })
            .collect()
    }

    async fn misplaced(&self, limit: u32) -> Result<Vec<String>, ReadDbError> {
        let statement = format!(
            "SELECT 'a row is of the account ' || quote(account_id) FROM bank_accounts WHERE NOT {HAS_A_PLACE} \
             UNION ALL \
             SELECT 'a statement line is of the account ' || quote(account_id) || ', version ' || version \
             FROM statement_lines WHERE NOT ({HAS_A_PLACE} AND version >= 0) LIMIT ?"
        );
        sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .bind(limit)
            .fetch_all(&self.database.readers)
            .await
            .map_err(read_error)
    }
}

/// The end of a range as text; `~` is behind every digit.
fn before_text(range: StreamRange) -> String {
    range.before.map_or_else(|| "~".to_owned(), |before| before.to_string())
}

fn stream_id_of(row: &SqliteRow) -> Result<StreamId, ReadDbError> {
    let account_id: String = row.try_get("account_id").map_err(read_error)?;
    Uuid::try_parse(&account_id).map(StreamId).map_err(|error| read_error(sqlx::Error::Decode(error.into())))
}
