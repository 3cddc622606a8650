use cqrs::StreamId;
use projection::{AnyProjection, Cell, Cells, Selection};
use restore::TableSet;
use uuid::Uuid;

use super::shadow_sql;
use crate::row_reading::{select_of, sums_sql};
use crate::row_scan::{lines_sql, misplaced_sql, rows_sql, totals_sql};
use crate::sqlite_cells::{insert_of, select_asked, select_row, upsert_of};

/// The texts of all statements that are made from this declaration and from these selections, each by the function that also makes
/// the text when it is sent. A test lets SQLite prepare them. The statements that make, rename and drop tables are left out: they
/// are made from the text by which the tables were made.
#[must_use]
pub fn statements_of(projection: &'static dyn AnyProjection, selections: &[Selection]) -> Vec<String> {
    let rows = projection.row_table();
    let streams = [StreamId(Uuid::nil())];
    let one = |table| Cells::new(table, vec![Cell::Null; table.columns.len()]);
    let mut statements = vec![
        upsert_of(rows, &[&one(rows)]).into_string(),
        select_asked(rows, &streams).into_string(),
        select_row(rows),
        rows_sql(rows),
        shadow_sql::count_rows(rows),
        shadow_sql::select_version(rows),
        shadow_sql::select_row(rows),
        shadow_sql::delete_asked(rows, &streams).into_string(),
        shadow_sql::streams_behind(rows),
        shadow_sql::differing(projection),
        shadow_sql::delete_early(rows),
    ];
    if let Some(lines) = projection.line_table() {
        statements.push(lines_sql(lines));
        statements.extend([shadow_sql::select_lines(lines), shadow_sql::delete_lines_after(lines)]);
    }
    for table in projection.tables() {
        statements.extend([misplaced_sql(table), shadow_sql::delete_stream(table), shadow_sql::select_range(table)]);
        let sets = [TableSet::Live, TableSet::Shadow];
        statements.extend(sets.map(|set| insert_of(table, &set.name_of(table), &[&one(table)]).into_string()));
    }
    if let Some(totals) = projection.totals() {
        statements.push(sums_sql(rows, totals.group, totals.row_amount));
        statements.extend(projection.line_table().map(|lines| totals_sql(rows, lines, &totals)));
    }
    statements.extend(selections.iter().map(|selection| select_of(selection).0));
    statements
}
