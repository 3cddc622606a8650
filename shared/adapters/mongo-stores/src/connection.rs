use std::time::Duration;

use mongodb::options::{
    Acknowledgment, ClientOptions, CollectionOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
};
use mongodb::{Client, Collection, Database};

/// What the server's log and its list of connections call this program.
const APP_NAME: &str = "passbook";
/// A function's instance has one command at a time, and beside it at most a mark to clear: most of these are
/// never opened. More instances than connections would wait nowhere but at the server, so that the sum over
/// hundreds of instances is what counts. A program that serves many requests at once asks for more by
/// `maxPoolSize` in the URL.
const MAX_POOL_SIZE: u32 = 4;
/// A frozen instance must not be expected to keep connections open; one that wakes opens what it needs.
const MIN_POOL_SIZE: u32 = 0;
/// Firewalls forget connections that stand still for some minutes, and do not say so.
const MAX_IDLE_TIME: Duration = Duration::from_secs(120);
/// Longer than a handover to another primary that was planned, shorter than the wait for a majority to notice
/// that one has died (10 s): a client that is told to retry is better off than one that hears nothing.
const SERVER_SELECTION_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the server may wait for the majority's disks before it says that it does not know.
const WRITE_CONCERN_TIMEOUT: Duration = Duration::from_secs(3);

/// Why there is no client for a URL.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL leaves it to the name service which hosts it means. Handling: write them into a `mongodb://` URL, with the options
    /// that the name service has beside them; `docs/deploy.md` says how.
    #[error("{variable} is a mongodb+srv:// URL; put the hosts that it stands for into a mongodb:// one")]
    HostsNotNamed {
        /// The setting with the URL.
        variable: &'static str,
    },
    /// The driver cannot use the URL. Handling: fix the setting, then start again.
    #[error("{variable} is not usable")]
    Url {
        /// The setting with the URL.
        variable: &'static str,
        /// The driver's error.
        #[source]
        source: mongodb::error::Error,
    },
    /// The URL names no database. Handling: put its name behind the hosts: `mongodb://host/passbook`.
    #[error("{variable} names no database")]
    NoDatabase {
        /// The setting with the URL.
        variable: &'static str,
    },
}

/// A client for this URL, and the database that it names; `variable` is the setting that the URL is from. Connections are
/// opened as they are needed, so a server that is away is found out by the first operation. What the URL says of pools and
/// timeouts holds.
///
/// # Errors
/// See [`ConnectError`].
pub async fn connect(url: &str, variable: &'static str) -> Result<Database, ConnectError> {
    if url.starts_with("mongodb+srv://") {
        return Err(ConnectError::HostsNotNamed { variable });
    }
    let url_error = |source| ConnectError::Url { variable, source };
    let mut options = ClientOptions::parse(url).await.map_err(url_error)?;
    let database_name = options.default_database.clone().ok_or(ConnectError::NoDatabase { variable })?;
    options.app_name.get_or_insert_with(|| APP_NAME.to_owned());
    options.max_pool_size.get_or_insert(MAX_POOL_SIZE);
    options.min_pool_size.get_or_insert(MIN_POOL_SIZE);
    options.max_idle_time.get_or_insert(MAX_IDLE_TIME);
    options.server_selection_timeout.get_or_insert(SERVER_SELECTION_TIMEOUT);
    options.connect_timeout.get_or_insert(CONNECT_TIMEOUT);
    options.retry_writes = Some(true);
    options.retry_reads = Some(true);
    Ok(Client::with_options(options).map_err(url_error)?.database(&database_name))
}

/// A collection whose writes return once a majority of the replica set has them in its journal, so that no change of
/// primary takes them back, and whose reads go to the primary and see what a majority has.
#[must_use]
pub fn durable_collection<T: Send + Sync>(database: &Database, name: &str) -> Collection<T> {
    let durable =
        WriteConcern::builder().w(Acknowledgment::Majority).journal(true).w_timeout(WRITE_CONCERN_TIMEOUT).build();
    let guarantees = CollectionOptions::builder()
        .write_concern(durable)
        .read_concern(ReadConcern::majority())
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        .build();
    database.collection_with_options(name, guarantees)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_url_that_does_not_name_its_hosts_is_refused_without_its_password() {
        let refused = connect("mongodb+srv://app:s3cret@cluster.example/passbook", "EVENT_STORE_URL").await;
        let error = refused.expect_err("nothing is looked up");
        assert!(matches!(error, ConnectError::HostsNotNamed { variable: "EVENT_STORE_URL" }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}
