use projection::{AnyProjection, Cell, Cells, ReadDbError, Selection, Table};
use restore::TableSet;

use super::writes::insert_of;
use super::{shadow_sql, shadow_store};
use crate::row_reading::{select_of, sums_sql};
use crate::row_scan::{lines_sql, rows_sql, totals_sql};
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
    let rows = projection.row_table();
    let mut statements = vec![
        table_sql::update(rows),
        table_sql::select_asked(rows, 0, "?"),
        table_sql::select_row(rows),
        rows_sql(rows),
        shadow_sql::count_rows(rows),
        shadow_sql::select_version(rows),
        shadow_sql::select_row(rows),
        shadow_sql::delete_asked(rows),
        shadow_sql::streams_behind(rows),
        shadow_sql::checksum_of_streams(rows, false),
        shadow_sql::ahead_in_old(rows),
        shadow_sql::delete_early(rows),
    ];
    if let Some(lines) = projection.line_table() {
        statements.push(lines_sql(lines));
        statements.extend([shadow_sql::checksum_of_streams(lines, true), shadow_sql::delete_lines_after(lines)]);
    }
    for table in projection.tables() {
        statements.extend([table_sql::insert(table, table.name), shadow_sql::delete_stream(table)]);
        statements.extend(shadow_store::ENDS_OF_RANGES.map(|up_to| shadow_sql::checksum_of_range(table, up_to)));
        statements.extend([TableSet::Live, TableSet::Shadow].map(|set| insert_of_one(table, &set.name_of(table))));
    }
    statements.extend(shadow_store::ENDS_OF_RANGES.map(|up_to| shadow_sql::differing(projection, up_to)));
    if let Some(totals) = projection.totals() {
        statements.push(sums_sql(rows, totals.group, totals.row_amount));
        statements.extend(projection.line_table().map(|lines| totals_sql(rows, lines, &totals)));
    }
    for selection in selections {
        statements.push(select_of(selection)?.into_string());
    }
    Ok(statements)
}

fn insert_of_one(table: &'static Table, into: &str) -> String {
    let row = Cells::new(table, vec![Cell::Null; table.columns.len()]);
    insert_of(table, into, &[&row]).into_string()
}
