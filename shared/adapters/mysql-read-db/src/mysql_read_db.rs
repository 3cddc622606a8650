use std::str::FromStr as _;
use std::time::Duration;

use async_trait::async_trait;
use projection::ColumnKind;
use sql_read_db::{Dialect, SqlConnection as _, SqlDatabase, SqlError, SqlReadDb, SqlRow, Statement};
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::{AssertSqlSafe, Executor as _, MySqlPool};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use crate::held_connection::HeldConnection;
use crate::mysql_dialect::MySqlDialect;

/// The reason why a URL is not a read database's URL. Handling: fix the setting, then start again.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL cannot be read. The message does not repeat the URL, because it may hold a password.
    #[error("the read database's URL cannot be read")]
    Url {
        /// The URL's fault.
        #[source]
        source: sqlx::Error,
    },
    /// The URL must end in the name of a database.
    #[error("the read database's URL must name a database, as in mysql://host/passbook")]
    NoDatabase,
}

/// The limits of connections and times. Whatever the server does, a query has its answer or error within
/// `acquire_timeout`, `statement_timeout` and a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest number of connections. Connections are opened only when they are needed.
    pub max_connections: u32,
    /// The time limit for getting a connection, either a new connection or one that another request gives back.
    pub acquire_timeout: Duration,
    /// The time after which the server itself ends a query. MySQL limits queries only, MariaDB every statement.
    pub statement_timeout: Duration,
    /// The time limit for a row or a table that another transaction has locked.
    pub lock_wait_timeout: Duration,
    /// The time limit for a batch of events, with all its tries. `acquire_timeout` comes on top of it.
    pub handle_timeout: Duration,
    /// The number of tries of a batch after lost races, without the first try.
    pub max_race_retries: usize,
    /// The time after which the server itself ends a silent connection and releases the locks of its transaction. The
    /// client's machine may have disappeared without a sign. `None` leaves the server's own setting, mostly hours.
    pub idle_timeout: Option<Duration>,
    /// The age at which a connection is closed when it is given back.
    pub max_age: Duration,
    /// Whether a task of the pool closes connections that were unused for ten minutes. A function does without: it must
    /// keep its connection while it is frozen between two requests, and the task takes a tenth of its start.
    pub closes_unused: bool,
}

/// The time for which an unused connection is kept, if a task closes unused connections.
const UNUSED_TIME: Duration = Duration::from_secs(10 * 60);
impl Limits {
    /// The limits for a program that handles one request at a time.
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
            // Transactions here take milliseconds. A transaction that waits longer waits for one that is stuck.
            lock_wait_timeout: Duration::from_secs(2),
            // The time is long enough for every try of a batch that meets other writers. It is short enough for a new
            // delivery in the same invocation of a function.
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
pub type MySqlReadDb = SqlReadDb<MySqlServer>;

/// The connections to a server, each with this adapter's settings.
#[derive(Debug, Clone)]
pub struct MySqlServer {
    pub(crate) pool: MySqlPool,
    pub(crate) limits: Limits,
}

/// A read database at this URL, within the default limits. Nothing is connected yet: the first answer shows whether
/// a server is down.
///
/// TLS follows the URL. `?ssl-mode=VERIFY_IDENTITY&ssl-ca=FILE` proves the server's identity. Without it the
/// connection is encrypted if the server can do so, but proves nothing.
///
/// # Errors
/// See [`ConnectError`].
pub fn connect(url: &str) -> Result<MySqlReadDb, ConnectError> {
    connect_with(url, Limits::default())
}

/// A read database at this URL, for a function. A function handles one request at a time and runs one statement
/// after another, so it uses one connection. There is room for a second connection, because the first may wait for
/// a server that has disappeared.
///
/// # Errors
/// See [`ConnectError`].
pub fn connect_for_function(url: &str) -> Result<MySqlReadDb, ConnectError> {
    connect_with(url, Limits::for_function())
}

/// A read database at this URL, within these limits.
///
/// # Errors
/// See [`ConnectError`].
pub fn connect_with(url: &str, limits: Limits) -> Result<MySqlReadDb, ConnectError> {
    // The driver's own settings are part of `session`, so that a new connection is ready after one round trip.
    let options = options_of(url)?.pipes_as_concat(false).no_engine_substitution(false).timezone(None).set_names(false);
    let session = session(limits);
    let pool = MySqlPoolOptions::new()
        .max_connections(limits.max_connections)
        .acquire_timeout(limits.acquire_timeout)
        .idle_timeout(limits.closes_unused.then_some(UNUSED_TIME))
        // The pool's own setting for the age would also start that task.
        .max_lifetime(None)
        .after_release(move |_, connection| Box::pin(std::future::ready(Ok(connection.age < limits.max_age))))
        .after_connect(move |connection, _| {
            let session = session.clone();
            Box::pin(async move { connection.execute(AssertSqlSafe(session)).await.map(|_| ()) })
        })
        .connect_lazy_with(options);
    Ok(SqlReadDb::new(MySqlServer { pool, limits }))
}

/// A read database at this URL, for a restore: several transactions at once, each of which may take long.
///
/// # Errors
/// See [`ConnectError`].
#[cfg(feature = "restore")]
pub fn connect_for_restore(url: &str) -> Result<MySqlReadDb, ConnectError> {
    connect_with(
        url,
        Limits {
            max_connections: 20,
            acquire_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(300),
            // The transactions of a restore lock the restore's row, the gate, or an account. No transaction is
            // silent for so long: between two statements the restore reads at most one page of the event store.
            idle_timeout: Some(Duration::from_secs(60)),
            // The server closes unused connections, by the setting above.
            closes_unused: false,
            ..Limits::default()
        },
    )
}

impl MySqlServer {
    /// The connections, each set up like the adapter's own. They are for work that no port covers, such as a rebuild.
    #[must_use]
    pub const fn pool(&self) -> &MySqlPool {
        &self.pool
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// The time by which a query that begins now must be answered. The server has ended the query by then, if the
    /// server is there.
    pub(crate) fn query_deadline(&self) -> Instant {
        Instant::now() + self.limits.statement_timeout + Duration::from_secs(1)
    }
}

#[async_trait]
impl SqlDatabase for MySqlServer {
    fn dialect(&self) -> &'static dyn Dialect {
        &MySqlDialect
    }

