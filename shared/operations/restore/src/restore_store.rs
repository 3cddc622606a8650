use std::time::Duration;

use async_trait::async_trait;
use bank::AccountId;
use bank_read_model::{BankAccountEntity, StatementLine};
use cqrs::{CommitPlace, QueryError, StreamRange};

use crate::{FoldedAccount, RestoreId, RestoreRecord, RestoreRegister, RestoreStatus, RowsChecksum};

/// Why the read database did not do what the restore asked of it.
#[derive(Debug, thiserror::Error)]
pub enum RestoreStoreError {
    /// It could not be reached, or did not answer in time. Handling: go on later; the restore is where it was.
    #[error("the read database is unavailable")]
    Unavailable {
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Somebody holds what the step needs to itself; nothing was changed. Handling: the step again, after a pause.
    #[error("the read database's tables are in use")]
    Busy,
    /// The lease is another's by now, or the restore has ended. Nothing was changed. Handling: leave it alone.
    #[error("the restore is in other hands")]
    LeaseLost,
    /// There are no tables that a swap has put aside, or they are of another form. Handling: there is no way back.
    #[error("there are no tables to bring back: {reason}")]
    NothingToBringBack {
        /// In a few words.
        reason: String,
    },
    /// What is stored cannot be read. Handling: a person must look.
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

/// As whoever asks by a function is answered.
impl From<RestoreStoreError> for QueryError {
    fn from(error: RestoreStoreError) -> Self {
        match error {
            RestoreStoreError::Corrupt { reason } => Self::Corrupt { reason },
            error => Self::Unavailable { source: error.into() },
        }
    }
}

/// The right to work on a restore, for a while: whoever holds it is the only one who writes the shadow tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who. A name that no other process has.
    pub holder: String,
    /// For so long, from each time that it is taken or renewed.
    pub duration: Duration,
}

/// What became of asking for the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseAnswer {
    /// It is the asker's: this restore is to be done, from where it is.
    Taken(RestoreRecord),
    /// It is another's, who is alive.
    HeldByAnother(RestoreRecord),
    /// No restore runs.
    NothingToDo,
}

/// How far the tables of a restore have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// There are no shadow tables of this restore, or they are of another form than the tables that they are for.
    Unprepared,
    /// The shadow tables are there.
    Prepared,
    /// They are the tables that queries read.
    Swapped,
}

/// A range of streams, and how far it has been built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeProgress {
    /// Its number, from 0.
    pub number: u32,
    /// Which streams.
    pub range: StreamRange,
    /// The last commit that is in the shadow tables; none before the first.
    pub at: Option<CommitPlace>,
    /// Whether it has been read to its end.
    pub is_built: bool,
    /// Whether the shadow tables were found to hold what was folded.
    pub is_verified: bool,
    /// The rows that were folded, as the shadow tables must hold them.
    pub folded: RowsChecksum,
}

/// One transaction's writes to the shadow tables.
#[derive(Debug, Clone, Default)]
pub struct ShadowChange {
    /// Rows of accounts to insert or replace.
    pub accounts: Vec<FoldedAccount>,
    /// Lines to insert.
    pub lines: Vec<StatementLine>,
    /// The ranges that these belong to, as they are afterwards.
    pub ranges: Vec<RangeProgress>,
    /// Events that were replayed for it.
    pub events: u64,
}

/// An account of which something came to the tables that queries read and is not in the shadow tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BehindAccount {
    /// Which.
    pub account_id: AccountId,
    /// Its row in the shadow table.
    pub shadow: Option<BankAccountEntity>,
    /// The version of the row that queries read.
    pub live_version: Option<u64>,
    /// The last version that waits for its turn.
    pub early_version: Option<u64>,
}

/// Port: the shadow tables, read and written by who holds the lease.
#[async_trait]
pub trait ShadowTables: Send {
    /// An account's row.
    async fn account(&mut self, account_id: AccountId) -> Result<Option<BankAccountEntity>, RestoreStoreError>;

    /// Writes all of it, and with it the events' count and the lease's new end, or nothing.
    async fn write(&mut self, change: &ShadowChange) -> Result<(), RestoreStoreError>;

    /// Up to `limit` accounts that are behind, in the order of their ids and after this one.
    async fn behind(&mut self, after: Option<AccountId>, limit: u32) -> Result<Vec<BehindAccount>, RestoreStoreError>;

    /// What is held of these accounts: their rows, and of each the lines after this version.
    async fn held_of(&mut self, accounts: &[(AccountId, u64)]) -> Result<RowsChecksum, RestoreStoreError>;
}

