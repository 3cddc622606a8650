use crate::{Cell, CellError, Cells};

/// The column that each table has for the version of the stream.
pub const VERSION: &str = "version";
/// The column of a table of lines that has several lines for one event: the line's number within the event, from 0.
pub const LINE: &str = "line";

/// What a column holds. Each database has its own type for a kind; the migrations spell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// A stream's id, a UUID.
    Id,
    /// A text of at most so many characters.
    Text {
        /// In Unicode characters.
        max_chars: u16,
    },
    /// A text that may be longer than an index takes. Equality on MySQL goes by a generated column `<name>_digest` with the
    /// text's SHA-256.
    LongText,
    /// A signed number of 64 bits.
    Integer,
    /// A number from 0 to 2^63 - 1.
    Count,
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The name in every database.
    pub name: &'static str,
    /// What the column holds.
    pub kind: ColumnKind,
    /// Whether the column may hold no value.
    pub is_optional: bool,
    /// Whether a later event may change the value. A column that never changes is not written again.
    pub changes: bool,
    /// The text that stands in place of personal data after its erasure; none where the column holds no personal data.
    pub erased: Option<&'static str>,
}

impl Column {
    const fn of(name: &'static str, kind: ColumnKind) -> Self {
        Self { name, kind, is_optional: false, changes: false, erased: None }
    }

    /// A column of stream ids.
    #[must_use]
    pub const fn id(name: &'static str) -> Self {
        Self::of(name, ColumnKind::Id)
    }

    /// A column of texts of at most so many characters.
    #[must_use]
    pub const fn text(name: &'static str, max_chars: u16) -> Self {
        Self::of(name, ColumnKind::Text { max_chars })
    }

    /// A column of texts of any length.
    #[must_use]
    pub const fn long_text(name: &'static str) -> Self {
        Self::of(name, ColumnKind::LongText)
    }

    /// A column of signed numbers.
    #[must_use]
    pub const fn integer(name: &'static str) -> Self {
        Self::of(name, ColumnKind::Integer)
    }

    /// A column of numbers from 0 on.
    #[must_use]
    pub const fn count(name: &'static str) -> Self {
        Self::of(name, ColumnKind::Count)
    }

    /// The column may hold no value.
    #[must_use]
    pub const fn optional(self) -> Self {
        Self { is_optional: true, ..self }
    }

    /// A later event may change the value.
    #[must_use]
    pub const fn changing(self) -> Self {
        Self { changes: true, ..self }
    }

    /// The column holds personal data, in place of which this text stands after an erasure.
    #[must_use]
    pub const fn personal(self, erased: &'static str) -> Self {
        Self { erased: Some(erased), ..self }
    }
}

/// A table, declared once for every database. The migrations make it; a test holds them to the declaration.
///
/// The first column is the stream's id, and a column [`VERSION`] is there. In a table of rows the first column is the key. In
/// a table of lines the key is the stream's id, the version and, where it is declared, the column [`LINE`].
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// The name in every database.
    pub name: &'static str,
    /// The columns in the order of the cells.
    pub columns: &'static [Column],
}

impl Table {
    /// The place of a column among the cells.
    #[must_use]
    pub fn index_of(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|declared| declared.name == column)
    }

    /// The name of the column with the stream's id.
    #[must_use]
    pub const fn stream_column(&self) -> &'static str {
        self.columns[0].name
    }

    /// Whether an event may make several lines.
    #[must_use]
    pub fn has_line_numbers(&self) -> bool {
        self.index_of(LINE).is_some()
    }

    /// The columns by which a line is found.
    pub fn line_key(&self) -> impl Iterator<Item = &'static str> {
        [self.stream_column(), VERSION].into_iter().chain(self.has_line_numbers().then_some(LINE))
    }
}

/// A row or a line as the program's own type: to cells, and from cells.
pub trait TableRow: Clone + std::fmt::Debug + PartialEq + Send + Sync + 'static {
    /// The table that holds such rows.
    const TABLE: &'static Table;

    /// The cells, one for each declared column and in the declared order.
    fn cells(&self) -> Vec<Cell>;

    /// Reads a row back.
    ///
    /// # Errors
    /// [`CellError`] when a cell does not fit.
    fn read(cells: &Cells) -> Result<Self, CellError>;
}

/// The lines of a projection that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoLine {}

impl TableRow for NoLine {
    const TABLE: &'static Table = &Table { name: "", columns: &[] };

    fn cells(&self) -> Vec<Cell> {
        match *self {}
    }

    fn read(_: &Cells) -> Result<Self, CellError> {
        Err(CellError::NoSuchColumn { table: "", column: VERSION })
    }
}
