//! The statements of a projector's transaction.

use std::collections::HashMap;

use cqrs::{EventEnvelope, StreamId};
use projection::{AnyProjection, BatchPlan, Cell, Cells, Loaded, Table};
use serde::Serialize;
use sqlx::{AssertSqlSafe, MySqlConnection, QueryBuilder};

use crate::mysql_cells::{JsonCell, hex_of, json_row, read};
use crate::parcels::{Parcel, json, parcels};
use crate::table_sql::{self, ASKED_STREAMS};
use crate::try_error::TryError;

/// Passes the gates of these projections. From here to the end of the transaction no restore swaps their tables; while a restore
/// does so, this waits.
pub(crate) async fn pass_gates(
    connection: &mut MySqlConnection,
    projections: &[&'static dyn AnyProjection],
) -> Result<(), TryError> {
    let names: Vec<&'static str> = projections.iter().map(|projection| projection.name()).collect();
    let mut select = QueryBuilder::new("SELECT name FROM projections WHERE name IN (");
    let mut list = select.separated(", ");
    names.iter().for_each(|name| _ = list.push_bind(*name));
    select.push(") LOCK IN SHARE MODE");
    let passed = select.build().fetch_all(connection).await?;
    if passed.len() == names.len() { Ok(()) } else { Err(TryError::NotPrepared { names }) }
}

/// Locks these streams. From here to the end of the transaction no other projector reads or writes them, whether they have rows
/// yet or not.
pub(crate) async fn lock_streams(connection: &mut MySqlConnection, streams: &Parcel) -> Result<(), TryError> {
    let statement = format!(
        "INSERT INTO stream_locks (stream_id) SELECT UNHEX(asked.stream_id) FROM {ASKED_STREAMS} \
         ORDER BY asked.stream_id ON DUPLICATE KEY UPDATE stream_id = stream_locks.stream_id"
    );
    sqlx::query(AssertSqlSafe(statement)).bind(&streams.json).execute(connection).await?;
    Ok(())
}

/// Reads without locking: the streams are locked, and under READ COMMITTED each statement sees all that was committed before
/// the statement began.
pub(crate) async fn load(
    connection: &mut MySqlConnection,
    projection: &dyn AnyProjection,
    stream_parcels: &[Parcel],
) -> Result<Loaded, TryError> {
    let mut loaded = Loaded::default();
    let table = projection.row_table();
    let select_rows = table_sql::select_asked(table);
    let select_early = format!(
        "SELECT early.envelope FROM {ASKED_STREAMS} \
         STRAIGHT_JOIN early_events AS early ON early.projection = ? AND early.stream_id = UNHEX(asked.stream_id)"
    );
    for parcel in stream_parcels {
        let rows =
            sqlx::query(AssertSqlSafe(select_rows.clone())).bind(&parcel.json).fetch_all(&mut *connection).await?;
        for row in rows {
            let cells = read(&row, table)?;
            loaded.rows.insert(cells.stream_id(), cells);
        }
        let early = sqlx::query_scalar(AssertSqlSafe(select_early.clone())).bind(&parcel.json).bind(projection.name());
        let envelopes: Vec<String> = early.fetch_all(&mut *connection).await?;
        for envelope in envelopes {
            let event = serde_json::from_str(&envelope).map_err(|error| TryError::Corrupt(error.to_string()))?;
            loaded.early_events.push(event);
        }
    }
    Ok(loaded)
}

/// Writes a plan. The plan knows which rows exist, so rows are either inserted or updated. A statement fails or counts
/// too few rows if a row is not as it was read.
pub(crate) async fn write(
    connection: &mut MySqlConnection,
    projection: &dyn AnyProjection,
    versions: &HashMap<StreamId, u64>,
    plan: &BatchPlan,
) -> Result<(), TryError> {
    let table = projection.row_table();
    let (moved, fresh): (Vec<&Cells>, Vec<&Cells>) =
        plan.rows.iter().partition(|row| versions.contains_key(&row.stream_id()));
    insert(connection, table, fresh).await?;
    let update = table_sql::update(table);
    for parcel in parcels(moved.into_iter().map(|row| moved_row(versions, row))) {
        let updated = sqlx::query(AssertSqlSafe(update.clone())).bind(&parcel.json).execute(&mut *connection).await?;
        expect_rows("updated", parcel.rows, updated.rows_affected())?;
    }
    if let Some(table) = projection.line_table() {
        insert(connection, table, &plan.lines).await?;
    }
    for parcel in parcels(plan.keep_early.iter().map(|event| early_row(projection, event))) {
        insert_early(connection, &parcel).await?;
    }
    let done = plan.drop_early.iter().map(|(stream_id, version)| (hex_of(*stream_id), version));
    for parcel in parcels(done) {
        delete_early(connection, projection, &parcel).await?;
    }
    Ok(())
}

async fn insert(
    connection: &mut MySqlConnection,
    table: &Table,
    rows: impl IntoIterator<Item = &Cells>,
) -> Result<(), TryError> {
    let insert = table_sql::insert(table, table.name);
    for parcel in parcels(rows.into_iter().map(json_row)) {
        sqlx::query(AssertSqlSafe(insert.clone())).bind(&parcel.json).execute(&mut *connection).await?;
    }
    Ok(())
}

/// The stream's id, the version that was read, and the changing columns.
fn moved_row<'a>(versions: &HashMap<StreamId, u64>, row: &'a Cells) -> Vec<JsonCell<'a>> {
    let stream_id = row.stream_id();
    let read_version = versions.get(&stream_id).copied().unwrap_or_default();
    let found_by = [JsonCell::from(Cell::from(stream_id)), JsonCell::from(Cell::from(read_version))];
    let changing = table_sql::changing(row.table()).map(|(place, _)| JsonCell::from(&row.values()[place]));
    found_by.into_iter().chain(changing).collect()
}