/// Port: the shadow tables while no projector commits. The gate opens again when it is dropped.
#[async_trait]
pub trait ClosedGate: ShadowTables {
    /// Makes the shadow tables those that queries read, and puts those aside in one step; drops the early events that have
    /// had their turn by that; opens the gate.
    ///
    /// Queries wait a moment at most: where the tables are in use for longer it is [`RestoreStoreError::Busy`].
    async fn swap(self: Box<Self>) -> Result<(), RestoreStoreError>;
}

/// Port: an account that no projector writes, with its lines cleared away. Dropped, all is as it was.
#[async_trait]
pub trait LockedAccount: Send {
    /// The version of its row, as far as it has one that can be read.
    fn live_version(&self) -> Option<u64>;

    /// Its next lines.
    async fn add_lines(&mut self, lines: &[StatementLine]) -> Result<(), RestoreStoreError>;

    /// Its row, or that it has none; what waited for a turn that has come is dropped.
    async fn finish(self: Box<Self>, row: Option<&BankAccountEntity>) -> Result<(), RestoreStoreError>;
}

/// Port: the read database, as a restore needs it. Its adapters pass one suite of contract tests.
///
/// All that changes something does so only under the lease that it is given.
#[async_trait]
pub trait RestoreStore: RestoreRegister {
    /// Takes the lease of the restore that runs, if nobody alive holds it.
    async fn take_lease(&self, lease: &Lease) -> Result<LeaseAnswer, RestoreStoreError>;

    /// Keeps it for another while.
    async fn renew_lease(&self, id: RestoreId, lease: &Lease) -> Result<(), RestoreStoreError>;

    /// Gives it back, so that the next need not wait for its end.
    async fn release_lease(&self, id: RestoreId, lease: &Lease) -> Result<(), RestoreStoreError>;

    /// How many accounts queries read.
    async fn count_accounts(&self) -> Result<u64, RestoreStoreError>;

    /// How far its tables have come.
    async fn stage(&self, id: RestoreId) -> Result<Stage, RestoreStoreError>;

    /// Makes empty shadow tables, in place of any that are there, and records the ranges to build. The tables that the
    /// last swap put aside are dropped.
    async fn prepare(
        &self,
        id: RestoreId,
        lease: &Lease,
        ranges: &[StreamRange],
        events_total: u64,
    ) -> Result<(), RestoreStoreError>;

    /// Makes the tables that the last swap put aside the shadow tables.
    async fn prepare_rollback(&self, id: RestoreId, lease: &Lease) -> Result<(), RestoreStoreError>;

    /// The ranges, by number.
    async fn ranges(&self, id: RestoreId) -> Result<Vec<RangeProgress>, RestoreStoreError>;

    /// The shadow tables.
    fn shadow(&self, id: RestoreId, lease: &Lease) -> Box<dyn ShadowTables>;

    /// What the shadow tables hold of these streams.
    async fn held(&self, range: StreamRange) -> Result<RowsChecksum, RestoreStoreError>;

    /// How many of these streams' accounts have rows or lines that differ from those of the shadow tables; those that
    /// are only behind do not count.
    async fn differing(&self, range: StreamRange) -> Result<u64, RestoreStoreError>;

    /// Records that this range was verified, and how many accounts of it differed.
    async fn mark_verified(
        &self,
        id: RestoreId,
        lease: &Lease,
        range_number: u32,
        differing: u64,
    ) -> Result<(), RestoreStoreError>;

    /// Keeps every projector from committing. The gate opens by itself soon after `for_at_most`, too: its closer may have
    /// vanished without a word.
    async fn close_gate(
        &self,
        id: RestoreId,
        lease: &Lease,
        for_at_most: Duration,
    ) -> Result<Box<dyn ClosedGate>, RestoreStoreError>;

    /// Up to `limit` accounts that had more events in the tables that the swap put aside than in those that queries read,
    /// each with its version there, in the order of their ids and after this one.
    async fn ahead_in_old(
        &self,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<Vec<(AccountId, u64)>, RestoreStoreError>;

    /// Ends the restore, with what is to be told of it. Where it failed its shadow tables are dropped; those of a rollback are
    /// put aside again.
    async fn finish(
        &self,
        id: RestoreId,
        lease: &Lease,
        status: RestoreStatus,
        failure: Option<&str>,
    ) -> Result<(), RestoreStoreError>;

    /// Drops the tables that the last swap put aside. While a restore runs that is [`RestoreStoreError::Busy`].
    async fn drop_old(&self) -> Result<(), RestoreStoreError>;

    /// Locks an account as a projector does.
    async fn lock_account(&self, account_id: AccountId) -> Result<Box<dyn LockedAccount>, RestoreStoreError>;
}
