use async_trait::async_trait;
use cqrs::{StreamId, StreamRange};
use projection::{GroupTotals, LINE, LinePlace, ReadDbError, RowScan, ScannedLine, ScannedRow, Table, Totals, VERSION};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _};
use uuid::Uuid;

use crate::SqliteReadDb;
use crate::row_reading::{MILLION, sum_of};
use crate::sqlite_cells::{columns_of, has_a_place, quoted, read_behind};
use crate::sqlite_read_db::read_error;
use crate::version_column::version_to_column;

#[async_trait]
impl RowScan for SqliteReadDb {
    async fn rows(
        &self,
        table: &'static Table,
        range: StreamRange,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<ScannedRow>, ReadDbError> {
        let rows = sqlx::query(AssertSqlSafe(rows_sql(table)))
            .bind(range.from.map_or_else(String::new, |from| from.to_string()))
            .bind(after.map_or_else(String::new, |after| after.to_string()))
            .bind(before_text(range))
            .bind(limit)
            .fetch_all(&self.database.readers)
            .await
            .map_err(read_error)?;
        rows.iter()
            .map(|row| {
                let cells = read_behind(row, table, 1).map_err(|error| error.to_string());
                Ok(ScannedRow { stream_id: stream_id_of(row)?, row: cells })
            })
            .collect()
    }

    async fn lines(
        &self,
        table: &'static Table,
        range: StreamRange,
        after: Option<LinePlace>,
        limit: u32,
    ) -> Result<Vec<ScannedLine>, ReadDbError> {
        // A version below zero is never reached.
        let (after_id, after_version, after_line) = match after {
            Some(LinePlace { stream_id, version, line }) => {
                (stream_id.to_string(), version_to_column(version), version_to_column(line))
            }
            None => (range.from.map_or_else(String::new, |from| from.to_string()), i64::MIN, i64::MIN),
        };
        let rows = sqlx::query(AssertSqlSafe(lines_sql(table)))
            .bind(after_id)
            .bind(after_version)
            .bind(after_line)
            .bind(before_text(range))
            .bind(limit)
            .fetch_all(&self.database.readers)
            .await
            .map_err(read_error)?;
        rows.iter()
            .map(|row| {
                let count = |place: usize| row.try_get::<i64, _>(place).map(i64::unsigned_abs).map_err(read_error);
                let place = LinePlace { stream_id: stream_id_of(row)?, version: count(1)?, line: count(2)? };
                Ok(ScannedLine { place, line: read_behind(row, table, 3).map_err(|error| error.to_string()) })
            })
            .collect()
    }

    /// The totals come from one statement, and so from one moment.
    async fn totals(
        &self,
        rows: &'static Table,
        lines: &'static Table,
        totals: &Totals,
    ) -> Result<Vec<GroupTotals>, ReadDbError> {
        let groups: Vec<(String, i64, i64, i64, i64)> = sqlx::query_as(AssertSqlSafe(totals_sql(rows, lines, totals)))
            .fetch_all(&self.database.readers)
            .await
            .map_err(read_error)?;
        let totals = |(group, row_millions, row_rest, line_millions, line_rest)| GroupTotals {
            group,
            rows_sum: sum_of(row_millions, row_rest),
            lines_sum: sum_of(line_millions, line_rest),
        };
        Ok(groups.into_iter().map(totals).collect())
    }

    async fn misplaced(&self, table: &'static Table, limit: u32) -> Result<Vec<String>, ReadDbError> {
        sqlx::query_scalar(AssertSqlSafe(misplaced_sql(table)))
            .bind(limit)
            .fetch_all(&self.database.readers)
            .await
            .map_err(read_error)
    }
}

pub(crate) fn rows_sql(table: &Table) -> String {
    let key = format!("live.{}", quoted(table.stream_column()));
    format!(
        "SELECT {key}, {} FROM {} AS live WHERE {key} >= ?1 AND {key} > ?2 AND {key} < ?3 AND {} \
         ORDER BY {key} LIMIT ?4",
        columns_of("live", table),
        quoted(table.name),
        has_a_place(&key)
    )
}

pub(crate) fn lines_sql(table: &Table) -> String {
    let key = format!("live.{}", quoted(table.stream_column()));
    let version = format!("live.{}", quoted(VERSION));
    let number = format!("live.{}", quoted(LINE));
    let (selected, by, after_text) = if table.has_line_numbers() {
        (number.clone(), format!("{key}, {version}, {number}"), "(?1, ?2, ?3)")
    } else {
        ("0".to_owned(), format!("{key}, {version}"), "(?1, ?2)")
    };
    format!(
        "SELECT {key}, {version}, {selected}, {} FROM {} AS live \
         WHERE ({by}) > {after_text} AND {key} < ?4 AND {} AND {version} >= 0 ORDER BY {by} LIMIT ?5",
        columns_of("live", table),
        quoted(table.name),
        has_a_place(&key)
    )
}

pub(crate) fn totals_sql(rows: &Table, lines: &Table, totals: &Totals) -> String {
    let Totals { group, row_amount, line_amount, line_direction, taken_off } = totals;
    let (group, row_amount, amount) = (quoted(group), quoted(row_amount), quoted(line_amount));
    let taken_off: Vec<String> = taken_off.iter().map(|text| format!("'{text}'")).collect();
    format!(
        "SELECT {group}, SUM(row_millions), SUM(row_rest), SUM(line_millions), SUM(line_rest) FROM ( \
             SELECT {group}, {row_amount} / {MILLION} AS row_millions, {row_amount} % {MILLION} AS row_rest, \
                    0 AS line_millions, 0 AS line_rest \
             FROM {} \
             UNION ALL \
             SELECT {group}, 0, 0, sign * ({amount} / {MILLION}), sign * ({amount} % {MILLION}) \
             FROM (SELECT {group}, {amount}, iif({} IN ({}), -1, 1) AS sign FROM {}) \
         ) GROUP BY {group} ORDER BY {group}",
        quoted(rows.name),
        quoted(line_direction),
        taken_off.join(", "),
        quoted(lines.name)
    )
}

pub(crate) fn misplaced_sql(table: &Table) -> String {
    let key = quoted(table.stream_column());
    format!(
        "SELECT 'a row of {name} is of the stream ' || quote({key}) || ', version ' || {version} FROM {table} \
         WHERE NOT ({place} AND {version} >= 0) LIMIT ?",
        name = table.name,
        version = quoted(VERSION),
        table = quoted(table.name),
        place = has_a_place(&key)
    )
}

/// The end of a range as text. `~` sorts after every digit.
fn before_text(range: StreamRange) -> String {
    range.before.map_or_else(|| "~".to_owned(), |before| before.to_string())
}

fn stream_id_of(row: &SqliteRow) -> Result<StreamId, ReadDbError> {
    let stream_id: String = row.try_get(0).map_err(read_error)?;
    Uuid::try_parse(&stream_id).map(StreamId).map_err(|error| read_error(sqlx::Error::Decode(error.into())))
}
