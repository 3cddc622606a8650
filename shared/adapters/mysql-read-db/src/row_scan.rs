use async_trait::async_trait;
use cqrs::{StreamId, StreamRange};
use projection::{
    Cells, GroupTotals, LINE, LinePlace, ReadDbError, RowScan, ScannedLine, ScannedRow, Table, Totals, VERSION,
};
use sqlx::AssertSqlSafe;
use tokio::time::timeout_at;
use uuid::Uuid;

use crate::MySqlReadDb;
use crate::mysql_cells::read;
use crate::mysql_read_db::in_time;
use crate::row_reading::{read_error, sum_of};
use crate::table_sql::{columns_of, quoted};

#[async_trait]
impl RowScan for MySqlReadDb {
    async fn rows(
        &self,
        table: &'static Table,
        range: StreamRange,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<ScannedRow>, ReadDbError> {
        let (from, up_to) = ends_of(range);
        let after_id = after.map_or(from, |after| after.0);
        let select = sqlx::query(AssertSqlSafe(rows_sql(table)))
            .bind(from)
            .bind(up_to)
            .bind(after_id)
            .bind(after_id)
            .bind(after.is_none())
            .bind(limit);
        let rows = self.scan(table, select).await?;
        Ok(rows.into_iter().map(|row| ScannedRow { stream_id: row.stream_id(), row: Ok(row) }).collect())
    }

    async fn lines(
        &self,
        table: &'static Table,
        range: StreamRange,
        after: Option<LinePlace>,
        limit: u32,
    ) -> Result<Vec<ScannedLine>, ReadDbError> {
        let (from, up_to) = ends_of(range);
        let after_id = after.map_or(from, |after| after.stream_id.0);
        let after_version = after.map_or(0, |after| after.version);
        let mut select =
            sqlx::query(AssertSqlSafe(lines_sql(table))).bind(after_id).bind(up_to).bind(after_id).bind(after_version);
        if table.has_line_numbers() {
            select = select.bind(after_version).bind(after.map_or(0, |after| after.line));
        }
        let lines = self.scan(table, select.bind(after.is_none()).bind(limit)).await?;
        let scanned = lines.into_iter().map(|line| ScannedLine {
            place: LinePlace { stream_id: line.stream_id(), version: line.version(), line: line.line() },
            line: Ok(line),
        });
        Ok(scanned.collect())
    }

    /// The totals come from one statement, and so from one moment. They are read as texts, because no integer of the
    /// driver is as wide as a sum.
    async fn totals(
        &self,
        rows: &'static Table,
        lines: &'static Table,
        totals: &Totals,
    ) -> Result<Vec<GroupTotals>, ReadDbError> {
        let mut connection = self.pool.acquire().await.map_err(read_error)?;
        let select = sqlx::query_as(AssertSqlSafe(totals_sql(rows, lines, totals)));
        let answer = timeout_at(self.query_deadline(), select.fetch_all(&mut *connection)).await;
        let groups: Vec<(String, String, String)> = in_time(&mut connection, answer).map_err(read_error)?;
        groups
            .into_iter()
            .map(|(group, rows, lines)| Ok(GroupTotals { group, rows_sum: sum_of(&rows)?, lines_sum: sum_of(&lines)? }))
            .collect()
    }

    /// Answers with nothing: any 16 bytes are an id in the order.
    async fn misplaced(&self, _table: &'static Table, _limit: u32) -> Result<Vec<String>, ReadDbError> {
        Ok(Vec::new())
    }
}

pub(crate) fn rows_sql(table: &Table) -> String {
    let key = quoted(table.stream_column());
    // The third condition is for the range of the index; the condition in brackets alone is no range.
    format!(
        "SELECT {} FROM {} AS live WHERE live.{key} >= ? AND live.{key} <= ? AND live.{key} >= ? \
         AND (live.{key} > ? OR ?) ORDER BY live.{key} LIMIT ?",
        columns_of("live", table),
        quoted(table.name)
    )
}

pub(crate) fn lines_sql(table: &Table) -> String {
    let (key, version) = (quoted(table.stream_column()), quoted(VERSION));
    let number = table.has_line_numbers().then(|| quoted(LINE));
    let same_event =
        number.as_ref().map_or_else(String::new, |number| format!(" OR (live.{version} = ? AND live.{number} > ?)"));
    let by_number = number.map_or_else(String::new, |number| format!(", live.{number}"));
    format!(
        "SELECT {} FROM {} AS live WHERE live.{key} >= ? AND live.{key} <= ? \
         AND (live.{key} > ? OR live.{version} > ?{same_event} OR ?) \
         ORDER BY live.{key}, live.{version}{by_number} LIMIT ?",
        columns_of("live", table),
        quoted(table.name)
    )
}

pub(crate) fn totals_sql(rows: &Table, lines: &Table, totals: &Totals) -> String {
    let Totals { group, row_amount, line_amount, line_direction, taken_off } = totals;
    let group = quoted(group);
    let amount = quoted(line_amount);
    let taken_off: Vec<String> = taken_off.iter().map(|text| format!("'{text}'")).collect();
    format!(
        "SELECT {group}, CAST(SUM(rows_amount) AS CHAR), CAST(SUM(lines_amount) AS CHAR) FROM ( \
             SELECT {group}, {} AS rows_amount, 0 AS lines_amount FROM {} \
             UNION ALL \
             SELECT {group}, 0, IF({} IN ({}), -{amount}, {amount}) FROM {} \
         ) AS both_tables GROUP BY {group} ORDER BY {group}",
        quoted(row_amount),
        quoted(rows.name),
        quoted(line_direction),
        taken_off.join(", "),
        quoted(lines.name)
    )
}

type Select<'q> = sqlx::query::Query<'q, sqlx::MySql, sqlx::mysql::MySqlArguments>;

impl MySqlReadDb {
    async fn scan(&self, table: &'static Table, select: Select<'_>) -> Result<Vec<Cells>, ReadDbError> {
        let mut connection = self.pool.acquire().await.map_err(read_error)?;
        let answer = timeout_at(self.query_deadline(), select.fetch_all(&mut *connection)).await;
        let rows = in_time(&mut connection, answer).map_err(read_error)?;
        rows.iter().map(|row| read(row, table).map_err(read_error)).collect()
    }
}

/// The first and the last id of a range, both in the range.
fn ends_of(range: StreamRange) -> (Uuid, Uuid) {
    let from = range.from.map_or(Uuid::nil(), |from| from.0);
    let up_to = range.before.map_or(Uuid::max(), |before| Uuid::from_u128(before.0.as_u128().saturating_sub(1)));
    (from, up_to)
}
