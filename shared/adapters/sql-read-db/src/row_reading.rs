use async_trait::async_trait;
use cqrs::StreamId;
use projection::{
    Cell, Cells, ColumnKind, Comparison, Criterion, GroupSum, Order, ReadDbError, RowReader, Selection, Table,
};

use crate::table_sql::{self, columns_of, sum_of};
use crate::{Dialect, SqlDatabase, SqlError, SqlReadDb, SqlRow, Statement, kinds_of};

#[async_trait]
impl<D: SqlDatabase> RowReader for SqlReadDb<D> {
    async fn row(&self, table: &'static Table, stream_id: StreamId) -> Result<Option<Cells>, ReadDbError> {
        let select = table_sql::select_row(self.sql.dialect(), table, table.name);
        // The same request reads again: the lines, or the same row if the query waits for its projection.
        let rows = self.sql.read_first(Statement::new(select).with(stream_id), &kinds_of(table)).await?;
        Ok(rows.into_iter().next().map(|row| row.into_cells(table, 0)).transpose()?)
    }

    async fn select(&self, selection: &Selection) -> Result<Vec<Cells>, ReadDbError> {
        let rows = self.sql.read(select_of(self.sql.dialect(), selection)?, &kinds_of(selection.table)).await?;
        rows.into_iter().map(|row| Ok(row.into_cells(selection.table, 0)?)).collect()
    }

    async fn sums(
        &self,
        table: &'static Table,
        group: &'static str,
        amount: &'static str,
    ) -> Result<Vec<GroupSum>, ReadDbError> {
        let select = Statement::new(table_sql::sums(self.sql.dialect(), table, group, amount));
        let kinds = [ColumnKind::LongText, ColumnKind::Integer, ColumnKind::Integer, ColumnKind::Integer];
        let groups = self.sql.read(select, &kinds).await?;
        let sum = |row: &SqlRow| {
            let sum = sum_of(row.integer(2)?, row.integer(3)?);
            Ok::<_, SqlError>(GroupSum { group: row.cell(0)?.to_string(), rows: row.integer(1)?.unsigned_abs(), sum })
        };
        groups.iter().map(|row| Ok(sum(row)?)).collect()
    }
}

/// The statement holds only the criteria that are given, so that the database chooses the index that fits them.
pub(crate) fn select_of(sql: &dyn Dialect, selection: &Selection) -> Result<Statement, SqlError> {
    let table = selection.table;
    let columns = columns_of(sql, "live", table);
    let mut select = Statement::new(format!("SELECT {columns} FROM {} AS live WHERE TRUE", sql.quoted(table.name)));
    for criterion in &selection.criteria {
        select = with_criterion(sql, select, table, criterion)?;
    }
    match &selection.order {
        Order::Ascending { by, after } => select = ordered_by_two(sql, select, by, after.as_ref(), [">", ""]),
        Order::DescendingByTwo { by, after } => {
            select = ordered_by_two(sql, select, by, after.as_ref(), ["<", " DESC"])
        }
        Order::Descending { by } => select.text.push_str(&format!(" ORDER BY live.{} DESC", sql.quoted(by))),
    }
    select.text.push_str(" LIMIT ?");
    Ok(select.with(u64::from(selection.limit)))
}

/// The statement in the order of two columns. With a place, the rows up to the place are left out.
fn ordered_by_two(
    sql: &dyn Dialect,
    mut select: Statement,
    [first, second]: &[&str; 2],
    after: Option<&[Cell; 2]>,
    [is_behind, direction]: [&str; 2],
) -> Statement {
    let (first, second) = (sql.quoted(first), sql.quoted(second));
    if let Some([after_first, after_second]) = after {
        // The condition is not (first, second) > (?, ?), because neither MySQL nor MariaDB reads that from an index in
        // order.
        select.text.push_str(&format!(
            " AND live.{first} {is_behind}= ? AND (live.{first} {is_behind} ? OR live.{second} {is_behind} ?)"
        ));
        select = select.with_all([after_first.clone(), after_first.clone(), after_second.clone()]);
    }
    select.text.push_str(&format!(" ORDER BY live.{first}{direction}, live.{second}{direction}"));
    select
}

fn with_criterion(
    sql: &dyn Dialect,
    mut select: Statement,
    table: &Table,
    criterion: &Criterion,
) -> Result<Statement, SqlError> {
    let column = table.index_of(criterion.column).map(|place| &table.columns[place]);
    let column = column
        .ok_or_else(|| SqlError::Corrupt(format!("table {} declares no column {}", table.name, criterion.column)))?;
    let name = sql.quoted(column.name);
    match (&criterion.value, criterion.comparison, column.kind) {
        (Cell::Text(text), Comparison::Is, ColumnKind::LongText) => {
            let (condition, value) = sql.long_text_is("live", column.name, text);
            select.text.push_str(&format!(" AND {condition}"));
            Ok(select.with(value))
        }
        (Cell::Text(text), Comparison::Is, _) => {
            // The length is compared too: on MySQL two texts that differ only in blanks at the end count as equal.
            select.text.push_str(&format!(" AND live.{name} = ? AND OCTET_LENGTH(live.{name}) = ?"));
            let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
            Ok(select.with(&**text).with(length))
        }
        (value, comparison, _) => {
            let sign = match comparison {
                Comparison::Is => "=",
                Comparison::AtLeast => ">=",
                Comparison::AtMost => "<=",
                Comparison::Below => "<",
            };
            select.text.push_str(&format!(" AND live.{name} {sign} ?"));
            Ok(select.with(value.clone()))
        }
    }
}
