use async_trait::async_trait;
use cqrs::{StreamId, StreamRange};

use crate::{Cells, ReadDbError, Table, Totals};

/// A line's place in the order of a scan: by stream, then by version, then by number within the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinePlace {
    /// The line's stream.
    pub stream_id: StreamId,
    /// The line's version.
    pub version: u64,
    /// The line's number within its event; 0 where an event has one line.
    pub line: u64,
}

/// A row as a scan found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedRow {
    /// The row's key, whatever else is in the row.
    pub stream_id: StreamId,
    /// The row, or why it cannot be read. A damaged row must not hide the rows behind it.
    pub row: Result<Cells, String>,
}

/// A line as a scan found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedLine {
    /// The line's key.
    pub place: LinePlace,
    /// The line, or why it cannot be read.
    pub line: Result<Cells, String>,
}

/// The sums of one group, as [`Totals`] declares them. They are wider than a cell, since a sum of many cells may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupTotals {
    /// The group's text, as the rows have it.
    pub group: String,
    /// The sum over the rows.
    pub rows_sum: i128,
    /// The sum over the lines, with their signs.
    pub lines_sum: i128,
}

/// Port: reads all rows and lines in the order of stream ids, in pages, for verification. Its adapters pass one suite of tests.
///
/// A scan is no snapshot. A row that the projector writes meanwhile may be seen or not.
#[async_trait]
pub trait RowScan: Send + Sync {
    /// Up to `limit` rows of these streams, behind `after` where it is given. Fewer only at the end of the range.
    async fn rows(
        &self,
        table: &'static Table,
        range: StreamRange,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<ScannedRow>, ReadDbError>;

    /// Up to `limit` lines of these streams, behind `after` where it is given. Fewer only at the end of the range.
    async fn lines(
        &self,
        table: &'static Table,
        range: StreamRange,
        after: Option<LinePlace>,
        limit: u32,
    ) -> Result<Vec<ScannedLine>, ReadDbError>;

    /// The totals of each group, all as of one moment. Reads everything.
    async fn totals(
        &self,
        rows: &'static Table,
        lines: &'static Table,
        totals: &Totals,
    ) -> Result<Vec<GroupTotals>, ReadDbError>;

    /// Rows of this table that have no place in the order because their stream's id is none: up to `limit`, each described in a
    /// few words.
    async fn misplaced(&self, table: &'static Table, limit: u32) -> Result<Vec<String>, ReadDbError>;
}
