use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::{Executor as _, MySqlPool};

use crate::ConnectError;
use crate::mysql_read_db::options_of;
use crate::reworded_migrations::accept_reworded;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../../migrations/mysql");

/// The time limit for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The time to wait while another process migrates.
const TURN_TIMEOUT_S: u32 = 300;

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
        /// The driver's error.
        #[source]
        source: sqlx::Error,
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
        .map_err(|source| MigrateError::Unavailable { source })?;
    let result = migrate_in_turn(&pool).await;
    // Closing the pool also ends the turn.
    pool.close().await;
    result
}

/// Migrates when this process's turn comes. The driver's own lock passes a negative limit to wait without a limit.
/// MariaDB takes a negative limit for no wait at all.
async fn migrate_in_turn(pool: &MySqlPool) -> Result<(), MigrateError> {
    let unavailable = |source| MigrateError::Unavailable { source };
    let mut turn = pool.acquire().await.map_err(unavailable)?;
    let is_ours: Option<i64> =
        sqlx::query_scalar("SELECT GET_LOCK(CONCAT('migrate.', LEFT(SHA2(DATABASE(), 256), 40)), ?)")
            .bind(TURN_TIMEOUT_S)
            .fetch_one(&mut *turn)
            .await
            .map_err(unavailable)?;
    if is_ours != Some(1) {
        return Err(MigrateError::Busy);
    }
    accept_reworded(&mut turn, &MIGRATIONS).await.map_err(unavailable)?;
    let result = MIGRATIONS.run(pool).await.map_err(|source| MigrateError::Tables { source });
    turn.close().await.map_err(unavailable)?;
    result
}
