use std::time::Duration;

use projection::ColumnKind;
use sql_read_db::{SqlConnection as _, SqlError, Statement, accept_reworded};
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::{Executor as _, MySqlPool};

use crate::ConnectError;
use crate::held_connection::HeldConnection;
use crate::mysql_read_db::options_of;
use crate::reworded_migrations::REWORDED;
use crate::sql_error::sql_error;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../../migrations/mysql");

/// The time limit for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The time to wait while another process migrates.
const TURN_TIMEOUT_S: u64 = 300;
/// Counts the tables in which the driver records the migrations.
const COUNT_OF_RECORDS: &str = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = '_sqlx_migrations'";

/// The reason why the tables could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The URL names no database. Handling: fix the setting, then start again.
    #[error(transparent)]
    Url(#[from] ConnectError),
    /// The server could not be reached or refused the user. Handling: fix the fault that the source names, then try
    /// again.
    #[error("the read database is unavailable")]
    Unavailable {
        /// The reason.
        #[source]
        source: SqlError,
    },
    /// Another process has been migrating the same database for minutes. Handling: find out what that process does,
    /// then try again.
    #[error("another process is migrating the read database")]
    Busy,
    /// A migration failed, or an applied migration has changed or is unknown to this build. Handling: a person must
    /// look. No migration after the failed one was applied.
    #[error("cannot bring the read database's tables up to date")]
    Tables {
        /// The driver's error.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
}

/// Brings the tables to this build's form. The user in the URL must have the right to make and alter tables. A repeated
/// call changes nothing. Several processes may call it at once: they take turns.
///
/// # Errors
/// See [`MigrateError`].
pub async fn migrate(url: &str) -> Result<(), MigrateError> {
    let options: MySqlConnectOptions = options_of(url)?;
    let pool = MySqlPoolOptions::new()
        // One connection holds the turn, and one migrates.
        .max_connections(2)
        .acquire_timeout(CONNECT_TIMEOUT)
        .after_connect(|connection, _| {
            // A change of a table waits for the transactions that use the table, and all later transactions wait behind
            // the change. So the change gives up soon and can be tried again. The duration of the change itself has no
            // limit.
            Box::pin(async move { connection.execute("SET SESSION lock_wait_timeout = 10").await.map(|_| ()) })
        })
        .connect_with(options)
        .await
        .map_err(|error| MigrateError::Unavailable { source: sql_error(error) })?;
    let result = migrate_in_turn(&pool).await;
    // Closing the pool also ends the turn.
    pool.close().await;
    result
}

/// Migrates when this process's turn comes. The driver's own lock passes a negative limit to wait without a limit.
/// MariaDB takes a negative limit for no wait at all.
async fn migrate_in_turn(pool: &MySqlPool) -> Result<(), MigrateError> {
    let unavailable = |source| MigrateError::Unavailable { source };
    let mut turn = HeldConnection::of(pool).await.map_err(unavailable)?;
    turn.close_on_drop();
    let take_turn = Statement::new("SELECT GET_LOCK(CONCAT('migrate.', LEFT(SHA2(DATABASE(), 256), 40)), ?)");
    let rows = turn.fetch(take_turn.with(TURN_TIMEOUT_S), &[ColumnKind::Integer]).await.map_err(unavailable)?;
    if rows.first().map(|row| row.integer(0)).transpose().map_err(unavailable)? != Some(1) {
        return Err(MigrateError::Busy);
    }
    let today = MIGRATIONS.iter().map(|migration| (migration.version, &*migration.checksum));
    accept_reworded(&mut turn, COUNT_OF_RECORDS, REWORDED, today).await.map_err(unavailable)?;
    MIGRATIONS.run(pool).await.map_err(|source| MigrateError::Tables { source })
}
