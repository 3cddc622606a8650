use std::time::Duration;

use async_trait::async_trait;
use cqrs::{CommitPlace, QueryError, StreamId, StreamRange};
use projection::{AnyProjection, Cells, Table};

use crate::{FoldedRow, RestoreJob, RestoreLeases, RestoreRegister, RestoreStatus, RowsChecksum};

/// Why the read database did not do what the restore asked of it.
#[derive(Debug, thiserror::Error)]
pub enum RestoreStoreError {
    /// The database could not be reached, or did not answer in time. Handling: go on later; the restore is where it was.
    #[error("the read database is unavailable")]
    Unavailable {
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another transaction holds what the step needs; nothing was changed. Handling: the step again, after a pause.
    #[error("the read database's tables are in use")]
    Busy,
    /// Another worker has the lease by now, or the restore has ended. Nothing was changed. Handling: leave the restore alone.
    #[error("the restore is in other hands")]
    LeaseLost,
    /// No swap has put tables aside, or the tables are of another form. Handling: there is no way back.
    #[error("there are no tables to bring back: {reason}")]
    NothingToBringBack {
        /// In a few words.
        reason: String,
    },
    /// A stored row or record cannot be read. Handling: a person must look.
    #[error("the read database holds something unreadable: {reason}")]
    Corrupt {
        /// What did not fit.
        reason: String,
    },
}

impl RestoreStoreError {
    /// Whether the step again would end the same way.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::NothingToBringBack { .. } | Self::Corrupt { .. })
    }
}

impl From<projection::CellError> for RestoreStoreError {
    fn from(error: projection::CellError) -> Self {
        Self::Corrupt { reason: error.to_string() }
    }
}

/// The answer to a function that asks about restores.
impl From<RestoreStoreError> for QueryError {
    fn from(error: RestoreStoreError) -> Self {
        match error {
            RestoreStoreError::Corrupt { reason } => Self::Corrupt { reason },
            error => Self::Unavailable { source: error.into() },
        }
    }
}

/// How far the tables of a restore have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// There are no shadow tables of this restore, or they are of another form than the tables that they are for.
    Unprepared,
    /// The shadow tables are there.
    Prepared,
    /// The shadow tables are the tables that queries read.
    Swapped,
}

/// A range of streams, and how far it has been built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeProgress {
    /// The range's number, from 0.
    pub number: u32,
    /// The streams in the range.
    pub range: StreamRange,
    /// The last commit that is in the shadow tables; none before the first.
    pub at: Option<CommitPlace>,
    /// Whether the range has been read to its end.
    pub is_built: bool,
    /// Whether the shadow tables were found to hold the folded rows.
    pub is_verified: bool,
    /// The rows that were folded for all projections, as the shadow tables must hold them.
    pub folded: RowsChecksum,
}

/// The lines of a stream after a version, in one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinesAfter {
    /// The table of the lines.
    pub table: &'static Table,
    /// The stream.
    pub stream_id: StreamId,
    /// The version of the last line that is not meant.
    pub version: u64,
}

/// One transaction's writes to the shadow tables.
#[derive(Debug, Clone, Default)]
pub struct ShadowChange {
    /// Lines to delete before the others are inserted. A row and its lines are written together, so only damage from outside leaves
    /// lines that are ahead of their row. A rollback brings tables with such damage back.
    pub cleared_lines: Vec<LinesAfter>,
    /// Rows to insert or to replace, each in the table that it names.
    pub rows: Vec<FoldedRow>,
    /// Lines to insert, each in the table that it names.
    pub lines: Vec<Cells>,
    /// The ranges that the rows belong to, as they are afterwards.
    pub ranges: Vec<RangeProgress>,
    /// The number of events that were replayed for the change.
    pub events: u64,
}

/// A stream of which the tables that queries read have more than the shadow tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BehindStream {
    /// The stream.
    pub stream_id: StreamId,
    /// The stream's row in the shadow table.
    pub shadow: Option<Cells>,
    /// The version of the row that queries read.
    pub live_version: Option<u64>,
    /// The last version that waits for its turn.
    pub early_version: Option<u64>,
}

/// Port: the shadow tables, read and written by the holder of the lease.
#[async_trait]
pub trait ShadowTables: Send {
    /// The row of a stream.
    async fn row(
        &mut self,
        projection: &'static dyn AnyProjection,
        stream_id: StreamId,
    ) -> Result<Option<Cells>, RestoreStoreError>;

    /// Writes all of the change, and with it the count of events and the lease's new end, or nothing.
    async fn write(&mut self, change: &ShadowChange) -> Result<(), RestoreStoreError>;