    async fn read(&self, statement: Statement, kinds: &[ColumnKind]) -> Result<Vec<SqlRow>, SqlError> {
        let mut connection = HeldConnection::of(&self.pool).await?;
        timeout_at(self.query_deadline(), connection.fetch(statement, kinds)).await.map_err(timed_out)?
    }

    async fn read_first(&self, statement: Statement, kinds: &[ColumnKind]) -> Result<Vec<SqlRow>, SqlError> {
        let mut connection = HeldConnection::of(&self.pool).await?;
        let rows = timeout_at(self.query_deadline(), connection.fetch(statement, kinds)).await.map_err(timed_out)?;
        connection.give_back().await;
        rows
    }

    async fn write(&self, statement: Statement) -> Result<u64, SqlError> {
        let mut connection = HeldConnection::of(&self.pool).await?;
        timeout_at(self.query_deadline(), connection.execute(statement)).await.map_err(timed_out)?
    }
}

/// No answer came in time.
pub(crate) fn timed_out(elapsed: Elapsed) -> SqlError {
    SqlError::Unavailable(std::io::Error::new(std::io::ErrorKind::TimedOut, elapsed).into())
}

pub(crate) fn options_of(url: &str) -> Result<MySqlConnectOptions, ConnectError> {
    let options = MySqlConnectOptions::from_str(url).map_err(|source| ConnectError::Url { source })?;
    if options.get_database().is_none() { Err(ConnectError::NoDatabase) } else { Ok(options) }
}

/// The settings of every connection, independent of the server's own settings.
///
/// - A value that does not fit its column is an error and never cut to fit.
/// - READ COMMITTED: a statement sees the data that is committed when it begins. It locks rows and not the gaps between
///   them. Under REPEATABLE READ, the default, two transactions that open different accounts lock the same gap.
/// - The two servers have different names for the time limit of a statement. Each name is in a comment that only that
///   server reads.
fn session(limits: Limits) -> String {
    let idle = limits.idle_timeout.map_or_else(String::new, |timeout| {
        // The server takes whole seconds, and at least one.
        format!(", wait_timeout = {}", timeout.as_secs().max(1))
    });
    // Zero would mean no limit.
    let statement_ms = limits.statement_timeout.as_millis().max(1);
    format!(
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', \
         innodb_lock_wait_timeout = {lock_wait_s}, lock_wait_timeout = {lock_wait_s}{idle} \
         /*!80000 , max_execution_time = {statement_ms} */ /*M!100101 , max_statement_time = {statement_s}.{ms_of_s:03} */, \
         NAMES utf8mb4; \
         SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        // The server takes whole seconds, and at least one.
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
            assert!(matches!(connect(url), Err(ConnectError::NoDatabase)), "{url}");
        }
    }

    #[test]
    fn a_url_that_cannot_be_read_is_refused_without_its_password() {
        for url in
            ["", "host/passbook", "mysql://user:s3cret@host:port/passbook", "mysql://user:s3cret@host/db?ssl-mode=YES"]
        {
            let error = connect(url).expect_err(url);
            let ConnectError::Url { source } = &error else { panic!("{error:?}") };
            assert!(!format!("{error} {source} {error:?}").contains("s3cret"), "{error:?}");
        }
    }
}
