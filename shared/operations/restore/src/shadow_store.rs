use std::time::Duration;

use async_trait::async_trait;
use cqrs::{CommitPlace, QueryError, StreamId, StreamRange};
use projection::{AnyProjection, Cells, Table};

use crate::{FoldedRow, RestoreJob, RestoreLeases, RestoreRegister, RestoreStatus, RowsChecksum};

/// The reason why the read database did not do a step of the restore.
#[derive(Debug, thiserror::Error)]
pub enum RestoreStoreError {
    /// The database could not be reached, or did not answer in time. Handling: go on later; the restore's progress is
    /// unchanged.
    #[error("the read database is unavailable")]
    Unavailable {
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another transaction has locked the data that the step needs. Nothing was changed. Handling: repeat the step
    /// after a pause.
    #[error("the read database's tables are in use")]
    Busy,
    /// Another worker has the lease by now, or the restore has ended. Nothing was changed. Handling: leave the restore
    /// alone.
    #[error("another worker has the restore, or it has ended")]
    LeaseLost,
    /// No swap has put tables aside, or the tables have another form. Handling: there is no way back.
    #[error("there are no tables to bring back: {reason}")]
    NothingToBringBack {
        /// The reason, in a few words.
        reason: String,
    },
    /// A stored row or record cannot be read. Handling: a person must look.
    #[error("the read database holds unreadable data: {reason}")]
    Corrupt {
        /// The part of the data that does not fit.
        reason: String,
    },
}

impl RestoreStoreError {
    /// Whether a repeated step would end the same way.
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

/// The answer of a function that queries restores.
impl From<RestoreStoreError> for QueryError {
    fn from(error: RestoreStoreError) -> Self {
        match error {
            RestoreStoreError::Corrupt { reason } => Self::Corrupt { reason },
            error => Self::Unavailable { source: error.into() },
        }
    }
}

/// The progress of a restore's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// This restore has no shadow tables, or their form differs from that of the tables that they replace.
    Unprepared,
    /// The shadow tables exist.
    Prepared,
    /// The swap is done: queries read the tables that this restore built.
    Swapped,
}

/// A range of streams and its progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeProgress {
    /// The range's number, from 0.
    pub number: u32,
    /// The streams in the range.
    pub range: StreamRange,
    /// The place of the last commit in the shadow tables; `None` before the first.
    pub at: Option<CommitPlace>,
    /// Whether the range has been read to its end.
    pub is_built: bool,
    /// Whether a check has shown that the shadow tables hold the folded rows.
    pub is_verified: bool,
    /// The checksum of the rows that were folded for all projections. The shadow tables must have the same checksum.
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

/// The writes of one transaction to the shadow tables.
#[derive(Debug, Clone, Default)]
pub struct ShadowChange {
    /// Lines to delete before the others are inserted. A row and its lines are written together, so only damage from outside leaves
    /// lines that are ahead of their row. A rollback brings tables with such damage back.
    pub cleared_lines: Vec<LinesAfter>,
    /// Rows to insert or to replace, each in the table that it names.
    pub rows: Vec<FoldedRow>,
    /// Lines to insert, each in the table that it names.
    pub lines: Vec<Cells>,
    /// The ranges of the rows, with their progress after the change.
    pub ranges: Vec<RangeProgress>,
    /// The number of events that were replayed for the change.
    pub events: u64,
}

/// A stream for which the tables that queries read are ahead of the shadow tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BehindStream {
    /// The stream.
    pub stream_id: StreamId,
    /// The stream's row in the shadow table.
    pub shadow: Option<Cells>,
    /// The version of the row that queries read.
    pub live_version: Option<u64>,
    /// The last version among the early events, which wait for their turn.
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

    /// Writes the whole change, with the count of events and the lease's new end, or nothing.
    async fn write(&mut self, change: &ShadowChange) -> Result<(), RestoreStoreError>;

    /// Up to `limit` streams that are behind in a projection, in the order of their ids and after this one.
    async fn streams_behind(
        &mut self,
        projection: &'static dyn AnyProjection,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<BehindStream>, RestoreStoreError>;

    /// The checksum of a projection's tables for these streams. It covers their rows, and of each stream the lines
    /// after this version.
    async fn checksum_of_streams(
        &mut self,
        projection: &'static dyn AnyProjection,
        streams: &[(StreamId, u64)],
    ) -> Result<RowsChecksum, RestoreStoreError>;
}

/// Port: the shadow tables while no projector commits. The gate opens again when this value is dropped.
#[async_trait]
pub trait ClosedGate: ShadowTables {
    /// Replaces the tables that queries read by the shadow tables, and puts the old tables aside, in one step. Records
    /// the version of the rows, drops the early events that the rows now include, and opens the gate.
    ///
    /// Queries wait a moment at most. If the tables are in use for longer, the answer is [`RestoreStoreError::Busy`].
    async fn swap(self: Box<Self>) -> Result<(), RestoreStoreError>;
}

/// Port: a stream that no projector writes, with its lines in one projection removed. If this value is dropped, nothing
/// has changed.
#[async_trait]
pub trait LockedStream: Send {
    /// The version of the stream's row, if it has a row that can be read.
    fn live_version(&self) -> Option<u64>;

