use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::{Executor as _, MySqlPool};

use crate::ConnectError;
use crate::mysql_read_db::options_of;
use crate::reworded_migrations::accept_reworded;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../../migrations/mysql");

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait while another migrates.
const TURN_TIMEOUT_S: u32 = 300;

/// Why the tables could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The URL names no database. Handling: fix the setting, then start again.
    #[error(transparent)]
    Url(#[from] ConnectError),
    /// The server could not be reached or refused the user. Handling: fix what the source says, then again.
    #[error("the read database is unavailable")]
    Unavailable {
        /// The driver's error.
        #[source]
        source: sqlx::Error,
    },
    /// Another has been migrating the same database for minutes. Handling: see what it does, then again.
    #[error("the read database is being migrated by another")]
    Busy,
    /// A migration failed, or one that was applied is another now, or unknown to this build. Handling: a person
    /// must look; none after the failed one was applied.
    #[error("cannot bring the read database's tables up to date")]
    Tables {
        /// The driver's error.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
}

/// Brings the tables to this build's form. The user in the URL must have the right to make and alter tables.
/// Doing it again changes nothing, and several may do it at once: they take turns.
///
/// # Errors
/// See [`MigrateError`].
pub async fn migrate(url: &str) -> Result<(), MigrateError> {
    let options: MySqlConnectOptions = options_of(url)?;
    let pool = MySqlPoolOptions::new()
        // One that holds the turn, and one that migrates.
        .max_connections(2)
        .acquire_timeout(CONNECT_TIMEOUT)
        .after_connect(|connection, _| {
            // A change of a table waits for the transactions that use it, and all that come after wait behind it:
            // rather than that, it gives up soon and can be tried again. How long the change itself takes has no
            // limit.
            Box::pin(async move { connection.execute("SET SESSION lock_wait_timeout = 10").await.map(|_| ()) })
        })
        .connect_with(options)
        .await
        .map_err(|source| MigrateError::Unavailable { source })?;
    let result = migrate_in_turn(&pool).await;
    // It also ends the turn.
    pool.close().await;
    result
}

/// The driver's own lock asks to wait without a limit by a negative one, which MariaDB takes for no waiting at all.
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
