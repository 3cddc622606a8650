use projection::{Cell, Cells, Table};
use sqlx::{MySql, MySqlConnection, QueryBuilder};

use crate::table_sql::quoted;

/// The number of values of one statement. The servers' limit is 65,535. A statement of this length waits for an
/// acknowledgement, as `parcels` explains. That wait is small against the time that so many rows take.
const VALUES_PER_STATEMENT: usize = 20_000;

/// Inserts rows that do not exist yet.
pub(super) async fn insert_rows(
    connection: &mut MySqlConnection,
    table: &Table,
    into: &str,
    rows: &[&Cells],
) -> Result<(), sqlx::Error> {
    let rows_per_statement = (VALUES_PER_STATEMENT / table.columns.len()).max(1);
    for some_rows in rows.chunks(rows_per_statement) {
        let mut insert = insert_of(table, into, some_rows);
        // Only the statement of a full number of rows is repeated, so only that statement is kept prepared.
        insert.build().persistent(some_rows.len() == rows_per_statement).execute(&mut *connection).await?;
    }
    Ok(())
}

/// A statement that inserts these rows into the table of this name, which has the declared columns.
pub(super) fn insert_of(table: &Table, into: &str, rows: &[&Cells]) -> QueryBuilder<MySql> {
    let names: Vec<String> = table.columns.iter().map(|column| quoted(column.name)).collect();
    let mut insert = QueryBuilder::new(format!("INSERT INTO {} ({}) ", quoted(into), names.join(", ")));
    insert.push_values(rows, |mut row, cells| {
        for cell in cells.values() {
            match cell {
                Cell::Null => row.push_bind(None::<String>),
                Cell::Id(stream_id) => row.push_bind(stream_id.0),
                Cell::Text(text) => row.push_bind(text.clone()),
                Cell::Integer(integer) => row.push_bind(*integer),
                Cell::Count(count) => row.push_bind(*count),
            };
        }
    });
    insert
}
