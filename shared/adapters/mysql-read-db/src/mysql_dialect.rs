use cqrs::Digest;
use projection::{Cell, Table};
use sql_read_db::Dialect;

/// The SQL that MySQL and MariaDB have in common.
pub(crate) struct MySqlDialect;

/// A name in the quotes that both servers take.
pub(crate) fn quoted(name: &str) -> String {
    format!("`{name}`")
}

impl Dialect for MySqlDialect {
    fn quoted(&self, name: &str) -> String {
        quoted(name)
    }

    fn is_same(&self, one: &str, other: &str) -> String {
        format!("{one} <=> {other}")
    }

    fn integer_division(&self) -> &'static str {
        "DIV"
    }

    fn now_us(&self) -> &'static str {
        "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)"
    }

    fn for_update(&self) -> &'static str {
        " FOR UPDATE"
    }

    /// A long text is found by its digest, in a generated column that an index covers.
    fn long_text_is(&self, alias: &str, column: &str, text: &str) -> (String, Cell) {
        let digest = quoted(&format!("{column}_digest"));
        (format!("{alias}.{digest} = UNHEX(?)"), Cell::Text(Digest::of(text.as_bytes()).to_string()))
    }

    /// Any 16 bytes are an id.
    fn has_a_place(&self, _column: &str) -> String {
        "TRUE".to_owned()
    }

    fn misplaced(&self, _table: &Table) -> Option<String> {
        None
    }
}
