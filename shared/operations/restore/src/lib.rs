//! Rebuilds the read database from the event store while queries and projection go on.
//!
//! [`Restorer`] does the work, in steps that each leave behind how far it has come, so that whoever comes after a dead
//! one goes on there. It knows the read database by [`RestoreStore`] and the event store by
//! [`CommitScan`](cqrs::CommitScan); the databases are adapters elsewhere.
//! `docs/decisions/0018-restore-by-shadow-tables.md` says why it goes as it goes.

// --- what is asked for, and how it went
mod restore_record; // a restore, as it is kept
mod restore_register; // port: restores, asked for and looked up
mod restore_trigger; // port: somebody is to do the work
// --- the work
mod account_restore; // one account, in its place
mod catch_up; // what was written meanwhile
mod commit_reader; // commits of the event store as events
mod folded_page; // events to rows
mod range_builder; // a range of streams, page after page
mod restore_store; // port: the shadow tables, the gate, the swap
mod restorer; // all of it, in order
mod rows_checksum; // how many rows, and a sum over them that knows no order

pub use account_restore::{AccountRestore, AccountRestoreError};
pub use folded_page::FoldedAccount;
pub use restore_record::{RestoreId, RestoreIdError, RestoreKind, RestoreRecord, RestoreStatus, UnknownRestoreWord};
pub use restore_register::{Requested, RestoreRegister};
pub use restore_store::{
    BehindAccount, ClosedGate, Lease, LeaseAnswer, LockedAccount, RangeProgress, RestoreStore, RestoreStoreError,
    ShadowChange, ShadowTables, Stage,
};
pub use restore_trigger::{RestoreTrigger, TriggerError};
pub use restorer::{RestoreError, RestoreLimits, Restorer, RunOutcome};
pub use rows_checksum::RowsChecksum;
