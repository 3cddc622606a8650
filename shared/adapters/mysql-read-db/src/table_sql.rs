//! The texts of the projector's statements about a declared table. Every name comes from a declaration, never from a request.
//!
//! Rows travel as one JSON list in one parameter, and `JSON_TABLE` takes them apart. So the text of a statement is the
//! same for any number of rows, and the server prepares it once. `docs/decisions/0012-mysql-upserts-and-locks.md` says
//! more.

use projection::{Column, ColumnKind, Table, VERSION};
use sql_read_db::columns_of;

use crate::mysql_dialect::{MySqlDialect, quoted};

/// A column of a JSON list's rows. A text gets room for one character more than its column. So a longer text fails at
/// its column and is not cut to fit.
fn json_column(column: &Column, place: usize) -> String {
    let json_type = match column.kind {
        ColumnKind::Id => "VARCHAR(32)".to_owned(),
        ColumnKind::Text { max_chars } => format!("VARCHAR({})", u32::from(max_chars) + 1),
        ColumnKind::LongText => "MEDIUMTEXT".to_owned(),
        ColumnKind::Integer => "BIGINT".to_owned(),
        ColumnKind::Count => "BIGINT UNSIGNED".to_owned(),
    };
    format!("{} {json_type} PATH '$[{place}]' ERROR ON ERROR", quoted(column.name))
}

/// A column's value in the form in which the table holds it.
fn stored_value(alias: &str, column: &Column) -> String {
    let value = format!("{alias}.{}", quoted(column.name));
    if column.kind == ColumnKind::Id { format!("UNHEX({value})") } else { value }
}

/// A JSON list of stream ids as a table, for statements about these streams. The list is a parameter or a variable.
pub(crate) fn asked_streams(list: &str) -> String {
    format!(
        "JSON_TABLE({list}, '$[*]' COLUMNS (stream_id VARCHAR(32) PATH '$' ERROR ON EMPTY ERROR ON ERROR)) AS asked"
    )
}

/// Inserts the rows of a JSON list.
pub(crate) fn insert(table: &Table) -> String {
    let names: Vec<String> = table.columns.iter().map(|column| quoted(column.name)).collect();
    let values: Vec<String> = table.columns.iter().map(|column| stored_value("fresh", column)).collect();
    let json: Vec<String> =
        table.columns.iter().enumerate().map(|(place, column)| json_column(column, place)).collect();
    format!(
        "INSERT INTO {} ({}) SELECT {} FROM JSON_TABLE(?, '$[*]' COLUMNS ({})) AS fresh",
        quoted(table.name),
        names.join(", "),
        values.join(", "),
        json.join(", ")
    )
}

/// The columns of a row that [`update`] takes, after the stream's id and the version that was read.
pub(crate) fn changing(table: &Table) -> impl Iterator<Item = (usize, &Column)> {
    table.columns.iter().enumerate().filter(|(_, column)| column.changes)
}

/// Updates rows of a JSON list. Each row holds the stream's id, the version that was read, and the changing columns. A
/// row that is at another version by now is left out, and the number of changed rows shows it.
pub(crate) fn update(table: &Table) -> String {
    let key = quoted(table.stream_column());
    let json: Vec<String> =
        changing(table).enumerate().map(|(place, (_, column))| json_column(column, place + 2)).collect();
    let assignments: Vec<String> = changing(table)
        .map(|(_, column)| format!("live.{} = {}", quoted(column.name), stored_value("fresh", column)))
        .collect();
    format!(
        "UPDATE JSON_TABLE(?, '$[*]' COLUMNS (stream_id VARCHAR(32) PATH '$[0]' ERROR ON ERROR, \
         read_version BIGINT UNSIGNED PATH '$[1]' ERROR ON ERROR, {})) AS fresh \
         STRAIGHT_JOIN {} AS live ON live.{key} = UNHEX(fresh.stream_id) AND live.{} = fresh.read_version SET {}",
        json.join(", "),
        quoted(table.name),
        quoted(VERSION),
        assignments.join(", ")
    )
}

/// The rows of the streams in the JSON list of this parameter or variable, after a column with this number.
pub(crate) fn select_asked(table: &Table, number: usize, list: &str) -> String {
    format!(
        "SELECT {number}, {} FROM {} STRAIGHT_JOIN {} AS live ON live.{} = UNHEX(asked.stream_id)",
        columns_of(&MySqlDialect, "live", table),
        asked_streams(list),
        quoted(table.name),
        quoted(table.stream_column())
    )
}

/// The number of rows, and the sum of the CRC-32 of each row, as `restore::RowsChecksum` computes them.
#[cfg(feature = "restore")]
pub(crate) fn checksum_of(alias: &str, table: &Table) -> String {
    let texts: Vec<String> = table
        .columns
        .iter()
        .map(|column| {
            let value = format!("{alias}.{}", quoted(column.name));
            let text = if column.kind == ColumnKind::Id { format!("LOWER(HEX({value}))") } else { value };
            if column.is_optional { format!("COALESCE(CONCAT('=', {text}), '')") } else { text }
        })
        .collect();
    let crc = format!("CRC32(CONCAT_WS('|', {}))", texts.join(", "));
    format!("CAST(COUNT(*) AS UNSIGNED), CAST(COALESCE(SUM({crc}), 0) AS UNSIGNED)")
}
