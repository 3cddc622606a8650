use async_trait::async_trait;
use cqrs::{StreamId, StreamRange};

use crate::{BankAccountEntity, ReadDbError, StatementLine};

/// A line's place in the order of a scan: by account, and of one account by version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinePlace {
    /// The account's id, which is its stream's.
    pub stream_id: StreamId,
    /// The line's version.
    pub version: u64,
}

/// An account's row as a scan found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedRow {
    /// The row's key: the id of the account's stream, whatever else is in the row.
    pub stream_id: StreamId,
    /// The row, or why it cannot be read: one that is damaged must not hide those behind it.
    pub row: Result<BankAccountEntity, String>,
}

/// A statement line as a scan found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedLine {
    /// The line's key.
    pub place: LinePlace,
    /// The line, or why it cannot be read.
    pub line: Result<StatementLine, String>,
}

/// What the rows of one currency add up to. Wider than an amount, since a sum of many may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrencyTotals {
    /// Its code, as the rows have it.
    pub currency: String,
    /// All balances.
    pub balances_minor: i128,
    /// All that the statement lines brought in, without what they took out.
    pub movements_minor: i128,
}

/// Port: reads all of a read database in the order of account ids, in pages, for who verifies it. Its adapters pass one
/// suite of tests.
///
/// A scan is no snapshot: what the projector writes meanwhile may be seen or not.
#[async_trait]
pub trait RowScan: Send + Sync {
    /// Up to `limit` rows of these accounts, those behind `after` where it is given. Fewer only at the range's end.
    async fn rows(
        &self,
        range: StreamRange,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<ScannedRow>, ReadDbError>;

    /// Up to `limit` lines of these accounts, those behind `after` where it is given. Fewer only at the range's end.
    async fn lines(
        &self,
        range: StreamRange,
        after: Option<LinePlace>,
        limit: u32,
    ) -> Result<Vec<ScannedLine>, ReadDbError>;

    /// What the balances and the movements of each currency add up to, all as of one moment. Reads everything.
    async fn totals(&self) -> Result<Vec<CurrencyTotals>, ReadDbError>;

    /// Rows and lines that have no place in the order, since what they have for an account's id is none: up to `limit` of
    /// them, each in a few words.
    async fn misplaced(&self, limit: u32) -> Result<Vec<String>, ReadDbError>;
}
