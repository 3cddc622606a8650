use projection::{AnyProjection, Cell, Cells, ReadDbError, Selection};
use sql_read_db::insert;

use crate::sqlite_dialect::SqliteDialect;
use crate::sqlite_projector::{or_update, select_asked};

/// The texts of all statements that are made from this declaration and from these selections, each by the function that also makes
/// the text when it is sent. A test lets SQLite prepare them. The statements that make, rename and drop tables are left out: they
/// are made from the text by which the tables were made.
///
/// # Errors
/// [`ReadDbError::Corrupt`] where a selection names a column that its table does not declare.
pub fn statements_of(
    projection: &'static dyn AnyProjection,
    selections: &[Selection],
) -> Result<Vec<String>, ReadDbError> {
    let mut statements = sql_read_db::statements_of(&SqliteDialect, projection, selections)?;
    let rows = projection.row_table();
    let row = Cells::new(rows, vec![Cell::Null; rows.columns.len()]);
    statements.push(select_asked(rows, 2));
    statements.push(insert(&SqliteDialect, rows, rows.name, [&row]).text + &or_update(rows));
    Ok(statements)
}
