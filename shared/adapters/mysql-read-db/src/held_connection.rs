use std::ops::{Deref, DerefMut};
use std::time::Duration;

use async_trait::async_trait;
use projection::{Cell, ColumnKind};
use sql_read_db::{SqlConnection, SqlError, SqlRow, SqlTransaction, Statement};
use sqlx::mysql::MySqlArguments;
use sqlx::pool::PoolConnection;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, MySql, MySqlConnection, MySqlPool};
use tokio::time::timeout;

use crate::mysql_cells::read_cell;
use crate::sql_error::sql_error;

/// The time limit for giving a connection back.
const GIVE_BACK_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection with a statement on it, or with an open transaction. The work on it may be abandoned at any moment. Then a
/// late answer must not reach the next statement, and no transaction may stay open. So the connection is closed unless
/// the last answer has arrived.
pub(crate) struct HeldConnection {
    connection: PoolConnection<MySql>,
    is_in_transaction: bool,
    is_answered: bool,
}

impl HeldConnection {
    pub(crate) async fn of(pool: &MySqlPool) -> Result<Self, SqlError> {
        let connection = pool.acquire().await.map_err(sql_error)?;
        Ok(Self { connection, is_in_transaction: false, is_answered: true })
    }

    /// Sends statements without parameters. They are not prepared, because some statements cannot be.
    pub(crate) async fn run(&mut self, statements: String) -> Result<(), SqlError> {
        self.is_answered = false;
        let done = sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut *self.connection).await;
        self.is_answered = true;
        done.map(drop).map_err(sql_error)
    }

    /// Says that the connection has an open transaction from here on.
    pub(crate) const fn enter_transaction(&mut self) {
        self.is_in_transaction = true;
    }

    /// Ends the transaction by this statement.
    pub(crate) async fn end_transaction(&mut self, end: &'static str) -> Result<(), SqlError> {
        self.run(end.to_owned()).await?;
        self.is_in_transaction = false;
        Ok(())
    }

    /// Gives the connection back for the next query of the same request. A dropped connection is given back by a task of its
    /// own, which first asks the server whether the connection still works. The next query would not find it and would open
    /// another connection, which takes many times as long.
    pub(crate) async fn give_back(mut self) {
        // The time limit closes a connection that does not answer.
        let _ = timeout(GIVE_BACK_TIMEOUT, self.connection.return_to_pool()).await;
    }

    /// Closes the connection when it is dropped: it has settings of its own.
    pub(crate) fn close_on_drop(&mut self) {
        self.connection.close_on_drop();
    }
}

impl Drop for HeldConnection {
    fn drop(&mut self) {
        if self.is_in_transaction || !self.is_answered {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for HeldConnection {
    type Target = MySqlConnection;

    fn deref(&self) -> &MySqlConnection {
        &self.connection
    }
}

impl DerefMut for HeldConnection {
    fn deref_mut(&mut self) -> &mut MySqlConnection {
        &mut self.connection
    }
}

#[async_trait]
impl SqlConnection for HeldConnection {
    async fn execute(&mut self, statement: Statement) -> Result<u64, SqlError> {
        self.is_answered = false;
        let done = query_of(statement).execute(&mut *self.connection).await;
        self.is_answered = true;
        Ok(done.map_err(sql_error)?.rows_affected())
    }

    async fn fetch(&mut self, statement: Statement, kinds: &[ColumnKind]) -> Result<Vec<SqlRow>, SqlError> {
        self.is_answered = false;
        let rows = query_of(statement).fetch_all(&mut *self.connection).await;
        self.is_answered = true;
        let cells = |row| {
            let cell =
                |(place, kind): (usize, &ColumnKind)| read_cell(row, place, *kind).map_err(|error| error.to_string());
            SqlRow::new(kinds.iter().enumerate().map(cell))
        };
        Ok(rows.map_err(sql_error)?.iter().map(cells).collect())
    }
}

#[async_trait]
impl SqlTransaction for HeldConnection {
    async fn commit(mut self: Box<Self>) -> Result<(), SqlError> {
        self.end_transaction("COMMIT").await
    }
}

fn query_of(statement: Statement) -> Query<'static, MySql, MySqlArguments> {
    let query = sqlx::query(AssertSqlSafe(statement.text)).persistent(statement.is_repeated);
    statement.values.into_iter().fold(query, |query, value| match value {
        Cell::Null => query.bind(None::<String>),
        Cell::Id(stream_id) => query.bind(stream_id.0),
        Cell::Text(text) => query.bind(text),
        Cell::Integer(integer) => query.bind(integer),
        Cell::Count(count) => query.bind(count),
    })
}
