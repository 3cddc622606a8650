use std::borrow::Cow;

use cqrs::StreamId;
use projection::{Cell, Cells, Column, ColumnKind, Table};
use serde::{Serialize, Serializer};
use sqlx::Row as _;
use sqlx::mysql::MySqlRow;
use uuid::Uuid;

/// A row of this table, whose columns come after a number of other columns.
///
/// # Errors
/// The error of a column that cannot be decoded as the declared kind.
pub(crate) fn read_behind(row: &MySqlRow, table: &'static Table, others: usize) -> Result<Cells, sqlx::Error> {
    let cell = |(place, column): (usize, &Column)| read_cell(row, others + place, column.kind);
    let values: Result<Vec<Cell>, sqlx::Error> = table.columns.iter().enumerate().map(cell).collect();
    Ok(Cells::new(table, values?))
}

/// The cell in this place, which is of this kind.
///
/// # Errors
/// The error of a cell that cannot be decoded so.
pub(crate) fn read_cell(row: &MySqlRow, place: usize, kind: ColumnKind) -> Result<Cell, sqlx::Error> {
    let cell = match kind {
        ColumnKind::Id => row.try_get::<Option<Uuid>, _>(place)?.map(|id| Cell::Id(StreamId(id))),
        ColumnKind::Text { .. } | ColumnKind::LongText => row.try_get::<Option<String>, _>(place)?.map(Cell::Text),
        ColumnKind::Integer => row.try_get::<Option<i64>, _>(place)?.map(Cell::Integer),
        ColumnKind::Count => row.try_get::<Option<u64>, _>(place)?.map(Cell::Count),
    };
    Ok(cell.unwrap_or(Cell::Null))
}

/// A cell in the JSON list of a parcel.
pub(crate) struct JsonCell<'a>(Cow<'a, Cell>);

impl<'a> From<&'a Cell> for JsonCell<'a> {
    fn from(cell: &'a Cell) -> Self {
        Self(Cow::Borrowed(cell))
    }
}

impl From<Cell> for JsonCell<'_> {
    fn from(cell: Cell) -> Self {
        Self(Cow::Owned(cell))
    }
}

impl Serialize for JsonCell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &*self.0 {
            Cell::Null => serializer.serialize_none(),
            Cell::Id(stream_id) => serializer.serialize_str(&hex_of(*stream_id)),
            Cell::Text(text) => serializer.serialize_str(text),
            Cell::Integer(integer) => serializer.serialize_i64(*integer),
            Cell::Count(count) => serializer.serialize_u64(*count),
        }
    }
}

/// A row in the JSON list of a parcel.
pub(crate) fn json_row(cells: &Cells) -> Vec<JsonCell<'_>> {
    cells.values().iter().map(JsonCell::from).collect()
}

/// The id in the form that the servers' UNHEX takes. The texts sort as the ids do.
pub(crate) fn hex_of(stream_id: StreamId) -> String {
    stream_id.0.as_simple().to_string()
}
