use projection::{Cells, Table};

use crate::{Dialect, SqlConnection, SqlError, Statement};

/// The number of values of one statement. SQLite takes at most 32,766, and the servers 65,535.
const VALUES_PER_STATEMENT: usize = 10_000;

/// A statement that inserts these rows into the table of this name, which has the declared columns.
pub fn insert<'a>(
    sql: &dyn Dialect,
    table: &Table,
    into: &str,
    rows: impl IntoIterator<Item = &'a Cells>,
) -> Statement {
    let names: Vec<String> = table.columns.iter().map(|column| sql.quoted(column.name)).collect();
    let placeholders = format!("({})", vec!["?"; names.len()].join(", "));
    let mut statement = Statement::new(format!("INSERT INTO {} ({}) VALUES ", sql.quoted(into), names.join(", ")));
    for (number, row) in rows.into_iter().enumerate() {
        statement.text.push_str(if number == 0 { "" } else { ", " });
        statement.text.push_str(&placeholders);
        statement.values.extend_from_slice(row.values());
    }
    statement
}

/// Inserts rows that do not exist yet. `ending` is appended to each statement.
///
/// # Errors
/// See [`SqlError`].
pub async fn insert_rows(
    connection: &mut dyn SqlConnection,
    sql: &dyn Dialect,
    table: &Table,
    into: &str,
    rows: &[&Cells],
    ending: &str,
) -> Result<(), SqlError> {
    let rows_per_statement = (VALUES_PER_STATEMENT / table.columns.len()).max(1);
    for some_rows in rows.chunks(rows_per_statement) {
        let mut statement = insert(sql, table, into, some_rows.iter().copied());
        statement.text.push_str(ending);
        // Only the statements of one row and of a full number of rows are likely to be repeated.
        statement.is_repeated = some_rows.len() == 1 || some_rows.len() == rows_per_statement;
        connection.execute(statement).await?;
    }
    Ok(())
}
