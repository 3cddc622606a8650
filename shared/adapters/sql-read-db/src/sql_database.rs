use async_trait::async_trait;
use projection::{Cell, Cells, ColumnKind, Table};

use crate::{Dialect, SqlError, Statement};

/// A row of an answer. A cell that cannot be decoded is an error of its own, so that a damaged row hides no other row.
#[derive(Debug, Clone)]
pub struct SqlRow(Vec<Result<Cell, String>>);

impl SqlRow {
    /// A row of these cells.
    pub fn new(cells: impl IntoIterator<Item = Result<Cell, String>>) -> Self {
        Self(cells.into_iter().collect())
    }

    /// The cell in this place.
    ///
    /// # Errors
    /// [`SqlError::Corrupt`] if the cell cannot be decoded.
    pub fn cell(&self, place: usize) -> Result<&Cell, SqlError> {
        match self.0.get(place) {
            Some(Ok(cell)) => Ok(cell),
            Some(Err(reason)) => Err(SqlError::Corrupt(reason.clone())),
            None => Err(SqlError::Corrupt(format!("the answer has no column {place}"))),
        }
    }

    /// The number in this place, or 0 if there is no number.
    ///
    /// # Errors
    /// [`SqlError::Corrupt`] if the cell cannot be decoded.
    pub fn integer(&self, place: usize) -> Result<i64, SqlError> {
        match self.cell(place)? {
            Cell::Integer(integer) => Ok(*integer),
            _ => Ok(0),
        }
    }

    /// The row of a declared table, whose columns come last and in the declared order, behind `others` further columns.
    ///
    /// # Errors
    /// [`SqlError::Corrupt`] if a cell cannot be decoded.
    pub fn into_cells(self, table: &'static Table, others: usize) -> Result<Cells, SqlError> {
        let cells: Result<Vec<Cell>, String> = self.0.into_iter().skip(others).collect();
        Ok(Cells::new(table, cells.map_err(SqlError::Corrupt)?))
    }
}

/// The kinds of the columns of a declared table.
#[must_use]
pub fn kinds_of(table: &Table) -> Vec<ColumnKind> {
    table.columns.iter().map(|column| column.kind).collect()
}

/// Port: a connection to a SQL database. If a call is abandoned, its late answer never reaches the next statement.
#[async_trait]
pub trait SqlConnection: Send {
    /// Runs a statement that changes rows. Answers the number of changed rows.
    async fn execute(&mut self, statement: Statement) -> Result<u64, SqlError>;

    /// The rows that a statement selects. Their columns are of these kinds.
    async fn fetch(&mut self, statement: Statement, kinds: &[ColumnKind]) -> Result<Vec<SqlRow>, SqlError>;

    /// Gives each row that a statement selects to `take`. A database that reads row by row needs no memory for all of them.
    async fn for_each(
        &mut self,
        statement: Statement,
        kinds: &[ColumnKind],
        take: &mut (dyn FnMut(SqlRow) -> Result<(), SqlError> + Send),
    ) -> Result<(), SqlError> {
        self.fetch(statement, kinds).await?.into_iter().try_for_each(take)
    }
}

/// Port: an open transaction. If the value is dropped, nothing has changed.
#[async_trait]
pub trait SqlTransaction: SqlConnection {
    /// Makes the changes permanent.
    async fn commit(self: Box<Self>) -> Result<(), SqlError>;
}

/// Port: a SQL database.
#[async_trait]
pub trait SqlDatabase: Clone + Send + Sync + 'static {
    /// The database's SQL.
    fn dialect(&self) -> &'static dyn Dialect;

    /// The rows that a statement selects, within the time limit of a query.
    async fn read(&self, statement: Statement, kinds: &[ColumnKind]) -> Result<Vec<SqlRow>, SqlError>;

    /// As [`read`](Self::read), where the same request reads again.
    async fn read_first(&self, statement: Statement, kinds: &[ColumnKind]) -> Result<Vec<SqlRow>, SqlError> {
        self.read(statement, kinds).await
    }

    /// Runs a statement that changes rows, in a transaction of its own. Answers the number of changed rows.
    async fn write(&self, statement: Statement) -> Result<u64, SqlError>;
}