    /// Writes the stream's next lines.
    async fn add_lines(&mut self, lines: &[Cells]) -> Result<(), RestoreStoreError>;

    /// Writes the stream's row, or removes it, and drops the early events that the row now includes.
    async fn finish(self: Box<Self>, row: Option<&Cells>) -> Result<(), RestoreStoreError>;
}

/// Port: the tables that a restore builds, compares and swaps. Its adapters pass one suite of contract tests.
///
/// A change happens only under the lease of the given job.
#[async_trait]
pub trait ShadowStore: Send + Sync {
    /// The number of rows that queries read, in all projections of the scope.
    async fn count_rows(&self, scope: &[&'static dyn AnyProjection]) -> Result<u64, RestoreStoreError>;

    /// The progress of the job's tables.
    async fn stage(&self, job: &RestoreJob) -> Result<Stage, RestoreStoreError>;

    /// Makes empty shadow tables in place of any existing ones, and records the ranges to build. The old tables, which
    /// the last swap put aside, are dropped.
    async fn prepare(
        &self,
        job: &RestoreJob,
        ranges: &[StreamRange],
        events_total: u64,
    ) -> Result<(), RestoreStoreError>;

    /// Makes shadow tables of the old tables, which the last swap put aside.
    async fn prepare_rollback(&self, job: &RestoreJob) -> Result<(), RestoreStoreError>;

    /// The ranges, by number.
    async fn ranges(&self, job: &RestoreJob) -> Result<Vec<RangeProgress>, RestoreStoreError>;

    /// The shadow tables.
    fn shadow(&self, job: &RestoreJob) -> Box<dyn ShadowTables>;

    /// The checksum of the shadow tables for these streams.
    async fn checksum_of_range(&self, job: &RestoreJob, range: StreamRange) -> Result<RowsChecksum, RestoreStoreError>;

    /// The number of these streams whose rows or lines differ from those of the shadow tables. Streams that are only
    /// behind do not count.
    async fn differing(&self, job: &RestoreJob, range: StreamRange) -> Result<u64, RestoreStoreError>;

    /// Records that this range was verified, and the number of its streams that differed.
    async fn mark_verified(&self, job: &RestoreJob, range_number: u32, differing: u64)
    -> Result<(), RestoreStoreError>;

    /// Keeps every projector from committing to the job's projections. The gate also opens by itself soon after
    /// `for_at_most`, because the worker may disappear without a sign.
    async fn close_gate(
        &self,
        job: &RestoreJob,
        for_at_most: Duration,
    ) -> Result<Box<dyn ClosedGate>, RestoreStoreError>;

    /// Up to `limit` streams that had more events in the old tables than in the tables that queries read. The last swap
    /// put the old tables aside. Each stream comes with its version there. They are in the order of their ids and after
    /// the given stream.
    async fn ahead_in_old(
        &self,
        projection: &'static dyn AnyProjection,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<(StreamId, u64)>, RestoreStoreError>;

    /// Ends the restore, with the reason of a failure or a note of unfinished work. After a failure the shadow tables
    /// are dropped. Those of a failed rollback are put aside again.
    async fn finish(
        &self,
        job: &RestoreJob,
        status: RestoreStatus,
        failure: Option<&str>,
    ) -> Result<(), RestoreStoreError>;

    /// Drops the old tables, which the last swap put aside. While a restore runs the answer is
    /// [`RestoreStoreError::Busy`].
    async fn drop_old(&self, scope: &[&'static dyn AnyProjection]) -> Result<(), RestoreStoreError>;

    /// Locks a stream as a projector does, so that its rows in one projection can be rebuilt.
    async fn lock_stream(
        &self,
        projection: &'static dyn AnyProjection,
        stream_id: StreamId,
    ) -> Result<Box<dyn LockedStream>, RestoreStoreError>;
}

/// A read database with everything that a restore needs: all three ports.
pub trait RestoreStore: RestoreRegister + RestoreLeases + ShadowStore {}

impl<S: RestoreRegister + RestoreLeases + ShadowStore> RestoreStore for S {}
