use cqrs::StreamId;
use projection::{Cell, ColumnKind};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

/// The cell in this place, which is of this kind.
///
/// # Errors
/// The error of a cell that cannot be decoded so.
pub(crate) fn read_cell(row: &SqliteRow, place: usize, kind: ColumnKind) -> Result<Cell, sqlx::Error> {
    let decoded = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
    let cell = match kind {
        ColumnKind::Id => {
            let text: Option<&str> = row.try_get(place)?;
            let id = text.map(Uuid::try_parse).transpose().map_err(|error| decoded(error.into()))?;
            id.map(|id| Cell::Id(StreamId(id)))
        }
        ColumnKind::Text { .. } | ColumnKind::LongText => row.try_get::<Option<String>, _>(place)?.map(Cell::Text),
        ColumnKind::Integer => row.try_get::<Option<i64>, _>(place)?.map(Cell::Integer),
        ColumnKind::Count => {
            let count = row.try_get::<Option<i64>, _>(place)?.map(u64::try_from).transpose();
            count.map_err(|error| decoded(error.into()))?.map(Cell::Count)
        }
    };
    Ok(cell.unwrap_or(Cell::Null))
}
