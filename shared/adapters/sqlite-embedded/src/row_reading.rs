use async_trait::async_trait;
use cqrs::StreamId;
use projection::{Cell, Cells, Comparison, GroupSum, Order, ReadDbError, RowReader, Selection, Table};
use sqlx::AssertSqlSafe;

use crate::SqliteReadDb;
use crate::sqlite_cells::{bind_cell, columns_of, quoted, read, select_row};
use crate::sqlite_read_db::read_error;

#[async_trait]
impl RowReader for SqliteReadDb {
    async fn row(&self, table: &'static Table, stream_id: StreamId) -> Result<Option<Cells>, ReadDbError> {
        let row = sqlx::query(AssertSqlSafe(select_row(table)))
            .bind(stream_id.to_string())
            .fetch_optional(&self.database.readers)
            .await
            .map_err(read_error)?;
        row.map(|row| read(&row, table)).transpose().map_err(read_error)
    }

    async fn select(&self, selection: &Selection) -> Result<Vec<Cells>, ReadDbError> {
        let (select, values) = select_of(selection);
        let query = values.into_iter().fold(sqlx::query(AssertSqlSafe(select)), |query, value| bind_cell(query, value));
        let rows = query.bind(selection.limit).fetch_all(&self.database.readers).await.map_err(read_error)?;
        rows.iter().map(|row| read(row, selection.table).map_err(read_error)).collect()
    }

    /// The sums of SQLite have 64 bits, and end in an error beyond them. So the millions are summed apart from the
    /// rest.
    async fn sums(
        &self,
        table: &'static Table,
        group: &'static str,
        amount: &'static str,
    ) -> Result<Vec<GroupSum>, ReadDbError> {
        let groups: Vec<(String, i64, i64, i64)> = sqlx::query_as(AssertSqlSafe(sums_sql(table, group, amount)))
            .fetch_all(&self.database.readers)
            .await
            .map_err(read_error)?;
        let sum = |(group, rows, millions, rest): (String, i64, i64, i64)| GroupSum {
            group,
            rows: rows.unsigned_abs(),
            sum: sum_of(millions, rest),
        };
        Ok(groups.into_iter().map(sum).collect())
    }
}

/// The text of a selection's statement, with its values in order; the limit comes behind them.
pub(crate) fn select_of(selection: &Selection) -> (String, Vec<&Cell>) {
    let table = selection.table;
    let mut select = format!("SELECT {} FROM {} AS live WHERE TRUE", columns_of("live", table), quoted(table.name));
    let mut values = Vec::new();
    for criterion in &selection.criteria {
        let sign = match criterion.comparison {
            Comparison::Is => "=",
            Comparison::AtLeast => ">=",
            Comparison::AtMost => "<=",
            Comparison::Below => "<",
        };
        select.push_str(&format!(" AND live.{} {sign} ?", quoted(criterion.column)));
        values.push(&criterion.value);
    }
    match &selection.order {
        Order::Ascending { by, after } => {
            values.extend(after.iter().flatten());
            select.push_str(&order_by_two(by, after.is_some(), ">", ""));
        }
        Order::DescendingByTwo { by, after } => {
            values.extend(after.iter().flatten());
            select.push_str(&order_by_two(by, after.is_some(), "<", " DESC"));
        }
        Order::Descending { by } => select.push_str(&format!(" ORDER BY live.{} DESC", quoted(by))),
    }
    select.push_str(" LIMIT ?");
    (select, values)
}

/// The order by two columns. With a place, the rows up to the place are left out.
fn order_by_two([first, second]: &[&str; 2], has_place: bool, is_behind: &str, direction: &str) -> String {
    let (first, second) = (quoted(first), quoted(second));
    let behind =
        if has_place { format!(" AND (live.{first}, live.{second}) {is_behind} (?, ?)") } else { String::new() };
    format!("{behind} ORDER BY live.{first}{direction}, live.{second}{direction}")
}

pub(crate) fn sums_sql(table: &Table, group: &str, amount: &str) -> String {
    let (group, amount) = (quoted(group), quoted(amount));
    format!(
        "SELECT {group}, COUNT(*), SUM({amount} / {MILLION}), SUM({amount} % {MILLION}) FROM {} \
         GROUP BY {group} ORDER BY {group}",
        quoted(table.name)
    )
}

/// The number that is split off before a sum.
pub(crate) const MILLION: i64 = 1_000_000;

/// The sum of amounts whose millions and whose rest were summed apart.
pub(crate) fn sum_of(millions: i64, rest: i64) -> i128 {
    i128::from(millions) * i128::from(MILLION) + i128::from(rest)
}
