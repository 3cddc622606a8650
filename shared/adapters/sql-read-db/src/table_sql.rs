use projection::{Table, Totals};

use crate::Dialect;

/// The number that is split off before a sum. The sums of a database may have 64 bits, and end in an error beyond them. So
/// the millions are summed apart from the rest.
pub(crate) const MILLION: i64 = 1_000_000;

/// The columns of a table, each after this alias.
pub fn columns_of(sql: &dyn Dialect, alias: &str, table: &Table) -> String {
    let columns: Vec<String> =
        table.columns.iter().map(|column| format!("{alias}.{}", sql.quoted(column.name))).collect();
    columns.join(", ")
}

/// The row of one stream, in the table of this name.
pub fn select_row(sql: &dyn Dialect, table: &Table, name: &str) -> String {
    format!(
        "SELECT {} FROM {} AS live WHERE live.{} = ?",
        columns_of(sql, "live", table),
        sql.quoted(name),
        sql.quoted(table.stream_column())
    )
}

/// Rows from the first to the last stream of a range, in the order of their ids. The stream's id comes first in the answer.
pub(crate) fn rows(sql: &dyn Dialect, table: &Table, is_first_page: bool) -> String {
    let key = format!("live.{}", sql.quoted(table.stream_column()));
    let after = if is_first_page { String::new() } else { format!(" AND {key} > ?") };
    format!(
        "SELECT {key}, {} FROM {} AS live WHERE {key} >= ? AND {key} <= ?{after} AND {} ORDER BY {key} LIMIT ?",
        columns_of(sql, "live", table),
        sql.quoted(table.name),
        sql.has_a_place(&key)
    )
}

/// Lines from the first to the last stream of a range, in order. The columns of their place come first in the answer.
pub(crate) fn lines(sql: &dyn Dialect, table: &Table, is_first_page: bool) -> String {
    let place: Vec<String> = table.line_key().map(|column| format!("live.{}", sql.quoted(column))).collect();
    let (key, version) = (&place[0], &place[1]);
    let by = place.join(", ");
    let same_event = place.get(2).map_or_else(String::new, |line| format!(" OR ({version} = ? AND {line} > ?)"));
    // The conditions are not (key, version) > (?, ?), because neither MySQL nor MariaDB reads that from an index in order.
    let after = if is_first_page {
        String::new()
    } else {
        format!(" AND {key} >= ? AND ({key} > ? OR {version} > ?{same_event})")
    };
    format!(
        "SELECT {by}, {} FROM {} AS live WHERE {key} >= ? AND {key} <= ?{after} AND {} AND {version} >= 0 \
         ORDER BY {by} LIMIT ?",
        columns_of(sql, "live", table),
        sql.quoted(table.name),
        sql.has_a_place(key)
    )
}

/// The number of rows and the sum of a column, for each text of another column.
pub(crate) fn sums(sql: &dyn Dialect, table: &Table, group: &str, amount: &str) -> String {
    let (group, amount, divided) = (sql.quoted(group), sql.quoted(amount), sql.integer_division());
    format!(
        "SELECT {group}, COUNT(*), CAST(SUM({amount} {divided} {MILLION}) AS SIGNED), \
                CAST(SUM({amount} % {MILLION}) AS SIGNED) FROM {} GROUP BY {group} ORDER BY {group}",
        sql.quoted(table.name)
    )
}

/// The sums over rows and over lines, for each text of a column that both tables have.
pub(crate) fn totals(sql: &dyn Dialect, rows: &Table, lines: &Table, totals: &Totals) -> String {
    let Totals { group, row_amount, line_amount, line_direction, taken_off } = totals;
    let (group, row_amount, amount) = (sql.quoted(group), sql.quoted(row_amount), sql.quoted(line_amount));
    let taken_off: Vec<String> = taken_off.iter().map(|text| format!("'{text}'")).collect();
    let divided = sql.integer_division();
    let sums =
        ["row_millions", "row_rest", "line_millions", "line_rest"].map(|name| format!("CAST(SUM({name}) AS SIGNED)"));
    format!(
        "SELECT {group}, {} FROM ( \
             SELECT {group}, {row_amount} {divided} {MILLION} AS row_millions, {row_amount} % {MILLION} AS row_rest, \
                    0 AS line_millions, 0 AS line_rest \
             FROM {} \
             UNION ALL \
             SELECT {group}, 0, 0, sign_of_line * ({amount} {divided} {MILLION}), sign_of_line * ({amount} % {MILLION}) \
             FROM (SELECT {group}, {amount}, CASE WHEN {} IN ({}) THEN -1 ELSE 1 END AS sign_of_line FROM {}) AS signed_lines \
         ) AS both_tables GROUP BY {group} ORDER BY {group}",
        sums.join(", "),
        sql.quoted(rows.name),
        sql.quoted(line_direction),
        taken_off.join(", "),
        sql.quoted(lines.name)
    )
}

/// The sum of amounts whose millions and whose rest were summed apart.
pub(crate) fn sum_of(millions: i64, rest: i64) -> i128 {
    i128::from(millions) * i128::from(MILLION) + i128::from(rest)
}
