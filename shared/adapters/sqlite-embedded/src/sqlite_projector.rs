use std::collections::BTreeSet;

use async_trait::async_trait;
use cqrs::{EventEnvelope, EventHandler, EventHandlerError, HandledBatch, StreamId};
use projection::{
    AnyProjection, BatchPlan, Cell, Cells, ColumnKind, Loaded, Projections, Table, plan_batch, sort_out_unread,
};
use sql_read_db::{
    Dialect as _, SqlConnection, SqlError, SqlTransaction as _, Statement, columns_of, insert_rows, kinds_of,
};

use crate::SqliteReadDb;
use crate::file_connection::{FileConnection, sql_error};
use crate::sqlite_dialect::SqliteDialect;

/// The projector's writer for the read database. A batch is one transaction over its projections.
#[derive(Clone)]
pub struct SqliteProjector {
    read_db: SqliteReadDb,
    projections: Projections,
    /// The projections that this projector writes. The program's other projections have projectors of their own.
    written: Vec<&'static dyn AnyProjection>,
}

impl SqliteProjector {
    /// A projector that writes the rows of all these projections to this database.
    #[must_use]
    pub fn new(read_db: SqliteReadDb, projections: Projections) -> Self {
        Self { read_db, projections, written: projections.all().to_vec() }
    }

    /// A projector that writes the rows of this projection alone. Events of the other projections' types are left to
    /// their projectors.
    #[must_use]
    pub fn of_one(read_db: SqliteReadDb, projections: Projections, projection: &'static dyn AnyProjection) -> Self {
        Self { read_db, projections, written: vec![projection] }
    }
}

#[async_trait]
impl EventHandler for SqliteProjector {
    async fn handle(&self, events: &[EventEnvelope]) -> Result<HandledBatch, EventHandlerError> {
        let mut handled = sort_out_unread(&self.projections, events);
        // The bus brings every event to every projection. A batch without an event for these projections takes no lock.
        let is_read =
            |event: &EventEnvelope| self.written.iter().any(|projection| projection.reads(&event.aggregate_type));
        if !events.iter().any(is_read) {
            return Ok(handled);
        }
        // IMMEDIATE takes the write lock first, because the rows that are read here are also written here.
        let writer = &self.read_db.database.writer;
        let transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(sql_error).map_err(handler_error)?;
        let mut transaction = Box::new(FileConnection(transaction));
        for projection in &self.written {
            let read = events.iter().filter(|event| projection.reads(&event.aggregate_type));
            let streams: BTreeSet<StreamId> = read.map(|event| event.stream_id).collect();
            if streams.is_empty() {
                continue;
            }
            let streams: Vec<StreamId> = streams.into_iter().collect();
            let loaded = load(&mut *transaction, *projection, &streams).await.map_err(handler_error)?;
            let plan = plan_batch(*projection, &loaded, events).map_err(|error| handler_error(error.into()))?;
            write(&mut *transaction, *projection, &plan).await.map_err(handler_error)?;
            handled = handled.with(plan.outcome);
        }
        transaction.commit().await.map_err(handler_error)?;
        Ok(handled)
    }
}

fn handler_error(error: SqlError) -> EventHandlerError {
    match error {
        SqlError::Corrupt(reason) => EventHandlerError::Corrupt { reason },
        error => EventHandlerError::Unavailable { source: error.into() },
    }
}

/// The number of streams that one statement asks about.
const STREAMS_PER_STATEMENT: usize = 1_000;

async fn load(
    connection: &mut dyn SqlConnection,
    projection: &dyn AnyProjection,
    streams: &[StreamId],
) -> Result<Loaded, SqlError> {
    let mut loaded = Loaded::default();
    let table = projection.row_table();
    for some_streams in streams.chunks(STREAMS_PER_STATEMENT) {
        let ids = some_streams.iter().map(|stream_id| Cell::from(*stream_id));
        let select = Statement::new(select_asked(table, some_streams.len())).with_all(ids.clone());
        for row in connection.fetch(select, &kinds_of(table)).await? {
            let cells = row.into_cells(table, 0)?;
            loaded.rows.insert(cells.stream_id(), cells);
        }
        let places = vec!["?"; some_streams.len()].join(", ");
        let select = format!("SELECT envelope FROM early_events WHERE projection = ? AND stream_id IN ({places})");
        let select = Statement::new(select).with(projection.name()).with_all(ids);
        for row in connection.fetch(select, &[ColumnKind::LongText]).await? {
            let event = serde_json::from_str(&row.cell(0)?.to_string());
            loaded.early_events.push(event.map_err(|error| SqlError::Corrupt(error.to_string()))?);
        }
    }
    Ok(loaded)
}

/// The rows of so many streams.
pub(crate) fn select_asked(table: &Table, streams: usize) -> String {
    format!(
        "SELECT {} FROM {} AS live WHERE live.{} IN ({})",
        columns_of(&SqliteDialect, "live", table),
        SqliteDialect.quoted(table.name),
        SqliteDialect.quoted(table.stream_column()),
        vec!["?"; streams].join(", ")
    )
}

/// The end of an insert that updates the changing columns of rows that exist.
pub(crate) fn or_update(table: &Table) -> String {
    let changing = table.columns.iter().filter(|column| column.changes);
    let assignments: Vec<String> =
        changing.map(|column| format!("{0} = excluded.{0}", SqliteDialect.quoted(column.name))).collect();
    // The write lock was taken before the rows were read, so none of them can have moved on. The guard states this in
    // the statement itself.
    format!(
        " ON CONFLICT ({}) DO UPDATE SET {} WHERE excluded.version > {}.version",
        SqliteDialect.quoted(table.stream_column()),
        assignments.join(", "),
        SqliteDialect.quoted(table.name)
    )
}

async fn write(
    connection: &mut dyn SqlConnection,
    projection: &dyn AnyProjection,
    plan: &BatchPlan,
) -> Result<(), SqlError> {
    let table = projection.row_table();
    let rows: Vec<&Cells> = plan.rows.iter().collect();
    insert_rows(connection, &SqliteDialect, table, table.name, &rows, &or_update(table)).await?;
    if let Some(table) = projection.line_table() {
        let lines: Vec<&Cells> = plan.lines.iter().collect();
        insert_rows(connection, &SqliteDialect, table, table.name, &lines, "").await?;
    }
    for event in &plan.keep_early {
        let envelope = serde_json::to_string(event).expect("an envelope is plain JSON");
        let insert = "INSERT INTO early_events (projection, stream_id, version, envelope) VALUES (?, ?, ?, ?)";
        let insert = Statement::new(insert).with(projection.name()).with(event.stream_id).with(event.version);
        connection.execute(insert.with(&*envelope)).await?;
    }
    for (stream_id, version) in &plan.drop_early {
        let delete = "DELETE FROM early_events WHERE projection = ? AND stream_id = ? AND version = ?";
        let delete = Statement::new(delete).with(projection.name()).with(*stream_id).with(*version);
        connection.execute(delete).await?;
    }
    Ok(())
}
