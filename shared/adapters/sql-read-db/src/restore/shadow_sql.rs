//! The texts of the statements about a projection's shadow tables.

use projection::{AnyProjection, Column, Table, VERSION};
use restore::TableSet;

use crate::{Dialect, columns_of};

/// The number of streams that one statement is about. So the statement stays below 8 kB, for the reason that record 12 gives.
pub(crate) const STREAMS_PER_STATEMENT: usize = 250;

fn shadow_of(sql: &dyn Dialect, table: &Table) -> String {
    sql.quoted(&TableSet::Shadow.name_of(table))
}

/// The number of rows that queries read.
pub(crate) fn count_rows(sql: &dyn Dialect, table: &Table) -> String {
    format!("SELECT COUNT(*) FROM {}", sql.quoted(table.name))
}

/// The version of a stream's row that queries read.
pub(crate) fn select_version(sql: &dyn Dialect, table: &Table) -> String {
    format!("SELECT version FROM {} WHERE {} = ?", sql.quoted(table.name), sql.quoted(table.stream_column()))
}

/// Deletes the rows or the lines of a stream that queries read.
pub(crate) fn delete_stream(sql: &dyn Dialect, table: &Table) -> String {
    format!("DELETE FROM {} WHERE {} = ?", sql.quoted(table.name), sql.quoted(table.stream_column()))
}

/// Deletes the rows of so many streams.
pub(crate) fn delete_rows(sql: &dyn Dialect, table: &Table, streams: usize) -> String {
    let places = vec!["?"; streams].join(", ");
    format!("DELETE FROM {} WHERE {} IN ({places})", shadow_of(sql, table), sql.quoted(table.stream_column()))
}

/// Deletes the lines of so many streams, of each stream those after a version.
pub(crate) fn delete_lines_after(sql: &dyn Dialect, table: &Table, streams: usize) -> String {
    format!("DELETE FROM {} WHERE {}", shadow_of(sql, table), lines_after(sql, table, "", streams))
}

/// The condition that a line is of one of so many streams, and after its version.
pub(crate) fn lines_after(sql: &dyn Dialect, table: &Table, alias: &str, streams: usize) -> String {
    let of_stream = format!("({alias}{} = ? AND {alias}{VERSION} > ?)", sql.quoted(table.stream_column()));
    vec![of_stream; streams].join(" OR ")
}

/// The condition that a row is of one of so many streams.
pub(crate) fn of_streams(sql: &dyn Dialect, table: &Table, streams: usize) -> String {
    format!("shadow.{} IN ({})", sql.quoted(table.stream_column()), vec!["?"; streams].join(", "))
}

/// The condition that a row is of a stream of a range, by the first and the last id of the range.
pub(crate) fn of_range(sql: &dyn Dialect, table: &Table) -> String {
    let key = sql.quoted(table.stream_column());
    format!("shadow.{key} >= ? AND shadow.{key} <= ?")
}

/// Streams whose row, or an early event, is ahead of the shadow table's row. The answer has the stream, the two
/// versions, and the shadow table's row.
pub(crate) fn streams_behind(sql: &dyn Dialect, table: &Table) -> String {
    let (live, shadow, key) = (sql.quoted(table.name), shadow_of(sql, table), sql.quoted(table.stream_column()));
    format!(
        "WITH claims AS ( \
             SELECT * FROM ( \
                 SELECT live.{key} AS stream_id, live.version AS live_version, NULL AS early_version \
                 FROM {live} AS live LEFT JOIN {shadow} AS shadow ON shadow.{key} = live.{key} \
                 WHERE live.{key} > ? AND {} AND (shadow.version IS NULL OR shadow.version < live.version) \
                 ORDER BY live.{key} LIMIT ?) AS of_rows \
             UNION ALL \
             SELECT * FROM ( \
                 SELECT early.stream_id, NULL AS live_version, MAX(early.version) AS early_version \
                 FROM early_events AS early LEFT JOIN {shadow} AS shadow ON shadow.{key} = early.stream_id \
                 WHERE early.projection = ? AND early.stream_id > ? AND {} \
                   AND (shadow.version IS NULL OR shadow.version < early.version) \
                 GROUP BY early.stream_id ORDER BY early.stream_id LIMIT ?) AS of_early_events \
         ), claimed AS ( \
             SELECT stream_id, CAST(MAX(live_version) AS UNSIGNED) AS live_version, \
                    CAST(MAX(early_version) AS UNSIGNED) AS early_version \
             FROM claims GROUP BY stream_id ORDER BY stream_id LIMIT ? \
         ) \
         SELECT claimed.stream_id, claimed.live_version, claimed.early_version, {} \
         FROM claimed LEFT JOIN {shadow} AS shadow ON shadow.{key} = claimed.stream_id \
         ORDER BY claimed.stream_id",
        sql.has_a_place(&format!("live.{key}")),
        sql.has_a_place("early.stream_id"),
        columns_of(sql, "shadow", table)
    )
}

