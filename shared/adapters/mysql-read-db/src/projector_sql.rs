//! The statements of a projector's transaction.

use std::collections::BTreeSet;

use cqrs::{EventEnvelope, StreamId};
use projection::{AnyProjection, BatchPlan, Cell, Cells, Loaded, Table};
use serde::Serialize;
use sql_read_db::SqlError;
use sqlx::{AssertSqlSafe, MySqlConnection, Row as _};

use crate::held_connection::HeldConnection;
use crate::mysql_cells::{JsonCell, hex_of, json_row, read_behind};
use crate::parcels::{Parcel, json, parcels};
use crate::sql_error::sql_error;
use crate::table_sql::{self, asked_streams};
use crate::try_error::TryError;

/// The text that opens a transaction on these streams: it passes the gates of the projections, and locks the streams.
///
/// From here to the end of the transaction no restore swaps the projections' tables; while a restore does so, the statement waits.
/// No other projector reads or writes the streams, whether they have rows yet or not. The names of the projections whose gates were
/// passed are the answer.
///
/// All statements of the text travel in one message. They have no parameters: a prepared statement travels alone. The values are
/// names of a declaration and ids of streams.
fn opening(gates: &[&'static dyn AnyProjection], streams: &Parcel) -> String {
    let names: Vec<String> = gates.iter().map(|projection| format!("'{}'", projection.name())).collect();
    format!(
        "START TRANSACTION; \
         SELECT {GATE}, name FROM projections WHERE name IN ({}) LOCK IN SHARE MODE; {}",
        names.join(", "),
        locking(streams)
    )
}

/// Locks these streams, and leaves them in [`ASKED`].
fn locking(streams: &Parcel) -> String {
    format!(
        "SET {ASKED} = '{}'; \
         INSERT INTO stream_locks (stream_id) SELECT UNHEX(asked.stream_id) FROM {} ORDER BY asked.stream_id \
         ON DUPLICATE KEY UPDATE stream_id = stream_locks.stream_id; ",
        streams.json,
        asked_streams(ASKED)
    )
}

/// Reads the rows and the early events of the streams in [`ASKED`]. It reads without locking: the streams are locked, and under
/// READ COMMITTED each statement sees all that was committed before the statement began.
fn reading(place: usize, projection: &dyn AnyProjection) -> String {
    format!(
        "{}; SELECT {}, early.envelope FROM {} \
         STRAIGHT_JOIN early_events AS early ON early.projection = '{}' AND early.stream_id = UNHEX(asked.stream_id); ",
        table_sql::select_asked(projection.row_table(), row_answer(place), ASKED),
        early_answer(place),
        asked_streams(ASKED),
        projection.name()
    )
}

/// The variable of the connection with the JSON list of the streams that the next statements are about.
const ASKED: &str = "@asked";
/// The first column of an answer says which statement of the message it answers.
const GATE: usize = 0;

const fn row_answer(place: usize) -> usize {
    1 + 2 * place
}

const fn early_answer(place: usize) -> usize {
    2 + 2 * place
}

/// Opens the transaction, locks the streams, and reads what these projections hold of them: one answer for each reader.
pub(crate) async fn lock_and_load(
    connection: &mut HeldConnection,
    gates: &[&'static dyn AnyProjection],
    readers: &[&'static dyn AnyProjection],
    streams: &BTreeSet<StreamId>,
) -> Result<Vec<Loaded>, TryError> {
    let mut loaded: Vec<Loaded> = readers.iter().map(|_| Loaded::default()).collect();
    let mut passed = 0;
    for (number, parcel) in parcels(streams.iter().copied().map(hex_of)).iter().enumerate() {
        let mut message = if number == 0 { opening(gates, parcel) } else { locking(parcel) };
        message.extend(readers.iter().enumerate().map(|(place, projection)| reading(place, *projection)));
        connection.enter_transaction();
        for row in sqlx::raw_sql(AssertSqlSafe(message)).fetch_all(&mut **connection).await.map_err(sql_error)? {
            let answer: i64 = row.try_get(0).map_err(sql_error)?;
            let answer = usize::try_from(answer).unwrap_or(usize::MAX);
            if answer == GATE {
                passed += 1;
                continue;
            }
            let place = (answer - 1) / 2;
            if answer == row_answer(place) {
                let cells = read_behind(&row, readers[place].row_table(), 1).map_err(sql_error)?;
                loaded[place].rows.insert(cells.stream_id(), cells);
            } else {
                let envelope: &str = row.try_get(1).map_err(sql_error)?;
                let event = serde_json::from_str(envelope).map_err(|error| SqlError::Corrupt(error.to_string()))?;
                loaded[place].early_events.push(event);
            }
        }
    }
    if passed == gates.len() { Ok(loaded) } else { Err(not_prepared(gates)) }
}

fn not_prepared(gates: &[&'static dyn AnyProjection]) -> TryError {
    TryError::NotPrepared { names: gates.iter().map(|projection| projection.name()).collect() }
}

/// Writes a plan. The plan knows which rows exist, so rows are either inserted or updated. A statement fails or counts
/// too few rows if a row is not as it was read.
pub(crate) async fn write(
    connection: &mut MySqlConnection,
    projection: &dyn AnyProjection,
    loaded: &Loaded,
    plan: &BatchPlan,
) -> Result<(), TryError> {
    let table = projection.row_table();
    let (moved, fresh): (Vec<&Cells>, Vec<&Cells>) =
        plan.rows.iter().partition(|row| loaded.rows.contains_key(&row.stream_id()));
    insert(connection, table, fresh).await?;
    let update = table_sql::update(table);
    for parcel in parcels(moved.into_iter().map(|row| moved_row(loaded, row))) {
        let updated = sqlx::query(AssertSqlSafe(update.clone()))
            .bind(&parcel.json)
            .execute(&mut *connection)
            .await
            .map_err(sql_error)?;
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
    let insert = table_sql::insert(table);
    for parcel in parcels(rows.into_iter().map(json_row)) {
        sqlx::query(AssertSqlSafe(insert.clone()))
            .bind(&parcel.json)
            .execute(&mut *connection)
            .await
            .map_err(sql_error)?;
    }
    Ok(())
}

/// The stream's id, the version that was read, and the changing columns.
fn moved_row<'a>(loaded: &Loaded, row: &'a Cells) -> Vec<JsonCell<'a>> {
    let stream_id = row.stream_id();
    let read_version = loaded.rows.get(&stream_id).map_or(0, Cells::version);
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
    sqlx::query(statement).bind(&parcel.json).execute(connection).await.map_err(sql_error)?;
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
    let deleted = sqlx::query(statement)
        .bind(&parcel.json)
        .bind(projection.name())
        .execute(connection)
        .await
        .map_err(sql_error)?;
    expect_rows("deleted", parcel.rows, deleted.rows_affected())
}

fn expect_rows(kind_of_rows: &str, expected: usize, found: u64) -> Result<(), TryError> {
    if usize::try_from(found) == Ok(expected) {
        Ok(())
    } else {
        Err(TryError::Contradicted(format!("{found} {kind_of_rows} of {expected}")))
    }
}
