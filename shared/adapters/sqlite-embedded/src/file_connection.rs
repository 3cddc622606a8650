use std::ops::DerefMut;

use async_trait::async_trait;
#[cfg(feature = "restore")]
use futures::TryStreamExt as _;
use projection::{Cell, ColumnKind};
use sql_read_db::{SqlConnection, SqlError, SqlRow, SqlTransaction, Statement};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection, Transaction};

use crate::sqlite_cells::read_cell;
use crate::version_column::version_to_column;

/// A connection of a pool, or an open transaction.
pub(crate) struct FileConnection<C>(pub(crate) C);

#[async_trait]
impl<C: DerefMut<Target = SqliteConnection> + Send> SqlConnection for FileConnection<C> {
    async fn execute(&mut self, statement: Statement) -> Result<u64, SqlError> {
        Ok(query_of(statement).execute(&mut *self.0).await.map_err(sql_error)?.rows_affected())
    }

    async fn fetch(&mut self, statement: Statement, kinds: &[ColumnKind]) -> Result<Vec<SqlRow>, SqlError> {
        let rows = query_of(statement).fetch_all(&mut *self.0).await.map_err(sql_error)?;
        Ok(rows.iter().map(|row| row_of(row, kinds)).collect())
    }

    #[cfg(feature = "restore")]
    async fn for_each(
        &mut self,
        statement: Statement,
        kinds: &[ColumnKind],
        take: &mut (dyn FnMut(SqlRow) -> Result<(), SqlError> + Send),
    ) -> Result<(), SqlError> {
        let mut rows = query_of(statement).fetch(&mut *self.0);
        while let Some(row) = rows.try_next().await.map_err(sql_error)? {
            take(row_of(&row, kinds))?;
        }
        Ok(())
    }
}

#[async_trait]
impl SqlTransaction for FileConnection<Transaction<'static, Sqlite>> {
    async fn commit(self: Box<Self>) -> Result<(), SqlError> {
        self.0.commit().await.map_err(sql_error)
    }
}

fn row_of(row: &SqliteRow, kinds: &[ColumnKind]) -> SqlRow {
    let cell = |(place, kind): (usize, &ColumnKind)| read_cell(row, place, *kind).map_err(|error| error.to_string());
    SqlRow::new(kinds.iter().enumerate().map(cell))
}

fn query_of(statement: Statement) -> Query<'static, Sqlite, SqliteArguments> {
    let query = sqlx::query(AssertSqlSafe(statement.text)).persistent(statement.is_repeated);
    statement.values.into_iter().fold(query, |query, value| match value {
        Cell::Null => query.bind(None::<String>),
        Cell::Id(stream_id) => query.bind(stream_id.to_string()),
        Cell::Text(text) => query.bind(text),
        Cell::Integer(integer) => query.bind(integer),
        Cell::Count(count) => query.bind(version_to_column(count)),
    })
}

/// The reason of a failure, by SQLite's code.
pub(crate) fn sql_error(error: sqlx::Error) -> SqlError {
    if matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) {
        return SqlError::Corrupt(error.to_string());
    }
    let Some(database_error) = error.as_database_error() else { return SqlError::Unavailable(error.into()) };
    if database_error.is_unique_violation() {
        return SqlError::Repeated(error.to_string());
    }
    let code = database_error.code().and_then(|code| code.parse::<u32>().ok());
    // The lower eight bits are the basic code: 5 is SQLITE_BUSY and 6 SQLITE_LOCKED.
    match code.map(|code| code & 0xff) {
        Some(5 | 6) => SqlError::Busy(error.into()),
        _ => SqlError::Unavailable(error.into()),
    }
}
