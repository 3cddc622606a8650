use std::str::FromStr as _;
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Executor as _, MySql, MySqlPool};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout};

/// Why a URL is no read database's. Handling: fix the setting, then start again.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// It cannot be read. The URL itself is not repeated: it may hold a password.
    #[error("the read database's URL cannot be read")]
    Url {
        /// What is wrong with it.
        #[source]
        source: sqlx::Error,
    },
    /// It must end in the name of a database.
    #[error("the read database's URL must name a database, as in mysql://host/passbook")]
    NoDatabase,
}

/// How many connections there may be, and how long anything may take. Whatever the server does, a query's answer
/// or error is there within `acquire_timeout`, `statement_timeout` and a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections are opened when they are needed and not before.
    pub max_connections: u32,
    /// For a connection, a new one or one that another request gives back.
    pub acquire_timeout: Duration,
    /// After which the server itself breaks off a query. MySQL limits queries only, MariaDB every statement.
    pub statement_timeout: Duration,
    /// For a row or a table that another transaction has locked.
    pub lock_wait_timeout: Duration,
    /// For a batch of events, all its tries together, beside `acquire_timeout`.
    pub handle_timeout: Duration,
    /// Tries of a batch after lost races, beyond the first.
    pub max_race_retries: usize,
    /// After which the server itself ends a connection from which nothing comes, and lets go of what its transaction has
    /// locked: the machine may be gone without a word. None leaves it at what the server is set to, mostly hours.
    pub idle_timeout: Option<Duration>,
    /// After which a connection is closed when it is given back.
    pub max_age: Duration,
    /// Whether a task of the pool's own closes connections that nobody has used for ten minutes. Not in a function: frozen
    /// between two requests it is to keep its connection, and the task is a tenth of its start.
    pub closes_unused: bool,
}

/// For which a connection is kept that nobody uses, where a task closes such.
const UNUSED_TIME: Duration = Duration::from_secs(10 * 60);
/// How long a connection may take to be given back.
const GIVE_BACK_TIMEOUT: Duration = Duration::from_secs(1);

/// Gives a connection back for the next question of the same request. By itself it is given back by a task of its own, which
/// asks the server whether it is still there; the next question would not find it, and open another, which takes many times as
/// long.
pub(crate) async fn give_back(mut connection: PoolConnection<MySql>) {
    // One that does not answer is closed by this.
    let _ = timeout(GIVE_BACK_TIMEOUT, connection.return_to_pool()).await;
}

impl Limits {
    /// For one request at a time.
    #[must_use]
    pub fn for_function() -> Self {
        Self { max_connections: 2, closes_unused: false, ..Self::default() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 4,
            acquire_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(5),
            // Transactions here take milliseconds: who waits longer has met something that is stuck.
            lock_wait_timeout: Duration::from_secs(2),
            // Long enough for every try of a batch that meets others, short enough to be delivered again by the same
            // invocation of a function.
            handle_timeout: Duration::from_secs(20),
            max_race_retries: 6,
            // Functions that are frozen between two requests keep their connection.
            idle_timeout: None,
            max_age: Duration::from_secs(30 * 60),
            closes_unused: true,
        }
    }
}

/// The read database on a server.
#[derive(Debug, Clone)]
pub struct MySqlReadDb {
    pub(crate) pool: MySqlPool,
    pub(crate) limits: Limits,
}

