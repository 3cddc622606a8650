//! The texts of the statements about a projection's shadow tables.

use projection::{AnyProjection, Column, Table, VERSION};
use restore::TableSet;

use crate::table_sql::{asked_streams, columns_of, crc, quoted};

fn shadow_of(table: &Table) -> String {
    quoted(&TableSet::Shadow.name_of(table))
}

/// The number of rows that queries read.
pub(super) fn count_rows(table: &Table) -> String {
    format!("SELECT COUNT(*) FROM {}", quoted(table.name))
}

/// The version of a stream's row that queries read.
pub(super) fn select_version(table: &Table) -> String {
    format!("SELECT version FROM {} WHERE {} = ?", quoted(table.name), quoted(table.stream_column()))
}

/// Deletes the rows or the lines of a stream that queries read.
pub(super) fn delete_stream(table: &Table) -> String {
    format!("DELETE FROM {} WHERE {} = ?", quoted(table.name), quoted(table.stream_column()))
}

/// The row of one stream.
pub(super) fn select_row(table: &Table) -> String {
    let key = quoted(table.stream_column());
    format!("SELECT {} FROM {} AS shadow WHERE shadow.{key} = ?", columns_of("shadow", table), shadow_of(table))
}

/// Deletes the rows of the streams in a JSON list.
pub(super) fn delete_asked(table: &Table) -> String {
    let key = quoted(table.stream_column());
    format!(
        "DELETE shadow FROM {} STRAIGHT_JOIN {} AS shadow ON shadow.{key} = UNHEX(asked.stream_id)",
        asked_streams("?"),
        shadow_of(table)
    )
}

/// Deletes the lines of the streams in a JSON list of ids and versions, of each stream those after the version.
pub(super) fn delete_lines_after(table: &Table) -> String {
    let key = quoted(table.stream_column());
    format!(
        "DELETE shadow \
         FROM JSON_TABLE(?, '$[*]' COLUMNS (stream_id VARCHAR(32) PATH '$[0]' ERROR ON ERROR, \
              after_version BIGINT UNSIGNED PATH '$[1]' ERROR ON ERROR)) AS asked \
         STRAIGHT_JOIN {} AS shadow \
         ON shadow.{key} = UNHEX(asked.stream_id) AND shadow.version > asked.after_version",
        shadow_of(table)
    )
}

/// Streams whose row, or an early event, is ahead of the shadow table's row. The answer has the stream, the two
/// versions, and the shadow table's row.
pub(super) fn streams_behind(table: &Table) -> String {
    let (live, shadow, key) = (quoted(table.name), shadow_of(table), quoted(table.stream_column()));
    format!(
        "WITH claims AS ( \
             SELECT * FROM ( \
                 SELECT live.{key} AS stream_id, live.version AS live_version, NULL AS early_version \
                 FROM {live} AS live LEFT JOIN {shadow} AS shadow ON shadow.{key} = live.{key} \
                 WHERE live.{key} > ? AND (shadow.version IS NULL OR shadow.version < live.version) \
                 ORDER BY live.{key} LIMIT ?) AS of_rows \
             UNION ALL \
             SELECT * FROM ( \
                 SELECT early.stream_id, NULL AS live_version, MAX(early.version) AS early_version \
                 FROM early_events AS early LEFT JOIN {shadow} AS shadow ON shadow.{key} = early.stream_id \
                 WHERE early.projection = ? AND early.stream_id > ? \
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
        columns_of("shadow", table)
    )
}

/// The number of rows, and the sum of their checksums, of the streams in a JSON list of ids and versions. Of lines,
/// only those after the version are counted.
pub(super) fn checksum_of_streams(table: &Table, are_lines: bool) -> String {
    let key = quoted(table.stream_column());
    let after = if are_lines { " AND shadow.version > asked.after_version" } else { "" };
    format!(
        "SELECT COUNT(*), CAST(COALESCE(SUM({}), 0) AS UNSIGNED) \
         FROM JSON_TABLE(?, '$[*]' COLUMNS (stream_id VARCHAR(32) PATH '$[0]' ERROR ON ERROR, \
              after_version BIGINT UNSIGNED PATH '$[1]' ERROR ON ERROR)) AS asked \
         STRAIGHT_JOIN {} AS shadow ON shadow.{key} = UNHEX(asked.stream_id){after}",
        crc("shadow", table),
        shadow_of(table)
    )
}

