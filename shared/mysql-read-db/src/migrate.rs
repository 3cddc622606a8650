use std::time::Duration;

use sqlx::Executor as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};

use crate::ConnectError;
use crate::mysql_read_db::options_of;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations/mysql");

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

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
        .max_connections(1)
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
    let result = MIGRATIONS.run(&pool).await;
    pool.close().await;
    result.map_err(|source| MigrateError::Tables { source })
}
