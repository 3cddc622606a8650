//! The read database's side of a restore.

mod leases; // RestoreLeases
mod locked_stream; // one stream, rebuilt in its place
mod register; // RestoreRegister
mod restoring_connection; // a connection, until its answer is there
mod shadow; // the shadow tables, outside the gate and inside
mod shadow_sql; // the statements about shadow tables
mod shadow_store; // ShadowStore
mod statements; // the statements' texts, for a test
mod tables; // shadow tables made, swapped, dropped
mod writes; // rows into the tables, many at a time

pub use statements::statements_of;

use restore::{Lease, RestoreId, RestoreJob, RestoreStoreError};
use sqlx::{AssertSqlSafe, MySqlConnection};

use crate::try_error::{TryError, is_unreadable, server_error_number};

/// The server's clock, so that the leases of several machines follow one clock.
const NOW_US: &str = "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)";

fn unavailable(error: sqlx::Error) -> RestoreStoreError {
    if is_unreadable(&error) {
        return corrupt(error);
    }
    match server_error_number(&error) {
        // The numbers are ER_LOCK_DEADLOCK, ER_LOCK_WAIT_TIMEOUT and, on MariaDB only, ER_CHECKREAD.
        Some(1213 | 1205 | 1020) => RestoreStoreError::Busy,
        _ => RestoreStoreError::Unavailable { source: error.into() },
    }
}

fn lock_error(error: TryError) -> RestoreStoreError {
    match error {
        TryError::LostRace(error) | TryError::Unavailable(error) => unavailable(error),
        error @ TryError::NotPrepared { .. } => RestoreStoreError::Unavailable { source: error.into() },
        TryError::Contradicted(_) | TryError::Corrupt(_) => corrupt(error),
    }
}

fn corrupt(error: impl std::fmt::Display) -> RestoreStoreError {
    RestoreStoreError::Corrupt { reason: error.to_string() }
}

fn lease_us(lease: &Lease) -> i64 {
    i64::try_from(lease.duration.as_micros()).unwrap_or(i64::MAX / 2)
}

/// Moves the lease's end and counts these events. Fails if another worker has the lease, or if the restore has ended.
/// From here to the end of the transaction no worker can take the lease over. So a worker that was thought dead writes
/// nothing more.
async fn renew(connection: &mut MySqlConnection, job: &RestoreJob, events: u64) -> Result<(), RestoreStoreError> {
    renew_lease(connection, job.id, &job.lease, events).await
}

async fn renew_lease(
    connection: &mut MySqlConnection,
    id: RestoreId,
    lease: &Lease,
    events: u64,
) -> Result<(), RestoreStoreError> {
    let statement = format!(
        "UPDATE restores SET lease_until_us = {NOW_US} + ?, events_replayed = events_replayed + ? \
         WHERE restore_id = ? AND lease_holder = ? AND status = 'running'"
    );
    let renewed = sqlx::query(AssertSqlSafe(statement))
        .bind(lease_us(lease))
        .bind(events)
        .bind(id.as_uuid())
        .bind(&lease.holder)
        .execute(connection)
        .await
        .map_err(unavailable)?;
    if renewed.rows_affected() == 1 { Ok(()) } else { Err(RestoreStoreError::LeaseLost) }
}
