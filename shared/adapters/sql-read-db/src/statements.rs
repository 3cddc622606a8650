use projection::{AnyProjection, Cell, Cells, Selection, Table};

#[cfg(feature = "restore")]
use crate::restore::shadow_sql;
use crate::row_reading::select_of;
use crate::{Dialect, SqlError, insert, select_row, table_sql};

/// The texts of all statements that are made from this declaration and from these selections, each by the function that also makes
/// the text when it is sent. A test lets each database prepare them. The statements that make, rename and drop tables are left out,
/// and so are those that an adapter makes itself.
///
/// # Errors
/// [`SqlError::Corrupt`] where a selection names a column that its table does not declare.
pub fn statements_of(
    sql: &dyn Dialect,
    projection: &'static dyn AnyProjection,
    selections: &[Selection],
) -> Result<Vec<String>, SqlError> {
    let rows = projection.row_table();
    let mut statements = vec![select_row(sql, rows, rows.name)];
    statements.extend([true, false].map(|is_first_page| table_sql::rows(sql, rows, is_first_page)));
    if let Some(lines) = projection.line_table() {
        statements.extend([true, false].map(|is_first_page| table_sql::lines(sql, lines, is_first_page)));
    }
    for table in projection.tables() {
        statements.push(insert(sql, table, table.name, [&empty_row(table)]).text);
        statements.extend(sql.misplaced(table));
    }
    if let Some(totals) = projection.totals() {
        statements.push(table_sql::sums(sql, rows, totals.group, totals.row_amount));
        statements.extend(projection.line_table().map(|lines| table_sql::totals(sql, rows, lines, &totals)));
    }
    for selection in selections {
        statements.push(select_of(sql, selection)?.text);
    }
    #[cfg(feature = "restore")]
    statements.extend(restore_statements(sql, projection));
    Ok(statements)
}

#[cfg(feature = "restore")]
fn restore_statements(sql: &dyn Dialect, projection: &'static dyn AnyProjection) -> Vec<String> {
    let rows = projection.row_table();
    let shadow = restore::TableSet::Shadow;
    let mut statements = vec![
        select_row(sql, rows, &shadow.name_of(rows)),
        shadow_sql::count_rows(sql, rows),
        shadow_sql::select_version(sql, rows),
        shadow_sql::delete_rows(sql, rows, 2),
        shadow_sql::streams_behind(sql, rows),
        shadow_sql::ahead_in_old(sql, rows),
        shadow_sql::delete_early(sql, rows),
        shadow_sql::differing(sql, projection),
    ];
    statements.extend(projection.line_table().map(|lines| shadow_sql::delete_lines_after(sql, lines, 2)));
    for table in projection.tables() {
        statements.push(shadow_sql::delete_stream(sql, table));
        statements.push(insert(sql, table, &shadow.name_of(table), [&empty_row(table)]).text);
    }
    statements
}

fn empty_row(table: &'static Table) -> Cells {
    Cells::new(table, vec![Cell::Null; table.columns.len()])
}