/// The number of streams of a range whose rows or lines differ from those of the shadow tables. Streams that are only
/// behind are not counted. The statement takes the ends of the range as often as [`ranges_in_differing`] says.
pub(crate) fn differing(sql: &dyn Dialect, projection: &dyn AnyProjection) -> String {
    let rows = projection.row_table();
    let (live, shadow, key) = (sql.quoted(rows.name), shadow_of(sql, rows), sql.quoted(rows.stream_column()));
    let is_other_row = any_column_differs(sql, "live", "shadow", rows.columns, &[rows.stream_column(), VERSION]);
    let mut parts = vec![
        format!(
            "SELECT shadow.{key} AS stream_id \
             FROM {shadow} AS shadow LEFT JOIN {live} AS live ON live.{key} = shadow.{key} \
             WHERE shadow.{key} >= ? AND shadow.{key} <= ? \
               AND (live.version IS NULL OR live.version > shadow.version \
                    OR (live.version = shadow.version AND {is_other_row}))"
        ),
        format!(
            "SELECT live.{key} FROM {live} AS live LEFT JOIN {shadow} AS shadow ON shadow.{key} = live.{key} \
             WHERE live.{key} >= ? AND live.{key} <= ? AND shadow.{key} IS NULL"
        ),
    ];
    if let Some(lines) = projection.line_table() {
        let line_key = sql.quoted(lines.stream_column());
        let key_columns: Vec<&str> = lines.line_key().collect();
        let same_line: Vec<String> =
            key_columns.iter().map(|column| format!("held.{0} = line.{0}", sql.quoted(column))).collect();
        parts.push(format!(
            "SELECT line.{line_key} \
             FROM {} AS line JOIN {live} AS live ON live.{key} = line.{line_key} AND live.version >= line.version \
             LEFT JOIN {} AS held ON {} \
             WHERE line.{line_key} >= ? AND line.{line_key} <= ? AND (held.{line_key} IS NULL OR {})",
            shadow_of(sql, lines),
            sql.quoted(lines.name),
            same_line.join(" AND "),
            any_column_differs(sql, "held", "line", lines.columns, &key_columns)
        ));
    }
    format!("SELECT COUNT(*) FROM ({}) AS differing", parts.join(" UNION "))
}

/// How often [`differing`] takes the two ends of the range.
pub(crate) fn ranges_in_differing(projection: &dyn AnyProjection) -> usize {
    2 + usize::from(projection.line_table().is_some())
}

/// Whether two rows differ in a column other than the columns by which they are found.
fn any_column_differs(sql: &dyn Dialect, one: &str, other: &str, columns: &[Column], key_columns: &[&str]) -> String {
    let others = columns.iter().filter(|column| !key_columns.contains(&column.name));
    let of = |alias: &str, column: &Column| format!("{alias}.{}", sql.quoted(column.name));
    let values: Vec<String> =
        others.map(|column| format!("NOT ({})", sql.is_same(&of(one, column), &of(other, column)))).collect();
    if values.is_empty() { "FALSE".to_owned() } else { format!("({})", values.join(" OR ")) }
}

/// Streams whose row in the old tables is ahead of the row that queries read. The last swap put the old tables aside.
pub(crate) fn ahead_in_old(sql: &dyn Dialect, table: &Table) -> String {
    let key = sql.quoted(table.stream_column());
    format!(
        "SELECT old.{key}, old.version FROM {} AS old LEFT JOIN {} AS live ON live.{key} = old.{key} \
         WHERE old.{key} > ? AND (live.version IS NULL OR live.version < old.version) ORDER BY old.{key} LIMIT ?",
        sql.quoted(&TableSet::Old.name_of(table)),
        sql.quoted(table.name)
    )
}

/// Deletes the early events that the rows include by now.
pub(crate) fn delete_early(sql: &dyn Dialect, table: &Table) -> String {
    format!(
        "DELETE FROM early_events WHERE projection = ? AND EXISTS (SELECT 1 FROM {} AS live \
         WHERE live.{} = early_events.stream_id AND live.version >= early_events.version)",
        sql.quoted(table.name),
        sql.quoted(table.stream_column())
    )
}
