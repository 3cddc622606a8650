//! The texts of the statements about a projection's shadow tables.

use cqrs::StreamId;
use projection::{AnyProjection, Column, Table, VERSION};
use restore::TableSet;
use sqlx::{QueryBuilder, Sqlite};

use crate::sqlite_cells::{columns_of, has_a_place, push_streams, quoted};

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

/// Deletes the rows of these streams.
pub(super) fn delete_asked(table: &Table, streams: &[StreamId]) -> QueryBuilder<Sqlite> {
    let mut delete =
        QueryBuilder::new(format!("DELETE FROM {} WHERE {} IN ", shadow_of(table), quoted(table.stream_column())));
    push_streams(&mut delete, streams);
    delete
}

/// The row of one stream.
pub(super) fn select_row(table: &Table) -> String {
    let key = quoted(table.stream_column());
    format!("SELECT {} FROM {} AS shadow WHERE shadow.{key} = ?", columns_of("shadow", table), shadow_of(table))
}

/// The lines of one stream after a version.
pub(super) fn select_lines(table: &Table) -> String {
    let key = quoted(table.stream_column());
    format!(
        "SELECT {} FROM {} AS shadow WHERE shadow.{key} = ? AND shadow.version > ?",
        columns_of("shadow", table),
        shadow_of(table)
    )
}

/// Deletes the lines of one stream after a version.
pub(super) fn delete_lines_after(table: &Table) -> String {
    format!("DELETE FROM {} WHERE {} = ? AND version > ?", shadow_of(table), quoted(table.stream_column()))
}

/// All rows or lines of a range.
pub(super) fn select_range(table: &Table) -> String {
    let key = quoted(table.stream_column());
    format!(
        "SELECT {} FROM {} AS shadow WHERE shadow.{key} >= ? AND shadow.{key} < ?",
        columns_of("shadow", table),
        shadow_of(table)
    )
}

/// Streams whose row, or an early event, is ahead of the shadow table's row: after ?1, at most ?2, of the projection
/// ?3. The answer has the stream, the two versions, and the shadow table's row.
pub(super) fn streams_behind(table: &Table) -> String {
    let (live, shadow, key) = (quoted(table.name), shadow_of(table), quoted(table.stream_column()));
    let live_has_a_place = has_a_place(&format!("live.{key}"));
    let early_has_a_place = has_a_place("early.stream_id");
    format!(
        "WITH claims AS ( \
             SELECT * FROM ( \
                 SELECT live.{key} AS stream_id, live.version AS live_version, NULL AS early_version \
                 FROM {live} AS live LEFT JOIN {shadow} AS shadow ON shadow.{key} = live.{key} \
                 WHERE live.{key} > ?1 AND {live_has_a_place} \
                   AND (shadow.version IS NULL OR shadow.version < live.version) \
                 ORDER BY live.{key} LIMIT ?2) \
             UNION ALL \
             SELECT * FROM ( \
                 SELECT early.stream_id, NULL, MAX(early.version) \
                 FROM early_events AS early LEFT JOIN {shadow} AS shadow ON shadow.{key} = early.stream_id \
                 WHERE early.projection = ?3 AND early.stream_id > ?1 AND {early_has_a_place} \
                   AND (shadow.version IS NULL OR shadow.version < early.version) \
                 GROUP BY early.stream_id ORDER BY early.stream_id LIMIT ?2) \
         ), claimed AS ( \
             SELECT stream_id, MAX(live_version) AS live_version, MAX(early_version) AS early_version FROM claims \
             GROUP BY stream_id ORDER BY stream_id LIMIT ?2 \
         ) \
         SELECT claimed.stream_id, claimed.live_version, claimed.early_version, {} \
         FROM claimed LEFT JOIN {shadow} AS shadow ON shadow.{key} = claimed.stream_id ORDER BY claimed.stream_id",
        columns_of("shadow", table)
    )
}

/// The number of streams of a range, from ?1 and before ?2, whose rows or lines differ from those of the shadow tables.
/// Streams that are only behind are not counted.
pub(super) fn differing(projection: &dyn AnyProjection) -> String {
    let rows = projection.row_table();
    let (live, shadow, key) = (quoted(rows.name), shadow_of(rows), quoted(rows.stream_column()));
    let is_other_row = any_column_differs("live", "shadow", rows.columns, &[rows.stream_column(), VERSION]);
    let mut parts = vec![
        format!(
            "SELECT shadow.{key} FROM {shadow} AS shadow LEFT JOIN {live} AS live ON live.{key} = shadow.{key} \
             WHERE shadow.{key} >= ?1 AND shadow.{key} < ?2 \
               AND (live.version IS NULL OR live.version > shadow.version \
                    OR (live.version = shadow.version AND {is_other_row}))"
        ),
        format!(
            "SELECT live.{key} FROM {live} AS live LEFT JOIN {shadow} AS shadow ON shadow.{key} = live.{key} \
             WHERE live.{key} >= ?1 AND live.{key} < ?2 AND shadow.{key} IS NULL"
        ),
    ];
    if let Some(lines) = projection.line_table() {
        let line_key = quoted(lines.stream_column());
        let key_columns: Vec<&str> = lines.line_key().collect();
        let same_line: Vec<String> =
            key_columns.iter().map(|column| format!("held.{0} = line.{0}", quoted(column))).collect();
        parts.push(format!(
            "SELECT line.{line_key} \
             FROM {} AS line JOIN {live} AS live ON live.{key} = line.{line_key} AND live.version >= line.version \
             LEFT JOIN {} AS held ON {} \
             WHERE line.{line_key} >= ?1 AND line.{line_key} < ?2 AND (held.{line_key} IS NULL OR {})",
            shadow_of(lines),
            quoted(lines.name),
            same_line.join(" AND "),
            any_column_differs("held", "line", lines.columns, &key_columns)
        ));
    }
    format!("SELECT COUNT(*) FROM ({})", parts.join(" UNION "))
}

/// Whether two rows differ in a column other than the columns by which they are found.
fn any_column_differs(one: &str, other: &str, columns: &[Column], key_columns: &[&str]) -> String {
    let values: Vec<String> = columns
        .iter()
        .filter(|column| !key_columns.contains(&column.name))
        .map(|column| format!("{one}.{0} IS NOT {other}.{0}", quoted(column.name)))
        .collect();
    if values.is_empty() { "FALSE".to_owned() } else { format!("({})", values.join(" OR ")) }
}

/// Deletes the early events that the rows include by now.
pub(super) fn delete_early(table: &Table) -> String {
    format!(
        "DELETE FROM early_events WHERE projection = ? AND EXISTS (SELECT 1 FROM {} AS live \
         WHERE live.{} = early_events.stream_id AND live.version >= early_events.version)",
        quoted(table.name),
        quoted(table.stream_column())
    )
}
