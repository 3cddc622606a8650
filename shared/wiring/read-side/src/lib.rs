//! Opens the part of the read database that a function or the projector needs, at the address in `READ_DB_URL`. Each part is opened
//! on its own, so that a query links nothing that writes.

use std::sync::Arc;

use cqrs::EventHandler;
use projection::{ProjectionRegister, Projections, RowReader};
use settings::SecretUrl;

/// The read side's adapters, all for one database.
#[derive(Clone)]
pub struct ReadSide {
    /// The port that queries read.
    pub rows: Arc<dyn RowReader>,
    /// The port that gives the version of the rows of each projection.
    pub register: Arc<dyn ProjectionRegister>,
    /// The port that the projector writes through.
    pub event_handler: Arc<dyn EventHandler>,
}

/// The reason why the read side could not be opened. Handling: fix the setting, then start again.
#[derive(Debug, thiserror::Error)]
pub enum ReadSideError {
    /// This build has no adapter for such a URL.
    #[error("READ_DB_URL: this build has no read database for the scheme {scheme:?}")]
    UnknownScheme {
        /// The part of the URL before `://`.
        scheme: String,
    },
    /// The SQLite file could not be opened.
    #[cfg(feature = "sqlite")]
    #[error(transparent)]
    Sqlite(#[from] sqlite_embedded::OpenError),
    /// The URL is not a server's URL.
    #[cfg(feature = "mysql")]
    #[error(transparent)]
    MySql(#[from] mysql_read_db::ConnectError),
}

/// Opens the rows that queries read, for a function: one request at a time. The server is not connected yet. If it is
/// down at the start, it may be back at the first request.
///
/// # Errors
/// See [`ReadSideError`].
pub async fn open_rows(read_db_url: &SecretUrl) -> Result<Arc<dyn RowReader>, ReadSideError> {
    #[cfg(feature = "mysql")]
    if is_mysql(read_db_url) {
        return Ok(Arc::new(mysql_read_db::connect_for_function(read_db_url.expose())?));
    }
    #[cfg(feature = "sqlite")]
    if let Some(path) = read_db_url.sqlite_path() {
        return Ok(Arc::new(sqlite_embedded::open_read_db(path.as_ref()).await?));
    }
    Err(unknown_scheme(read_db_url))
}

/// Opens the records of the projections, for a function that checks whether a build is due. The server is not connected
/// yet.
///
/// # Errors
/// See [`ReadSideError`].
pub async fn open_register(read_db_url: &SecretUrl) -> Result<Arc<dyn ProjectionRegister>, ReadSideError> {
    #[cfg(feature = "mysql")]
    if is_mysql(read_db_url) {
        return Ok(Arc::new(mysql_read_db::connect_for_function(read_db_url.expose())?));
    }
    #[cfg(feature = "sqlite")]
    if let Some(path) = read_db_url.sqlite_path() {
        return Ok(Arc::new(sqlite_embedded::open_read_db(path.as_ref()).await?));
    }
    Err(unknown_scheme(read_db_url))
}

/// Opens the port through which the projector writes these projections, for a function: one batch at a time. The server
/// is not connected yet.
///
/// # Errors
/// See [`ReadSideError`].
#[cfg_attr(not(any(feature = "mysql", feature = "sqlite")), expect(unused_variables, reason = "for a database alone"))]
pub async fn open_event_handler(
    read_db_url: &SecretUrl,
    projections: Projections,
) -> Result<Arc<dyn EventHandler>, ReadSideError> {
    #[cfg(feature = "mysql")]
    if is_mysql(read_db_url) {
        let read_db = mysql_read_db::connect_for_function(read_db_url.expose())?;
        return Ok(Arc::new(mysql_read_db::MySqlProjector::new(read_db, projections)));
    }
    #[cfg(feature = "sqlite")]
    if let Some(path) = read_db_url.sqlite_path() {
        let read_db = sqlite_embedded::open_read_db(path.as_ref()).await?;
        return Ok(Arc::new(sqlite_embedded::SqliteProjector::new(read_db, projections)));
    }
    Err(unknown_scheme(read_db_url))
}

/// Opens all ports, for a program that handles many requests at once.
///
/// # Errors
/// See [`ReadSideError`].
#[cfg_attr(not(any(feature = "mysql", feature = "sqlite")), expect(unused_variables, reason = "for a database alone"))]
pub async fn open_for_many(read_db_url: &SecretUrl, projections: Projections) -> Result<ReadSide, ReadSideError> {
    #[cfg(feature = "mysql")]
    if is_mysql(read_db_url) {
        let read_db = mysql_read_db::connect(read_db_url.expose())?;
        let event_handler = Arc::new(mysql_read_db::MySqlProjector::new(read_db.clone(), projections));
        let read_db = Arc::new(read_db);
        return Ok(ReadSide { rows: read_db.clone(), register: read_db, event_handler });
    }
    #[cfg(feature = "sqlite")]
    if let Some(path) = read_db_url.sqlite_path() {
        let read_db = sqlite_embedded::open_read_db(path.as_ref()).await?;
        let event_handler = Arc::new(sqlite_embedded::SqliteProjector::new(read_db.clone(), projections));
        let read_db = Arc::new(read_db);
        return Ok(ReadSide { rows: read_db.clone(), register: read_db, event_handler });
    }
    Err(unknown_scheme(read_db_url))
}

/// Opens the read database for a program that restores it or reads a restore's record.
///
/// # Errors
/// See [`ReadSideError`].
#[cfg(feature = "restore")]
pub async fn open_for_restore(read_db_url: &SecretUrl) -> Result<Arc<dyn restore::RestoreStore>, ReadSideError> {
    #[cfg(feature = "sqlite")]
    if let Some(path) = read_db_url.sqlite_path() {
        return Ok(Arc::new(sqlite_embedded::open_read_db(path.as_ref()).await?));
    }
    #[cfg(feature = "mysql")]
    if is_mysql(read_db_url) {
        return Ok(Arc::new(mysql_read_db::connect_for_restore(read_db_url.expose())?));
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