/// The number of rows of a range, and the sum of their checksums. The server computes both, so that the rows need not
/// travel.
pub(super) fn checksum_of_range(table: &Table, up_to: &str) -> String {
    let key = quoted(table.stream_column());
    format!(
        "SELECT COUNT(*), CAST(COALESCE(SUM({}), 0) AS UNSIGNED) FROM {} AS shadow \
         WHERE shadow.{key} >= ? AND shadow.{key} {up_to}",
        crc("shadow", table),
        shadow_of(table)
    )
}

/// The number of streams of a range whose rows or lines differ from those of the shadow tables. Streams that are only
/// behind are not counted. The statement takes the range as often as [`ranges_in_differing`] says.
pub(super) fn differing(projection: &dyn AnyProjection, up_to: &str) -> String {
    let rows = projection.row_table();
    let (live, shadow, key) = (quoted(rows.name), shadow_of(rows), quoted(rows.stream_column()));
    let key_columns = [rows.stream_column(), VERSION];
    let is_other_row = any_column_differs("live", "shadow", rows.columns, &key_columns);
    let mut parts = vec![
        format!(
            "SELECT shadow.{key} AS stream_id \
             FROM {shadow} AS shadow LEFT JOIN {live} AS live ON live.{key} = shadow.{key} \
             WHERE shadow.{key} >= ? AND shadow.{key} {up_to} \
               AND (live.version IS NULL OR live.version > shadow.version \
                    OR (live.version = shadow.version AND {is_other_row}))"
        ),
        format!(
            "SELECT live.{key} FROM {live} AS live LEFT JOIN {shadow} AS shadow ON shadow.{key} = live.{key} \
             WHERE live.{key} >= ? AND live.{key} {up_to} AND shadow.{key} IS NULL"
        ),
    ];
    if let Some(lines) = projection.line_table() {
        let line_key = quoted(lines.stream_column());
        let same_line: Vec<String> =
            lines.line_key().map(|column| format!("held.{0} = line.{0}", quoted(column))).collect();
        let key_columns: Vec<&str> = lines.line_key().collect();
        parts.push(format!(
            "SELECT line.{line_key} \
             FROM {} AS line JOIN {live} AS live ON live.{key} = line.{line_key} AND live.version >= line.version \
             LEFT JOIN {} AS held ON {} \
             WHERE line.{line_key} >= ? AND line.{line_key} {up_to} AND (held.{line_key} IS NULL OR {})",
            shadow_of(lines),
            quoted(lines.name),
            same_line.join(" AND "),
            any_column_differs("held", "line", lines.columns, &key_columns)
        ));
    }
    format!("SELECT COUNT(*) FROM ({}) AS differing", parts.join(" UNION "))
}

/// How often [`differing`] takes the two ends of the range.
pub(super) fn ranges_in_differing(projection: &dyn AnyProjection) -> usize {
    2 + usize::from(projection.line_table().is_some())
}

/// Whether two rows differ in a column other than the columns by which they are found.
fn any_column_differs(one: &str, other: &str, columns: &[Column], key_columns: &[&str]) -> String {
    let values: Vec<String> = columns
        .iter()
        .filter(|column| !key_columns.contains(&column.name))
        .map(|column| format!("NOT {one}.{0} <=> {other}.{0}", quoted(column.name)))
        .collect();
    if values.is_empty() { "FALSE".to_owned() } else { format!("({})", values.join(" OR ")) }
}

/// Streams whose row in the old tables is ahead of the row that queries read. The last swap put the old tables aside.
pub(super) fn ahead_in_old(table: &Table) -> String {
    let key = quoted(table.stream_column());
    format!(
        "SELECT old.{key}, old.version FROM {} AS old LEFT JOIN {} AS live ON live.{key} = old.{key} \
         WHERE old.{key} > ? AND (live.version IS NULL OR live.version < old.version) ORDER BY old.{key} LIMIT ?",
        quoted(&TableSet::Old.name_of(table)),
        quoted(table.name)
    )
}

/// Deletes the early events that the rows include by now.
pub(super) fn delete_early(table: &Table) -> String {
    format!(
        "DELETE early FROM early_events AS early JOIN {} AS live \
         ON live.{} = early.stream_id AND live.version >= early.version WHERE early.projection = ?",
        quoted(table.name),
        quoted(table.stream_column())
    )
}
