use async_trait::async_trait;
use cqrs::{Digest, StreamId};
use projection::{
    Cell, Cells, ColumnKind, Comparison, Criterion, GroupSum, Order, ReadDbError, RowReader, Selection, Table,
};
use sqlx::{AssertSqlSafe, MySql, QueryBuilder};
use tokio::time::timeout_at;

use crate::MySqlReadDb;
use crate::mysql_cells::read;
use crate::mysql_read_db::{give_back, in_time};
use crate::table_sql::{columns_of, quoted, select_row};
use crate::try_error::is_unreadable;

#[async_trait]
impl RowReader for MySqlReadDb {
    async fn row(&self, table: &'static Table, stream_id: StreamId) -> Result<Option<Cells>, ReadDbError> {
        let mut connection = self.pool.acquire().await.map_err(read_error)?;
        let select = sqlx::query(AssertSqlSafe(select_row(table))).bind(stream_id.0);
        let answer = timeout_at(self.query_deadline(), select.fetch_optional(&mut *connection)).await;
        let row = in_time(&mut connection, answer).map_err(read_error)?;
        // The connection is needed again: for the lines, or for the same row if the query waits for its projection.
        give_back(connection).await;
        row.map(|row| read(&row, table)).transpose().map_err(read_error)
    }

    async fn select(&self, selection: &Selection) -> Result<Vec<Cells>, ReadDbError> {
        let mut select = select_of(selection)?;
        let mut connection = self.pool.acquire().await.map_err(read_error)?;
        let answer = timeout_at(self.query_deadline(), select.build().fetch_all(&mut *connection)).await;
        let rows = in_time(&mut connection, answer).map_err(read_error)?;
        rows.iter().map(|row| read(row, selection.table).map_err(read_error)).collect()
    }

    /// The sums are read as texts, because no integer of the driver is as wide as a sum.
    async fn sums(
        &self,
        table: &'static Table,
        group: &'static str,
        amount: &'static str,
    ) -> Result<Vec<GroupSum>, ReadDbError> {
        let mut connection = self.pool.acquire().await.map_err(read_error)?;
        let select = sqlx::query_as(AssertSqlSafe(sums_sql(table, group, amount)));
        let answer = timeout_at(self.query_deadline(), select.fetch_all(&mut *connection)).await;
        let groups: Vec<(String, i64, String)> = in_time(&mut connection, answer).map_err(read_error)?;
        groups
            .into_iter()
            .map(|(group, rows, sum)| Ok(GroupSum { group, rows: rows.unsigned_abs(), sum: sum_of(&sum)? }))
            .collect()
    }
}

pub(crate) fn sums_sql(table: &Table, group: &str, amount: &str) -> String {
    let (group, amount) = (quoted(group), quoted(amount));
    format!(
        "SELECT {group}, COUNT(*), CAST(SUM({amount}) AS CHAR) FROM {} GROUP BY {group} ORDER BY {group}",
        quoted(table.name)
    )
}

/// The text holds only the criteria that are given, so that the server chooses the index that fits them.
pub(crate) fn select_of(selection: &Selection) -> Result<QueryBuilder<MySql>, ReadDbError> {
    let table = selection.table;
    let mut select = QueryBuilder::new(format!(
        "SELECT {} FROM {} AS live WHERE TRUE",
        columns_of("live", table),
        quoted(table.name)
    ));
    for criterion in &selection.criteria {
        push_criterion(&mut select, table, criterion)?;
    }
    match &selection.order {
        Order::Ascending { by, after } => push_order_by_two(&mut select, by, after.as_ref(), ">", ""),
        Order::DescendingByTwo { by, after } => push_order_by_two(&mut select, by, after.as_ref(), "<", " DESC"),
        Order::Descending { by } => _ = select.push(format!(" ORDER BY live.{} DESC", quoted(by))),
    }
    select.push(" LIMIT ").push_bind(selection.limit);
    Ok(select)
}

/// Orders by two columns, and leaves out the rows up to the place `after`.
fn push_order_by_two(
    select: &mut QueryBuilder<MySql>,
    [first, second]: &[&str; 2],
    after: Option<&[Cell; 2]>,
    is_behind: &str,
    direction: &str,
) {
    let (first, second) = (quoted(first), quoted(second));
    if let Some([after_first, after_second]) = after {
        // The condition is not (first, second) > (?, ?), because neither server reads that from an index in order.
        select.push(format!(" AND live.{first} {is_behind}= "));
        push_cell(select, after_first);
        select.push(format!(" AND (live.{first} {is_behind} "));
        push_cell(select, after_first);
        select.push(format!(" OR live.{second} {is_behind} "));
        push_cell(select, after_second);
        select.push(")");
    }
    select.push(format!(" ORDER BY live.{first}{direction}, live.{second}{direction}"));
}

fn push_criterion(select: &mut QueryBuilder<MySql>, table: &Table, criterion: &Criterion) -> Result<(), ReadDbError> {
    let column = table.index_of(criterion.column).map(|place| &table.columns[place]);
    let column = column.ok_or_else(|| ReadDbError::Corrupt {
        reason: format!("table {} declares no column {}", table.name, criterion.column),
    })?;
    let name = quoted(column.name);
    match (&criterion.value, criterion.comparison, column.kind) {
        (Cell::Text(text), Comparison::Is, ColumnKind::LongText) => {
            let digest = quoted(&format!("{}_digest", column.name));
            select.push(format!(" AND live.{digest} = "));
            select.push_bind(Digest::of(text.as_bytes()).as_bytes().to_vec());
        }
        (Cell::Text(text), Comparison::Is, _) => {
            // The length is compared too: two texts that differ only in blanks at the end count as equal.
            let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
            select.push(format!(" AND live.{name} = ")).push_bind(text.clone());
            select.push(format!(" AND OCTET_LENGTH(live.{name}) = ")).push_bind(length);
        }
        (value, comparison, _) => {
            let sign = match comparison {
                Comparison::Is => "=",
                Comparison::AtLeast => ">=",
                Comparison::AtMost => "<=",
                Comparison::Below => "<",
            };
            select.push(format!(" AND live.{name} {sign} "));
            push_cell(select, value);
        }
    }
    Ok(())
}

fn push_cell(select: &mut QueryBuilder<MySql>, cell: &Cell) {
    match cell {
        Cell::Null => _ = select.push("NULL"),
        Cell::Id(stream_id) => _ = select.push_bind(stream_id.0),
        Cell::Text(text) => _ = select.push_bind(text.clone()),
        Cell::Integer(integer) => _ = select.push_bind(*integer),
        Cell::Count(count) => _ = select.push_bind(*count),
    }
}

pub(crate) fn sum_of(text: &str) -> Result<i128, ReadDbError> {
    text.parse().map_err(|error: std::num::ParseIntError| ReadDbError::Corrupt { reason: error.to_string() })
}

pub(crate) fn read_error(error: sqlx::Error) -> ReadDbError {
    if is_unreadable(&error) {
        ReadDbError::Corrupt { reason: error.to_string() }
    } else {
        ReadDbError::Unavailable { source: error.into() }
    }
}
