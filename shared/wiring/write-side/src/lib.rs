//! Opens the parts that a command function needs: the event store that `EVENT_STORE_URL` names, the bus, and the keys
//! of personal data.

#[cfg(all(feature = "mongodb", feature = "kafka"))]
mod mongo_and_kafka; // the two servers together: a store that marks commits, a bus that takes the marks away

mod personal_data_keys; // the place of the keys of personal data, and their protection

use std::sync::Arc;

use cqrs::{CommitScan, EventPublisher, EventStoreRepository};
use settings::{KafkaSettings, SecretUrl};

#[cfg(all(feature = "mongodb", feature = "kafka"))]
pub use mongo_and_kafka::MongoAndKafka;
pub use personal_data_keys::{PersonalDataKeysError, open_key_store, open_personal_data};

/// The write side's adapters.
#[derive(Clone)]
pub struct WriteSide {
    /// The store of the commits.
    pub event_store_repository: Arc<dyn EventStoreRepository>,
    /// The publisher that gets each stored commit.
    pub publisher: Arc<dyn EventPublisher>,
}

/// The reason why the write side could not be opened. Handling: fix the setting, then start again.
#[derive(Debug, thiserror::Error)]
pub enum WriteSideError {
    /// This build has no adapter for such a URL.
    #[error("EVENT_STORE_URL: this build has no event store for the scheme {scheme:?}")]
    UnknownScheme {
        /// The part of the URL before `://`.
        scheme: String,
    },
    /// A MongoDB event store needs a bus, because it cannot deliver its commits by itself.
    #[cfg(all(feature = "mongodb", feature = "kafka"))]
    #[error("a MongoDB event store needs Kafka: set KAFKA_BOOTSTRAP_SERVERS or KAFKA_CLUSTER_ARN")]
    NoBus,
    /// There is no MongoDB client for the URL.
    #[cfg(feature = "mongodb")]
    #[error(transparent)]
    Mongo(#[from] mongo_stores::ConnectError),
    /// The addresses of Kafka's brokers could not be found.
    #[cfg(feature = "kafka")]
    #[error(transparent)]
    Kafka(#[from] kafka_events::ConnectError),
    /// The settings do not allow publishing, for example because a file of certificates is unreadable.
    #[cfg(feature = "kafka")]
    #[error(transparent)]
    KafkaPublisher(#[from] kafka_events::NoPublisherError),
    /// The SQLite file could not be opened.
    #[cfg(feature = "sqlite")]
    #[error(transparent)]
    Sqlite(#[from] sqlite_embedded::OpenError),
}

/// Opens the event store that the URL names, and its bus.
///
/// A SQLite event store is its own outbox. The process that runs the projector tails its log, so no bus is needed. A
/// MongoDB event store marks each commit as undelivered. Publishing a commit to Kafka takes its mark away, and the
/// relay finds the commits that kept their marks.
///
/// # Errors
/// See [`WriteSideError`].
#[cfg_attr(not(all(feature = "mongodb", feature = "kafka")), expect(unused_variables, reason = "for MongoDB alone"))]
pub async fn open(event_store_url: &SecretUrl, kafka: Option<&KafkaSettings>) -> Result<WriteSide, WriteSideError> {
    #[cfg(all(feature = "mongodb", feature = "kafka"))]
    if is_mongodb(event_store_url) {
        let servers = MongoAndKafka::open(event_store_url, kafka.ok_or(WriteSideError::NoBus)?).await?;
        return Ok(WriteSide { publisher: servers.publisher(), event_store_repository: servers.mongo_event_store });
    }
    #[cfg(feature = "sqlite")]
    if let Some(path) = event_store_url.sqlite_path() {
        let sqlite_event_store = sqlite_embedded::SqliteEventStore::open(path.as_ref()).await?;
        return Ok(WriteSide {
            event_store_repository: Arc::new(sqlite_event_store),
            publisher: Arc::new(sqlite_embedded::TailedLog),
        });
    }
    Err(unknown_scheme(event_store_url))
}

/// Opens the event store alone, for a program that reads it and appends nothing.
///
/// # Errors
/// See [`WriteSideError`].
pub async fn open_event_store(event_store_url: &SecretUrl) -> Result<Arc<dyn EventStoreRepository>, WriteSideError> {
    #[cfg(feature = "mongodb")]
    if is_mongodb(event_store_url) {
        let mongo_event_store = mongo_stores::MongoEventStore::connect(event_store_url.expose()).await?;
        return Ok(Arc::new(mongo_event_store));
    }
    #[cfg(feature = "sqlite")]
    if let Some(path) = event_store_url.sqlite_path() {
        return Ok(Arc::new(sqlite_embedded::SqliteEventStore::open(path.as_ref()).await?));
    }
    Err(unknown_scheme(event_store_url))
}

/// Opens the event store for a program that reads all of it.
///
/// # Errors
/// See [`WriteSideError`].
pub async fn open_commit_scan(event_store_url: &SecretUrl) -> Result<Arc<dyn CommitScan>, WriteSideError> {
    #[cfg(feature = "mongodb")]
    if is_mongodb(event_store_url) {
        return Ok(Arc::new(mongo_stores::MongoEventStore::connect(event_store_url.expose()).await?));
    }
    #[cfg(feature = "sqlite")]
    if let Some(path) = event_store_url.sqlite_path() {
        return Ok(Arc::new(sqlite_embedded::SqliteEventStore::open(path.as_ref()).await?));
    }
    Err(unknown_scheme(event_store_url))
}

#[cfg(feature = "mongodb")]
fn is_mongodb(event_store_url: &SecretUrl) -> bool {
    // The adapter refuses the second scheme, and says how to write the URL instead.
    matches!(event_store_url.scheme(), "mongodb" | "mongodb+srv")
}

fn unknown_scheme(event_store_url: &SecretUrl) -> WriteSideError {
    WriteSideError::UnknownScheme { scheme: event_store_url.scheme().to_owned() }
}
