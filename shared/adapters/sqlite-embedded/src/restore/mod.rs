//! The read database's side of a restore. Every write is a short transaction on the one writing connection, so that the
//! bus can write in between.

mod leases; // RestoreLeases
mod locked_stream; // one stream, rebuilt in its place
mod register; // RestoreRegister
mod shadow; // the shadow tables, outside the gate and inside
mod shadow_sql; // the statements about shadow tables
mod shadow_store; // ShadowStore
mod statements; // the statements' texts, for a test
mod tables; // shadow tables made, swapped, dropped

use cqrs::{StreamId, Timestamp};
pub use statements::statements_of;

use restore::{Lease, RestoreId, RestoreJob, RestoreStoreError};
use sqlx::SqliteConnection;
use uuid::Uuid;

fn unavailable(error: sqlx::Error) -> RestoreStoreError {
    if matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) {
        return corrupt(error);
    }
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    // The lower eight bits are the basic code: 5 is SQLITE_BUSY and 6 SQLITE_LOCKED.
    if code.is_some_and(|code| matches!(code & 0xff, 5 | 6)) {
        return RestoreStoreError::Busy;
    }
    RestoreStoreError::Unavailable { source: error.into() }
}

fn corrupt(error: impl std::fmt::Display) -> RestoreStoreError {
    RestoreStoreError::Corrupt { reason: error.to_string() }
}

fn now_us() -> i64 {
    Timestamp::now().unix_micros()
}

fn lease_end_us(lease: &Lease) -> i64 {
    now_us().saturating_add(i64::try_from(lease.duration.as_micros()).unwrap_or(i64::MAX))
}

/// Moves the lease's end and counts these events. Fails if another worker has the lease, or if the restore has ended.
/// The transaction around it keeps a worker that was thought dead from writing.
async fn renew(connection: &mut SqliteConnection, job: &RestoreJob, events: u64) -> Result<(), RestoreStoreError> {
    renew_lease(connection, job.id, &job.lease, events).await
}

async fn renew_lease(
    connection: &mut SqliteConnection,
    id: RestoreId,
    lease: &Lease,
    events: u64,
) -> Result<(), RestoreStoreError> {
    let renewed = sqlx::query(
        "UPDATE restores SET lease_until_us = ?, events_replayed = events_replayed + ? \
         WHERE restore_id = ? AND lease_holder = ? AND status = 'running'",
    )
    .bind(lease_end_us(lease))
    .bind(events.cast_signed())
    .bind(id.to_string())
    .bind(&lease.holder)
    .execute(connection)
    .await
    .map_err(unavailable)?;
    if renewed.rows_affected() == 1 { Ok(()) } else { Err(RestoreStoreError::LeaseLost) }
}

fn stream_from(text: Option<String>) -> Result<Option<StreamId>, RestoreStoreError> {
    text.map(|text| Uuid::try_parse(&text).map(StreamId).map_err(corrupt)).transpose()
}

/// The bounds of a range, for comparison with the ids' texts. A range without an end gets a bound that sorts after
/// every digit.
fn bounds(range: cqrs::StreamRange) -> (String, String) {
    let from = range.from.map_or_else(String::new, |from| from.to_string());
    (from, range.before.map_or_else(|| "~".to_owned(), |before| before.to_string()))
}
