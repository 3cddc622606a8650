//! Opens what a command function needs: the event store that `EVENT_STORE_URL` names, and the bus.

use std::sync::Arc;

use cqrs::{EventPublisher, EventStoreRepository};
use settings::SecretUrl;

/// The write side's adapters.
#[derive(Clone)]
pub struct WriteSide {
    /// Where commits go.
    pub event_store: Arc<dyn EventStoreRepository>,
    /// What is told of them.
    pub publisher: Arc<dyn EventPublisher>,
}

/// Why the write side could not be opened. Handling: fix the setting, then start again.
#[derive(Debug, thiserror::Error)]
pub enum WriteSideError {
    /// No adapter of this build is for such a URL.
    #[error("EVENT_STORE_URL: this build has no event store for the scheme {scheme:?}")]
    UnknownScheme {
        /// What comes before `://`.
        scheme: String,
    },
    /// There is no MongoDB client for the URL.
    #[cfg(feature = "mongodb")]
    #[error(transparent)]
    Mongo(#[from] mongo_event_store::ConnectError),
    /// The SQLite file could not be opened.
    #[cfg(feature = "sqlite")]
    #[error(transparent)]
    Sqlite(#[from] sqlite_embedded::OpenError),
}

/// Opens the event store that the URL names, and the bus that goes with it.
///
/// A SQLite event store is its own outbox: whoever runs the projector tails its log, so there is nothing to
/// publish to. A MongoDB event store marks each commit as undelivered, and a relay finds the mark; nothing is
/// published by the writer itself.
///
/// # Errors
/// See [`WriteSideError`].
pub async fn open(event_store_url: &SecretUrl) -> Result<WriteSide, WriteSideError> {
    #[cfg(feature = "mongodb")]
    if matches!(event_store_url.scheme(), "mongodb" | "mongodb+srv") {
        let event_store = mongo_event_store::MongoEventStore::connect(event_store_url.expose()).await?;
        let publisher = Arc::new(mongo_event_store::MarkedForRelay);
        return Ok(WriteSide { event_store: Arc::new(event_store), publisher });
    }
    #[cfg(feature = "sqlite")]
    if let Some(path) = event_store_url.sqlite_path() {
        let event_store = sqlite_embedded::SqliteEventStore::open(path.as_ref()).await?;
        return Ok(WriteSide { event_store: Arc::new(event_store), publisher: Arc::new(sqlite_embedded::TailedLog) });
    }
    Err(WriteSideError::UnknownScheme { scheme: event_store_url.scheme().to_owned() })
}
