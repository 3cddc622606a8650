//! Opens what a query function and the projector need of the read database that `READ_DB_URL` names: each its own part, so that a
//! query links nothing that writes.

use std::sync::Arc;

use bank_read_model::BankAccountRepository;
use cqrs::EventHandler;
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

/// Opens what queries read of the database that the URL names, for a function: one request at a time. A server is not connected
/// yet: one that is down at the start may be back at the first request.
///
/// # Errors
/// See [`ReadSideError`].
pub async fn open_accounts(read_db_url: &SecretUrl) -> Result<Arc<dyn BankAccountRepository>, ReadSideError> {
    #[cfg(feature = "mysql")]
    if is_mysql(read_db_url) {
        return Ok(Arc::new(mysql_read_db::MySqlReadDb::connect_for_function(read_db_url.expose())?));
    }
    #[cfg(feature = "sqlite")]
    if let Some(path) = read_db_url.sqlite_path() {
        return Ok(Arc::new(sqlite_embedded::SqliteReadDb::open(path.as_ref()).await?));
    }
    Err(unknown_scheme(read_db_url))
}

/// Opens what the projector writes through, for a function: one batch at a time. A server is not connected yet.
///
/// # Errors
/// See [`ReadSideError`].
pub async fn open_event_handler(read_db_url: &SecretUrl) -> Result<Arc<dyn EventHandler>, ReadSideError> {
    #[cfg(feature = "mysql")]
    if is_mysql(read_db_url) {
        return Ok(Arc::new(mysql_read_db::MySqlReadDb::connect_for_function(read_db_url.expose())?));
    }
    #[cfg(feature = "sqlite")]
    if let Some(path) = read_db_url.sqlite_path() {
        return Ok(Arc::new(sqlite_embedded::SqliteReadDb::open(path.as_ref()).await?));
    }
    Err(unknown_scheme(read_db_url))
}

/// Opens both, for a program that handles many requests at once.
///
/// # Errors
/// See [`ReadSideError`].
pub async fn open_for_many(read_db_url: &SecretUrl) -> Result<ReadSide, ReadSideError> {
    #[cfg(feature = "mysql")]
    if is_mysql(read_db_url) {
        let read_db = Arc::new(mysql_read_db::MySqlReadDb::connect(read_db_url.expose())?);
        return Ok(ReadSide { accounts: read_db.clone(), event_handler: read_db });
    }
    #[cfg(feature = "sqlite")]
    if let Some(path) = read_db_url.sqlite_path() {
        let read_db = Arc::new(sqlite_embedded::SqliteReadDb::open(path.as_ref()).await?);
        return Ok(ReadSide { accounts: read_db.clone(), event_handler: read_db });
    }
    Err(unknown_scheme(read_db_url))
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
    Err(unknown_scheme(read_db_url))
}

#[cfg(feature = "mysql")]
fn is_mysql(read_db_url: &SecretUrl) -> bool {
    read_db_url.scheme() == "mysql"
}

fn unknown_scheme(read_db_url: &SecretUrl) -> ReadSideError {
    ReadSideError::UnknownScheme { scheme: read_db_url.scheme().to_owned() }
}
