use std::time::Duration;

use mongodb::options::{
    Acknowledgment, ClientOptions, CollectionOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
};
use mongodb::{Client, Collection, Database};

/// This program's name in the server's log and in its list of connections.
const APP_NAME: &str = "passbook";
/// The largest number of connections of one client in a function. A function's instance has one command at a time, and
/// beside it at most one write that takes marks away. So most of these connections are never opened. The sum over hundreds
/// of instances counts, because all of them wait at the same server.
const MAX_CONNECTIONS_OF_FUNCTION: u32 = 4;
/// The largest number of connections of one client in a program that serves many requests at once. Commits share writes, so
/// these connections are mostly for loads.
const MAX_CONNECTIONS_OF_SERVER: u32 = 32;
/// The smallest number of connections. A frozen instance cannot keep connections open. An instance that wakes opens the
/// connections it needs.
const MIN_POOL_SIZE: u32 = 0;
/// The time after which an idle connection is closed. Firewalls silently drop connections that are idle for some
/// minutes.
const MAX_IDLE_TIME: Duration = Duration::from_secs(120);
/// The time limit for the search for a server. It is longer than a planned handover to another primary. It is shorter
/// than the time in which a majority notices that a primary has died (10 s): an early request to retry is better for a
/// client than silence.
const SERVER_SELECTION_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The time that the server may wait for the majority's disks before it reports that the result is unknown.
const WRITE_CONCERN_TIMEOUT: Duration = Duration::from_secs(3);

/// The number of requests that a process serves at the same time. It says how many connections a client may open, unless the
/// URL says so itself (`maxPoolSize`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestsAtOnce {
    /// A function: one request at a time.
    One,
    /// A program such as `passbook serve`.
    Many,
}

/// The reason why there is no client for a URL.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL leaves the names of the hosts to the name service. Handling: write the hosts into a `mongodb://` URL,
    /// with the options from the name service. `docs/deploy.md` says how.
    #[error("{variable} is a mongodb+srv:// URL; write its hosts into a mongodb:// URL")]
    HostsNotNamed {
        /// The setting with the URL.
        variable: &'static str,
    },
    /// The driver cannot use the URL. Handling: fix the setting, then start again.
    #[error("{variable} cannot be used")]
    Url {
        /// The setting with the URL.
        variable: &'static str,
        /// The driver's error.
        #[source]
        source: mongodb::error::Error,
    },
    /// The URL names no database. Handling: put the database's name after the hosts: `mongodb://host/passbook`.
    #[error("{variable} names no database")]
    NoDatabase {
        /// The setting with the URL.
        variable: &'static str,
    },
}

/// A client for this URL, and the database that it names. `variable` is the setting that gives the URL. Connections are
/// opened as they are needed, so the first operation finds out whether the server is away. The URL's options for pools
/// and timeouts are used.
///
/// # Errors
/// See [`ConnectError`].
pub async fn connect(
    url: &str,
    variable: &'static str,
    requests_at_once: RequestsAtOnce,
) -> Result<Database, ConnectError> {
    if url.starts_with("mongodb+srv://") {
        return Err(ConnectError::HostsNotNamed { variable });
    }
    let url_error = |source| ConnectError::Url { variable, source };
    let mut options = ClientOptions::parse(url).await.map_err(url_error)?;
    let database_name = options.default_database.clone().ok_or(ConnectError::NoDatabase { variable })?;
    options.app_name.get_or_insert_with(|| APP_NAME.to_owned());
    options.max_pool_size.get_or_insert(match requests_at_once {
        RequestsAtOnce::One => MAX_CONNECTIONS_OF_FUNCTION,
        RequestsAtOnce::Many => MAX_CONNECTIONS_OF_SERVER,
    });
    options.min_pool_size.get_or_insert(MIN_POOL_SIZE);
    options.max_idle_time.get_or_insert(MAX_IDLE_TIME);
    options.server_selection_timeout.get_or_insert(SERVER_SELECTION_TIMEOUT);
    options.connect_timeout.get_or_insert(CONNECT_TIMEOUT);
    options.retry_writes = Some(true);
    options.retry_reads = Some(true);
    Ok(Client::with_options(options).map_err(url_error)?.database(&database_name))
}

/// A collection with durable writes and reads. A write returns once a majority of the replica set has it in its
/// journal, so no change of primary takes it back. Reads go to the primary and see the data that a majority has.
#[must_use]
pub fn durable_collection<T: Send + Sync>(database: &Database, name: &str) -> Collection<T> {
    let guarantees = CollectionOptions::builder()
        .write_concern(durable_write())
        .read_concern(ReadConcern::majority())
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        .build();
    database.collection_with_options(name, guarantees)
}

/// The guarantee of a durable write: a majority of the replica set has it in its journal.
pub fn durable_write() -> WriteConcern {
    WriteConcern::builder().w(Acknowledgment::Majority).journal(true).w_timeout(WRITE_CONCERN_TIMEOUT).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_url_that_does_not_name_its_hosts_is_refused_without_its_password() {
        let url = "mongodb+srv://app:s3cret@cluster.example/passbook";
        let refused = connect(url, "EVENT_STORE_URL", RequestsAtOnce::One).await;
        let error = refused.expect_err("nothing is looked up");
        assert!(matches!(error, ConnectError::HostsNotNamed { variable: "EVENT_STORE_URL" }), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}
