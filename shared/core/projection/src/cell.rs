use cqrs::{StreamId, Timestamp};
use uuid::Uuid;

use crate::Table;
use crate::table::{LINE, VERSION};

/// One value of a stored row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// No value; only a column that is optional has such a cell.
    Null,
    /// A stream's id.
    Id(StreamId),
    /// A text.
    Text(String),
    /// A signed number: minor units, or microseconds since 1970 (UTC).
    Integer(i64),
    /// A number that counts from 0: a version, or the number of a line.
    Count(u64),
}

/// A stored row that does not fit its table's declaration. Handling: a person must look; `verify` names the row, and a
/// rebuild from the events mends it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CellError {
    /// The cell is of another kind than its column, or it is not there.
    #[error("column {column}: {reason}")]
    Unreadable {
        /// The column's name.
        column: &'static str,
        /// What did not fit.
        reason: String,
    },
    /// The table declares no column of this name: a defect in `TableRow::read`.
    #[error("table {table} declares no column {column}")]
    NoSuchColumn {
        /// The table's name.
        table: &'static str,
        /// The name that was asked for.
        column: &'static str,
    },
}

/// A stored row of one table: a cell for each declared column, in the declared order.
#[derive(Debug, Clone)]
pub struct Cells {
    table: &'static Table,
    values: Vec<Cell>,
}

impl PartialEq for Cells {
    fn eq(&self, other: &Self) -> bool {
        self.table.name == other.table.name && self.values == other.values
    }
}

impl Eq for Cells {}

impl Cells {
    /// A row of this table.
    ///
    /// # Panics
    /// When there are not as many cells as the table declares columns: a defect in `TableRow::cells`.
    #[must_use]
    pub fn new(table: &'static Table, values: Vec<Cell>) -> Self {
        assert_eq!(values.len(), table.columns.len(), "a row of {} has a cell for each column", table.name);
        Self { table, values }
    }

    /// The table that the row is of.
    #[must_use]
    pub const fn table(&self) -> &'static Table {
        self.table
    }

    /// The cells, in the order of the table's columns.
    #[must_use]
    pub fn values(&self) -> &[Cell] {
        &self.values
    }

    /// The stream that the row is of. A row without a readable id counts as one of the nil stream.
    #[must_use]
    pub fn stream_id(&self) -> StreamId {
        match self.values.first() {
            Some(Cell::Id(stream_id)) => *stream_id,
            _ => StreamId(Uuid::nil()),
        }
    }

    /// The version of the stream that the row or the line is of.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.count_or_zero(VERSION)
    }

    /// The line's number within its event; 0 where the table allows one line an event.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.count_or_zero(LINE)
    }

    fn count_or_zero(&self, column: &str) -> u64 {
        match self.table.index_of(column).and_then(|index| self.values.get(index)) {
            Some(Cell::Count(count)) => *count,
            _ => 0,
        }
    }

    /// The cell of this column.
    ///
    /// # Errors
    /// [`CellError::NoSuchColumn`].
    pub fn cell(&self, column: &'static str) -> Result<&Cell, CellError> {
        let index = self.table.index_of(column).and_then(|index| self.values.get(index));
        index.ok_or(CellError::NoSuchColumn { table: self.table.name, column })
    }

    /// The stream's id in this column.
    ///
    /// # Errors
    /// See [`CellError`].
    pub fn id(&self, column: &'static str) -> Result<StreamId, CellError> {
        match self.cell(column)? {
            Cell::Id(stream_id) => Ok(*stream_id),
            other => Err(unreadable(column, other)),
        }
    }

    /// The text in this column.
    ///
    /// # Errors
    /// See [`CellError`].
    pub fn text(&self, column: &'static str) -> Result<&str, CellError> {
        match self.cell(column)? {
            Cell::Text(text) => Ok(text),
            other => Err(unreadable(column, other)),
        }
    }

    /// The text in this column, if there is one.
    ///
    /// # Errors
    /// See [`CellError`].
    pub fn text_if_any(&self, column: &'static str) -> Result<Option<&str>, CellError> {
        match self.cell(column)? {
            Cell::Null => Ok(None),
            Cell::Text(text) => Ok(Some(text)),
            other => Err(unreadable(column, other)),
        }
    }

    /// The value in this column, if there is one, as `read` reads it: `cells.if_any("closed_at_us", Cells::time)`.
    ///
    /// # Errors
    /// See [`CellError`].
    pub fn if_any<T>(
        &self,
        column: &'static str,
        read: impl FnOnce(&Self, &'static str) -> Result<T, CellError>,
    ) -> Result<Option<T>, CellError> {
        match self.cell(column)? {
            Cell::Null => Ok(None),
            _ => read(self, column).map(Some),
        }
    }

    /// The text in this column, parsed.
    ///
    /// # Errors
    /// See [`CellError`].
    pub fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(&self, column: &'static str) -> Result<T, CellError> {
        let text = self.text(column)?;
        text.parse().map_err(|error: T::Err| CellError::Unreadable { column, reason: error.to_string() })
    }

    /// The signed number in this column.
    ///
    /// # Errors
    /// See [`CellError`].
    pub fn integer(&self, column: &'static str) -> Result<i64, CellError> {
        match self.cell(column)? {
            Cell::Integer(integer) => Ok(*integer),
            other => Err(unreadable(column, other)),
        }
    }

    /// The version or count in this column.
    ///
    /// # Errors
    /// See [`CellError`].
    pub fn count(&self, column: &'static str) -> Result<u64, CellError> {
        match self.cell(column)? {
            Cell::Count(count) => Ok(*count),
            other => Err(unreadable(column, other)),
        }
    }

    /// The time in this column, which holds microseconds since 1970 (UTC).
    ///
    /// # Errors
    /// See [`CellError`].
    pub fn time(&self, column: &'static str) -> Result<Timestamp, CellError> {
        Timestamp::from_unix_micros(self.integer(column)?)
            .map_err(|error| CellError::Unreadable { column, reason: error.to_string() })
    }
}

fn unreadable(column: &'static str, cell: &Cell) -> CellError {
    CellError::Unreadable { column, reason: format!("{cell:?} is of another kind") }
}

impl From<StreamId> for Cell {
    fn from(stream_id: StreamId) -> Self {
        Self::Id(stream_id)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<V: Into<Self>> From<Option<V>> for Cell {
    fn from(value: Option<V>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<i64> for Cell {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl From<u64> for Cell {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<Timestamp> for Cell {
    fn from(time: Timestamp) -> Self {
        Self::Integer(time.unix_micros())
    }
}

/// As `verify` and messages show a cell.
impl std::fmt::Display for Cell {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Id(stream_id) => write!(formatter, "{stream_id}"),
            Self::Text(text) => formatter.write_str(text),
            Self::Integer(integer) => write!(formatter, "{integer}"),
            Self::Count(count) => write!(formatter, "{count}"),
        }
    }
}
