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
    let names: Vec<String> = table.columns.iter().map(|column| quoted(column.name)).collect();
    let into = format!("INSERT INTO {} ({}) ", quoted(into), names.join(", "));
    let rows_per_statement = (VALUES_PER_STATEMENT / table.columns.len()).max(1);
    for some_rows in rows.chunks(rows_per_statement) {
        let mut insert = QueryBuilder::<MySql>::new(&into);
        insert.push_values(some_rows, |mut row, cells| {
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
        // Only the statement of a full number of rows is repeated, so only that statement is kept prepared.
        insert.build().persistent(some_rows.len() == rows_per_statement).execute(&mut *connection).await?;
    }
    Ok(())
}
