//! Opens what a query function and the projector need: the read database that `READ_DB_URL` names.

use std::sync::Arc;

use cqrs::EventHandler;
use read_model::BankAccountRepository;
use settings::SecretUrl;

/// The read side's adapters; one database behind both.
#[derive(Clone)]
pub struct ReadSide {
    /// What queries read.
    pub accounts: Arc<dyn BankAccountRepository>,
    /// What the projector writes through.
    pub event_handler: Arc<dyn EventHandler>,
}

/// Why the read side could not be opened. Handling: fix the setting, then start again.
#[derive(Debug, thiserror::Error)]
pub enum ReadSideError {
    /// No adapter of this build is for such a URL.
    #[error("READ_DB_URL: this build has no read database for the scheme {scheme:?}")]
    UnknownScheme {
        /// What comes before `://`.
        scheme: String,
    },
    /// The SQLite file could not be opened.
    #[cfg(feature = "sqlite")]
    #[error(transparent)]
    Sqlite(#[from] sqlite_embedded::OpenError),
    /// The URL is no server's.
    #[cfg(feature = "mysql")]
    #[error(transparent)]
    MySql(#[from] mysql_read_db::ConnectError),
}

/// Opens the read database that the URL names, for a function: one request at a time.
///
/// # Errors
/// See [`ReadSideError`].
pub async fn open(read_db_url: &SecretUrl) -> Result<ReadSide, ReadSideError> {
    // Not connected yet: a server that is down at the start is one that may be back at the first request.
    #[cfg(feature = "mysql")]
    if is_mysql(read_db_url) {
        return Ok(on_mysql(mysql_read_db::MySqlReadDb::connect_for_function(read_db_url.expose())?));
    }
    open_sqlite(read_db_url).await
}

/// As [`open`], for a program that handles many requests at once.
///
/// # Errors
/// See [`ReadSideError`].
pub async fn open_for_many(read_db_url: &SecretUrl) -> Result<ReadSide, ReadSideError> {
    #[cfg(feature = "mysql")]
    if is_mysql(read_db_url) {
        return Ok(on_mysql(mysql_read_db::MySqlReadDb::connect(read_db_url.expose())?));
    }
    open_sqlite(read_db_url).await
}

/// Opens the read database that the URL names, for who restores it or looks a restore up.
///
/// # Errors
/// See [`ReadSideError`].
#[cfg(feature = "restore")]
pub async fn open_for_restore(read_db_url: &SecretUrl) -> Result<Arc<dyn restore::RestoreStore>, ReadSideError> {
    #[cfg(feature = "sqlite")]
    if let Some(path) = read_db_url.sqlite_path() {
        return Ok(Arc::new(sqlite_embedded::SqliteReadDb::open(path.as_ref()).await?));
    }
    #[cfg(feature = "mysql")]
    if is_mysql(read_db_url) {
        return Ok(Arc::new(mysql_read_db::MySqlReadDb::connect_for_restore(read_db_url.expose())?));
    }
    Err(ReadSideError::UnknownScheme { scheme: read_db_url.scheme().to_owned() })
}

#[cfg(feature = "mysql")]
fn is_mysql(read_db_url: &SecretUrl) -> bool {
    read_db_url.scheme() == "mysql"
}

#[cfg(feature = "mysql")]
fn on_mysql(read_db: mysql_read_db::MySqlReadDb) -> ReadSide {
    let read_db = Arc::new(read_db);
    ReadSide { accounts: read_db.clone(), event_handler: read_db }
}

/// The last that is asked: what is no file either is refused.
async fn open_sqlite(read_db_url: &SecretUrl) -> Result<ReadSide, ReadSideError> {
    #[cfg(feature = "sqlite")]
    if let Some(path) = read_db_url.sqlite_path() {
        let read_db = Arc::new(sqlite_embedded::SqliteReadDb::open(path.as_ref()).await?);
        return Ok(ReadSide { accounts: read_db.clone(), event_handler: read_db });
    }
    Err(ReadSideError::UnknownScheme { scheme: read_db_url.scheme().to_owned() })
}
