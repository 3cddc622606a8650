use projection::{Cell, Table};

/// The parts of a statement that the databases write differently. All other SQL of this crate is common to them.
pub trait Dialect: Send + Sync {
    /// A name in quotes, so that a reserved word can be a name.
    fn quoted(&self, name: &str) -> String;

    /// Whether two values are equal. Two missing values are.
    fn is_same(&self, one: &str, other: &str) -> String;

    /// The sign of a division of integers whose result is an integer, rounded towards zero.
    fn integer_division(&self) -> &'static str;

    /// The present time in microseconds since 1970 (UTC). On a server it is the server's clock, so that the leases of several
    /// machines follow one clock.
    fn now_us(&self) -> &'static str;

    /// The end of a `SELECT` that locks the selected rows until the end of the transaction.
    fn for_update(&self) -> &'static str;

    /// Whether a long text in this column is this text, with the value of the condition's parameter.
    fn long_text_is(&self, alias: &str, column: &str, text: &str) -> (String, Cell);

    /// Whether a row has a place in the order of streams, by the column with its stream's id. A database whose columns take
    /// nothing but ids answers `TRUE`.
    fn has_a_place(&self, column: &str) -> String;

    /// Selects texts that describe rows without a place. Takes the limit. `None` if there can be no such row.
    fn misplaced(&self, table: &Table) -> Option<String>;
}