    /// Up to `limit` streams that are behind in a projection, in the order of their ids and after this one.
    async fn behind(
        &mut self,
        projection: &'static dyn AnyProjection,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<BehindStream>, RestoreStoreError>;

    /// What a projection's tables hold of these streams: their rows, and of each stream the lines after this version.
    async fn held_of(
        &mut self,
        projection: &'static dyn AnyProjection,
        streams: &[(StreamId, u64)],
    ) -> Result<RowsChecksum, RestoreStoreError>;
}

/// Port: the shadow tables while no projector commits. The gate opens again when it is dropped.
#[async_trait]
pub trait ClosedGate: ShadowTables {
    /// Makes the shadow tables those that queries read, and puts those aside in one step; records the version of the rows; drops
    /// the early events that have had their turn by that; opens the gate.
    ///
    /// Queries wait a moment at most. Where the tables are in use for longer the answer is [`RestoreStoreError::Busy`].
    async fn swap(self: Box<Self>) -> Result<(), RestoreStoreError>;
}

/// Port: a stream that no projector writes, with its lines in one projection cleared away. Dropped, all is as it was.
#[async_trait]
pub trait LockedStream: Send {
    /// The version of the stream's row, where it has a row that can be read.
    fn live_version(&self) -> Option<u64>;

    /// Writes the stream's next lines.
    async fn add_lines(&mut self, lines: &[Cells]) -> Result<(), RestoreStoreError>;

    /// Writes the stream's row, or that it has none, and drops the early events whose turn has come.
    async fn finish(self: Box<Self>, row: Option<&Cells>) -> Result<(), RestoreStoreError>;
}

/// Port: the tables that a restore builds, compares and swaps. Its adapters pass one suite of contract tests.
///
/// A change happens only under the lease of the job that it is given.
#[async_trait]
pub trait ShadowStore: Send + Sync {
    /// The number of rows that queries read, in all projections of the scope.
    async fn count_rows(&self, scope: &[&'static dyn AnyProjection]) -> Result<u64, RestoreStoreError>;

    /// How far the job's tables have come.
    async fn stage(&self, job: &RestoreJob) -> Result<Stage, RestoreStoreError>;

    /// Makes empty shadow tables in place of any that are there, and records the ranges to build. The tables that the last swap put
    /// aside are dropped.
    async fn prepare(
        &self,
        job: &RestoreJob,
        ranges: &[StreamRange],
        events_total: u64,
    ) -> Result<(), RestoreStoreError>;

    /// Makes the tables that the last swap put aside the shadow tables.
    async fn prepare_rollback(&self, job: &RestoreJob) -> Result<(), RestoreStoreError>;

    /// The ranges, by number.
    async fn ranges(&self, job: &RestoreJob) -> Result<Vec<RangeProgress>, RestoreStoreError>;

    /// The shadow tables.
    fn shadow(&self, job: &RestoreJob) -> Box<dyn ShadowTables>;

    /// What the shadow tables hold of these streams.
    async fn held(&self, job: &RestoreJob, range: StreamRange) -> Result<RowsChecksum, RestoreStoreError>;

    /// How many of these streams have rows or lines that differ from those of the shadow tables. Streams that are only behind do
    /// not count.
    async fn differing(&self, job: &RestoreJob, range: StreamRange) -> Result<u64, RestoreStoreError>;

    /// Records that this range was verified, and how many of its streams differed.
    async fn mark_verified(&self, job: &RestoreJob, range_number: u32, differing: u64)
    -> Result<(), RestoreStoreError>;

    /// Keeps every projector from committing to the job's projections. The gate also opens by itself soon after `for_at_most`: the
    /// worker may have vanished without a word.
    async fn close_gate(
        &self,
        job: &RestoreJob,
        for_at_most: Duration,
    ) -> Result<Box<dyn ClosedGate>, RestoreStoreError>;

    /// Up to `limit` streams that had more events in the tables that the swap put aside than in those that queries read, each with
    /// its version there, in the order of their ids and after this one.
    async fn ahead_in_old(
        &self,
        projection: &'static dyn AnyProjection,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<(StreamId, u64)>, RestoreStoreError>;

    /// Ends the restore, with the reason of a failure or what was left undone. Where the restore failed its shadow tables are
    /// dropped; those of a rollback are put aside again.
    async fn finish(
        &self,
        job: &RestoreJob,
        status: RestoreStatus,
        failure: Option<&str>,
    ) -> Result<(), RestoreStoreError>;

    /// Drops the tables that the last swap put aside. While a restore runs the answer is [`RestoreStoreError::Busy`].
    async fn drop_old(&self, scope: &[&'static dyn AnyProjection]) -> Result<(), RestoreStoreError>;

    /// Locks a stream as a projector does, to rebuild its rows in one projection.
    async fn lock_stream(
        &self,
        projection: &'static dyn AnyProjection,
        stream_id: StreamId,
    ) -> Result<Box<dyn LockedStream>, RestoreStoreError>;
}

/// A read database as a restore needs it: all three ports.
pub trait RestoreStore: RestoreRegister + RestoreLeases + ShadowStore {}

impl<S: RestoreRegister + RestoreLeases + ShadowStore> RestoreStore for S {}