fn early_row(projection: &dyn AnyProjection, event: &EventEnvelope) -> impl Serialize {
    (projection.name(), hex_of(event.stream_id), event.version, json(event))
}

async fn insert_early(connection: &mut MySqlConnection, parcel: &Parcel) -> Result<(), TryError> {
    let statement = "INSERT INTO early_events (projection, stream_id, version, envelope) \
         SELECT fresh.projection, UNHEX(fresh.stream_id), fresh.version, fresh.envelope \
         FROM JSON_TABLE(?, '$[*]' COLUMNS ( \
             projection VARCHAR(65)     PATH '$[0]' ERROR ON ERROR, \
             stream_id  VARCHAR(32)     PATH '$[1]' ERROR ON ERROR, \
             version    BIGINT UNSIGNED PATH '$[2]' ERROR ON ERROR, \
             envelope   MEDIUMTEXT      PATH '$[3]' ERROR ON ERROR \
         )) AS fresh";
    sqlx::query(statement).bind(&parcel.json).execute(connection).await?;
    Ok(())
}

async fn delete_early(
    connection: &mut MySqlConnection,
    projection: &dyn AnyProjection,
    parcel: &Parcel,
) -> Result<(), TryError> {
    let statement = "DELETE early \
         FROM JSON_TABLE(?, '$[*]' COLUMNS ( \
             stream_id VARCHAR(32)     PATH '$[0]' ERROR ON ERROR, \
             version   BIGINT UNSIGNED PATH '$[1]' ERROR ON ERROR \
         )) AS applied \
         STRAIGHT_JOIN early_events AS early ON early.projection = ? \
             AND early.stream_id = UNHEX(applied.stream_id) AND early.version = applied.version";
    let deleted = sqlx::query(statement).bind(&parcel.json).bind(projection.name()).execute(connection).await?;
    expect_rows("deleted", parcel.rows, deleted.rows_affected())
}

fn expect_rows(kind_of_rows: &str, expected: usize, found: u64) -> Result<(), TryError> {
    if usize::try_from(found) == Ok(expected) {
        Ok(())
    } else {
        Err(TryError::Contradicted(format!("{found} {kind_of_rows} of {expected}")))
    }
}
