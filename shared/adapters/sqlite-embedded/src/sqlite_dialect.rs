use projection::{Cell, Table, VERSION};
use sql_read_db::Dialect;

/// SQLite's SQL.
pub(crate) struct SqliteDialect;

impl Dialect for SqliteDialect {
    fn quoted(&self, name: &str) -> String {
        format!("\"{name}\"")
    }

    fn is_same(&self, one: &str, other: &str) -> String {
        format!("{one} IS {other}")
    }

    fn integer_division(&self) -> &'static str {
        "/"
    }

    /// SQLite's clock has milliseconds.
    fn now_us(&self) -> &'static str {
        "CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000"
    }

    /// A writing transaction locks the whole file.
    fn for_update(&self) -> &'static str {
        ""
    }

    fn long_text_is(&self, alias: &str, column: &str, text: &str) -> (String, Cell) {
        (format!("{alias}.{} = ?", self.quoted(column)), text.into())
    }

    /// The stream's id must be written in the usual form of a UUID.
    fn has_a_place(&self, column: &str) -> String {
        format!(
            "({column} GLOB '????????-????-????-????-????????????' AND {column} NOT GLOB '*[^0-9a-f-]*' \
             AND length(replace({column}, '-', '')) = 32)"
        )
    }

    fn misplaced(&self, table: &Table) -> Option<String> {
        let key = self.quoted(table.stream_column());
        let version = self.quoted(VERSION);
        Some(format!(
            "SELECT 'a row of {} is of the stream ' || quote({key}) || ', version ' || {version} FROM {} \
             WHERE NOT ({} AND {version} >= 0) LIMIT ?",
            table.name,
            self.quoted(table.name),
            self.has_a_place(&key)
        ))
    }
}
