use std::collections::BTreeSet;

use async_trait::async_trait;
use cqrs::{EventEnvelope, EventHandler, EventHandlerError, HandledBatch, StreamId};
use projection::{AnyProjection, BatchPlan, Cells, Loaded, Projections, plan_batch, sort_out_unread};
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};

use crate::SqliteReadDb;
use crate::sqlite_cells::{STREAMS_PER_STATEMENT, insert_rows, push_streams, read, select_asked, upsert_rows};
use crate::version_column::version_to_column;

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
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
        for projection in &self.written {
            let read = events.iter().filter(|event| projection.reads(&event.aggregate_type));
            let streams: BTreeSet<StreamId> = read.map(|event| event.stream_id).collect();
            if streams.is_empty() {
                continue;
            }
            let streams: Vec<StreamId> = streams.into_iter().collect();
            let loaded = load(&mut transaction, *projection, &streams).await?;
            let plan = plan_batch(*projection, &loaded, events).map_err(corrupt)?;
            write(&mut transaction, *projection, &plan).await.map_err(unavailable)?;
            handled = handled.with(plan.outcome);
        }
        transaction.commit().await.map_err(unavailable)?;
        Ok(handled)
    }
}

fn unavailable(error: sqlx::Error) -> EventHandlerError {
    EventHandlerError::Unavailable { source: error.into() }
}

fn corrupt(error: impl std::fmt::Display) -> EventHandlerError {
    EventHandlerError::Corrupt { reason: error.to_string() }
}

async fn load(
    connection: &mut SqliteConnection,
    projection: &dyn AnyProjection,
    streams: &[StreamId],
) -> Result<Loaded, EventHandlerError> {
    let mut loaded = Loaded::default();
    let table = projection.row_table();
    for some_streams in streams.chunks(STREAMS_PER_STATEMENT) {
        for row in select_asked(table, some_streams).build().fetch_all(&mut *connection).await.map_err(unavailable)? {
            let cells = read(&row, table).map_err(corrupt)?;
            loaded.rows.insert(cells.stream_id(), cells);
        }
        let mut select = QueryBuilder::<Sqlite>::new("SELECT envelope FROM early_events WHERE projection = ");
        select.push_bind(projection.name()).push(" AND stream_id IN ");
        push_streams(&mut select, some_streams);
        for row in select.build().fetch_all(&mut *connection).await.map_err(unavailable)? {
            let envelope: &str = row.try_get("envelope").map_err(unavailable)?;
            loaded.early_events.push(serde_json::from_str(envelope).map_err(corrupt)?);
        }
    }
    Ok(loaded)
}

async fn write(
    connection: &mut SqliteConnection,
    projection: &dyn AnyProjection,
    plan: &BatchPlan,
) -> Result<(), sqlx::Error> {
    let rows: Vec<&Cells> = plan.rows.iter().collect();
    upsert_rows(connection, projection.row_table(), &rows).await?;
    if let Some(table) = projection.line_table() {
        let lines: Vec<&Cells> = plan.lines.iter().collect();
        insert_rows(connection, table, table.name, &lines).await?;
    }
    for events in plan.keep_early.chunks(STREAMS_PER_STATEMENT) {
        let mut insert = QueryBuilder::new("INSERT INTO early_events (projection, stream_id, version, envelope) ");
        insert.push_values(events, |mut row, event| {
            row.push_bind(projection.name())
                .push_bind(event.stream_id.to_string())
                .push_bind(version_to_column(event.version))
                .push_bind(serde_json::to_string(event).expect("an envelope is plain JSON"));
        });
        insert.build().execute(&mut *connection).await?;
    }
    for (stream_id, version) in &plan.drop_early {
        sqlx::query("DELETE FROM early_events WHERE projection = ? AND stream_id = ? AND version = ?")
            .bind(projection.name())
            .bind(stream_id.to_string())
            .bind(version_to_column(*version))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
