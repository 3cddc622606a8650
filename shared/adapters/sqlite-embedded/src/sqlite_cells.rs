use cqrs::StreamId;
use projection::{Cell, Cells, Column, ColumnKind, Table};
use sqlx::query::Query;
use sqlx::query_builder::Separated;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};
use uuid::Uuid;

use crate::version_column::version_to_column;

/// The number of values of one statement. SQLite takes at most 32,766.
const VALUES_PER_STATEMENT: usize = 10_000;
/// The number of streams that one statement asks about.
pub(crate) const STREAMS_PER_STATEMENT: usize = 1_000;

/// The columns of a table, each after this alias.
pub(crate) fn columns_of(alias: &str, table: &Table) -> String {
    let columns: Vec<String> = table.columns.iter().map(|column| format!("{alias}.{}", quoted(column.name))).collect();
    columns.join(", ")
}

/// A name in the quotes that SQLite takes, so that a reserved word can be a name.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

/// A row of this table, whose columns come first in the answer and in the declared order. The error says why it does
/// not fit.
pub(crate) fn read(row: &SqliteRow, table: &'static Table) -> Result<Cells, sqlx::Error> {
    read_behind(row, table, 0)
}

/// A row of this table, whose columns come after a number of other columns.
pub(crate) fn read_behind(row: &SqliteRow, table: &'static Table, others: usize) -> Result<Cells, sqlx::Error> {
    let cell = |(place, column)| read_cell(row, others + place, column);
    let values: Result<Vec<Cell>, sqlx::Error> = table.columns.iter().enumerate().map(cell).collect();
    Ok(Cells::new(table, values?))
}

fn read_cell(row: &SqliteRow, place: usize, column: &Column) -> Result<Cell, sqlx::Error> {
    let decoded = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
    let cell = match column.kind {
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

/// Binds a cell as the next value of a list.
pub(crate) fn push_cell(list: &mut Separated<'_, Sqlite, &'static str>, cell: &Cell) {
    match cell {
        Cell::Null => list.push_bind(None::<String>),
        Cell::Id(stream_id) => list.push_bind(stream_id.to_string()),
        Cell::Text(text) => list.push_bind(text.clone()),
        Cell::Integer(integer) => list.push_bind(*integer),
        Cell::Count(count) => list.push_bind(version_to_column(*count)),
    };
}

/// Binds a cell as the next value of a statement.
pub(crate) fn bind_cell<'q>(
    query: Query<'q, Sqlite, SqliteArguments>,
    cell: &Cell,
) -> Query<'q, Sqlite, SqliteArguments> {
    match cell {
        Cell::Null => query.bind(None::<String>),
        Cell::Id(stream_id) => query.bind(stream_id.to_string()),
        Cell::Text(text) => query.bind(text.clone()),
        Cell::Integer(integer) => query.bind(*integer),
        Cell::Count(count) => query.bind(version_to_column(*count)),
    }
}

/// A statement that inserts rows into the table of this name, which has the declared columns.
pub(crate) fn insert_of(table: &Table, into: &str, rows: &[&Cells]) -> QueryBuilder<Sqlite> {
    let names: Vec<String> = table.columns.iter().map(|column| quoted(column.name)).collect();
    let mut insert = QueryBuilder::new(format!("INSERT INTO {} ({}) ", quoted(into), names.join(", ")));
    insert.push_values(rows, |mut row, cells| cells.values().iter().for_each(|cell| push_cell(&mut row, cell)));
    insert
}

fn rows_per_statement(table: &Table) -> usize {
    (VALUES_PER_STATEMENT / table.columns.len()).max(1)
}

/// Inserts rows that do not exist yet.
pub(crate) async fn insert_rows(
    connection: &mut SqliteConnection,
    table: &Table,
    into: &str,
    rows: &[&Cells],
) -> Result<(), sqlx::Error> {
    for some_rows in rows.chunks(rows_per_statement(table)) {
        insert_of(table, into, some_rows).build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// The row of one stream.
pub(crate) fn select_row(table: &Table) -> String {
    format!(
        "SELECT {} FROM {} AS live WHERE live.{} = ?",
        columns_of("live", table),
        quoted(table.name),
        quoted(table.stream_column())
    )
}

/// The rows of these streams.
pub(crate) fn select_asked(table: &Table, streams: &[StreamId]) -> QueryBuilder<Sqlite> {
    let mut select = QueryBuilder::new(format!(
        "SELECT {} FROM {} AS live WHERE live.{} IN ",
        columns_of("live", table),
        quoted(table.name),
        quoted(table.stream_column())
    ));
    push_streams(&mut select, streams);
    select
}

/// Inserts rows, or updates the changing columns of rows that exist at an earlier version.
pub(crate) async fn upsert_rows(
    connection: &mut SqliteConnection,
    table: &Table,
    rows: &[&Cells],
) -> Result<(), sqlx::Error> {
    for some_rows in rows.chunks(rows_per_statement(table)) {
        upsert_of(table, some_rows).build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// A statement that inserts rows, or updates the changing columns of those that are there.
pub(crate) fn upsert_of(table: &Table, rows: &[&Cells]) -> QueryBuilder<Sqlite> {
    let changing = table.columns.iter().filter(|column| column.changes).map(|column| quoted(column.name));
    let assignments: Vec<String> = changing.map(|name| format!("{name} = excluded.{name}")).collect();
    let mut upsert = insert_of(table, table.name, rows);
    // The write lock was taken before the rows were read, so none of them can have moved on. The guard states this in
    // the statement itself.
    upsert.push(format!(
        " ON CONFLICT ({}) DO UPDATE SET {} WHERE excluded.version > {}.version",
        quoted(table.stream_column()),
        assignments.join(", "),
        quoted(table.name)
    ));
    upsert
}

/// A list of stream ids in brackets.
pub(crate) fn push_streams(statement: &mut QueryBuilder<Sqlite>, streams: &[StreamId]) {
    statement.push("(");
    let mut list = statement.separated(", ");
    for stream_id in streams {
        list.push_bind(stream_id.to_string());
    }
    statement.push(")");
}

/// Whether a row has a place in the order of streams: its stream's id, in this column, must be written in the usual
/// form of a UUID.
pub(crate) fn has_a_place(column: &str) -> String {
    format!(
        "({column} GLOB '????????-????-????-????-????????????' AND {column} NOT GLOB '*[^0-9a-f-]*' \
         AND length(replace({column}, '-', '')) = 32)"
    )
}