impl MySqlReadDb {
    /// For this URL, within the default limits. Nothing is connected yet: a server that is down shows in the first
    /// answer.
    ///
    /// TLS is as the URL says: `?ssl-mode=VERIFY_IDENTITY&ssl-ca=FILE` proves that the server is the one that is
    /// meant; without it the connection is encrypted if the server can, and proves nothing.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub fn connect(url: &str) -> Result<Self, ConnectError> {
        Self::connect_with(url, Limits::default())
    }

    /// For this URL, for a function: it handles one request at a time, which asks for one thing after another, and so uses one
    /// connection. There is room for another, for when the server is gone without a word and the first waits for it.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub fn connect_for_function(url: &str) -> Result<Self, ConnectError> {
        Self::connect_with(url, Limits::for_function())
    }

    /// For this URL, within these limits.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub fn connect_with(url: &str, limits: Limits) -> Result<Self, ConnectError> {
        // What the driver would set is part of `session`, so that a new connection is ready after one round trip.
        let options =
            options_of(url)?.pipes_as_concat(false).no_engine_substitution(false).timezone(None).set_names(false);
        let session = session(limits);
        let pool = MySqlPoolOptions::new()
            .max_connections(limits.max_connections)
            .acquire_timeout(limits.acquire_timeout)
            .idle_timeout(limits.closes_unused.then_some(UNUSED_TIME))
            // The pool's own way takes that task, too.
            .max_lifetime(None)
            .after_release(move |_, connection| Box::pin(std::future::ready(Ok(connection.age < limits.max_age))))
            .after_connect(move |connection, _| {
                let session = session.clone();
                Box::pin(async move { connection.execute(AssertSqlSafe(session)).await.map(|_| ()) })
            })
            .connect_lazy_with(options);
        Ok(Self { pool, limits })
    }

    /// For this URL, for a restore: several transactions at once, each of which may take its time.
    ///
    /// # Errors
    /// See [`ConnectError`].
    #[cfg(feature = "restore")]
    pub fn connect_for_restore(url: &str) -> Result<Self, ConnectError> {
        Self::connect_with(
            url,
            Limits {
                max_connections: 20,
                acquire_timeout: Duration::from_secs(10),
                statement_timeout: Duration::from_secs(300),
                // Its transactions lock the restore's row, the gate, or an account. None is silent for so long: a page of
                // the event store is read between two statements at most.
                idle_timeout: Some(Duration::from_secs(60)),
                // The server does, by that.
                closes_unused: false,
                ..Limits::default()
            },
        )
    }

    /// Its connections, each set up as the adapter's own: for what no port covers, such as a rebuild.
    #[must_use]
    pub const fn pool(&self) -> &MySqlPool {
        &self.pool
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// When a query that begins now has to be answered. The server has broken it off by then, if it is there.
    pub(crate) fn query_deadline(&self) -> Instant {
        Instant::now() + self.limits.statement_timeout + Duration::from_secs(1)
    }
}

/// What became of what was asked on this connection. Where no answer came in time the connection is closed: the
/// answer may still come, and would be taken for that of the next statement.
pub(crate) fn in_time<T, E: From<sqlx::Error>>(
    connection: &mut PoolConnection<MySql>,
    answer: Result<Result<T, E>, Elapsed>,
) -> Result<T, E> {
    answer.unwrap_or_else(|elapsed| {
        connection.close_on_drop();
        Err(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, elapsed)).into())
    })
}

pub(crate) fn options_of(url: &str) -> Result<MySqlConnectOptions, ConnectError> {
    let options = MySqlConnectOptions::from_str(url).map_err(|source| ConnectError::Url { source })?;
    if options.get_database().is_none() { Err(ConnectError::NoDatabase) } else { Ok(options) }
}

/// What every connection is set to, whatever the server's own settings are.
///
/// - A value that does not fit its column is an error and never cut to fit.
/// - READ COMMITTED: a statement sees what is committed when it begins, and locks rows and not the gaps between
///   them. Under REPEATABLE READ, the default, two transactions that open different accounts lock the same gap.
/// - The two servers have different names for the limit of a statement, each in a comment that only that server
///   reads.
fn session(limits: Limits) -> String {
    let idle = limits.idle_timeout.map_or_else(String::new, |timeout| {
        // Whole seconds, and no less than one.
        format!(", wait_timeout = {}", timeout.as_secs().max(1))
    });
    // Nothing would be no limit.
    let statement_ms = limits.statement_timeout.as_millis().max(1);
    format!(
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', \
         innodb_lock_wait_timeout = {lock_wait_s}, lock_wait_timeout = {lock_wait_s}{idle} \
         /*!80000 , max_execution_time = {statement_ms} */ /*M!100101 , max_statement_time = {statement_s}.{ms_of_s:03} */, \
         NAMES utf8mb4; \
         SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        // Whole seconds, and no less than one.
        lock_wait_s = limits.lock_wait_timeout.as_secs().max(1),
        statement_s = statement_ms / 1000,
        ms_of_s = statement_ms % 1000,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_database_is_refused() {
        for url in ["mysql://user@host", "mysql://user@host/", "mysql://user@host:3306/?ssl-mode=DISABLED"] {
            assert!(matches!(MySqlReadDb::connect(url), Err(ConnectError::NoDatabase)), "{url}");
        }
    }

    #[test]
    fn a_url_that_cannot_be_read_is_refused_without_its_password() {
        for url in
            ["", "host/passbook", "mysql://user:s3cret@host:port/passbook", "mysql://user:s3cret@host/db?ssl-mode=YES"]
        {
            let error = MySqlReadDb::connect(url).expect_err(url);
            let ConnectError::Url { source } = &error else { panic!("{error:?}") };
            assert!(!format!("{error} {source} {error:?}").contains("s3cret"), "{error:?}");
        }
    }
}
