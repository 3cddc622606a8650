use projection::{AnyProjection, ReadDbError, Selection};

use crate::mysql_dialect::MySqlDialect;
use crate::table_sql;

/// The texts of all statements that are made from this declaration and from these selections, each by the function that also makes
/// the text when it is sent. A test lets a server prepare them. The statements that make, rename and drop tables are left out: they
/// are sent without being prepared.
///
/// # Errors
/// [`ReadDbError::Corrupt`] where a selection names a column that its table does not declare.
pub fn statements_of(
    projection: &'static dyn AnyProjection,
    selections: &[Selection],
) -> Result<Vec<String>, ReadDbError> {
    let mut statements = sql_read_db::statements_of(&MySqlDialect, projection, selections)?;
    let rows = projection.row_table();
    statements.extend([table_sql::update(rows), table_sql::select_asked(rows, 0, "?")]);
    for table in projection.tables() {
        statements.push(table_sql::insert(table));
        #[cfg(feature = "restore")]
        statements.push(format!("SELECT {} FROM `{}` AS shadow", table_sql::checksum_of("shadow", table), table.name));
    }
    Ok(statements)
}
