use async_trait::async_trait;
use cqrs::StreamId;

use crate::{Cell, Cells, ReadDbError, Table};

/// How a cell is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// The two are equal, to the letter.
    Is,
    /// The cell is the value or greater.
    AtLeast,
    /// The cell is the value or less.
    AtMost,
    /// The cell is less than the value.
    Below,
}

/// A condition that a row must meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Criterion {
    /// The column that is looked at.
    pub column: &'static str,
    /// How.
    pub comparison: Comparison,
    /// The value that the cell is compared with.
    pub value: Cell,
}

/// The order of the rows that a selection gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// By two columns, which together are different in every row. Only rows behind the place `after` are given.
    Ascending {
        /// The columns: the first counts before the second.
        by: [&'static str; 2],
        /// The values of the two columns in the last row that is left out.
        after: Option<[Cell; 2]>,
    },
    /// By this column, the greatest first.
    Descending {
        /// The column, which is different in every row that meets the criteria.
        by: &'static str,
    },
    /// By two columns, the greatest first. The two together are different in every row. Only rows behind the place `after`
    /// are given.
    DescendingByTwo {
        /// The columns: the first counts before the second.
        by: [&'static str; 2],
        /// The values of the two columns in the last row that is left out.
        after: Option<[Cell; 2]>,
    },
}

/// Which rows of a table, in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The table.
    pub table: &'static Table,
    /// The conditions; a row must meet all of them.
    pub criteria: Vec<Criterion>,
    /// The order.
    pub order: Order,
    /// The number of rows, at most.
    pub limit: u32,
}

impl Selection {
    /// With one more condition.
    #[must_use]
    pub fn and(mut self, column: &'static str, comparison: Comparison, value: impl Into<Cell>) -> Self {
        self.criteria.push(Criterion { column, comparison, value: value.into() });
        self
    }

    /// With one more condition, where there is a value for it.
    #[must_use]
    pub fn and_if<V: Into<Cell>>(self, column: &'static str, comparison: Comparison, value: Option<V>) -> Self {
        match value {
            Some(value) => self.and(column, comparison, value),
            None => self,
        }
    }
}

/// The sum of a column over the rows of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSum {
    /// The text that the rows have in common.
    pub group: String,
    /// How many rows there are.
    pub rows: u64,
    /// The sum. It is wider than a cell, since a sum of many cells may be.
    pub sum: i128,
}

/// Port: what queries read. Its adapters pass one suite of contract tests.
#[async_trait]
pub trait RowReader: Send + Sync {
    /// The row of a stream.
    async fn row(&self, table: &'static Table, stream_id: StreamId) -> Result<Option<Cells>, ReadDbError>;

    /// The rows or lines of a selection, in its order.
    async fn select(&self, selection: &Selection) -> Result<Vec<Cells>, ReadDbError>;

    /// The sum of a column of numbers for each text of another column, all as of one moment, in the order of the texts.
    async fn sums(
        &self,
        table: &'static Table,
        group: &'static str,
        amount: &'static str,
    ) -> Result<Vec<GroupSum>, ReadDbError>;
}
