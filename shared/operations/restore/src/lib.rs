//! Rebuilds the read database from the event store while queries and projection go on.
//!
//! [`Restorer`] does the work, in steps that each leave behind how far it has come, so that the worker after a dead one goes on
//! there. It knows the read database by [`RestoreStore`], the event store by [`OpenedCommitScan`](cqrs::OpenedCommitScan), and the
//! rows by the projections that are declared; the databases are adapters elsewhere.
//! `docs/decisions/0018-restore-by-shadow-tables.md` says why it goes as it goes.

// --- what is asked for, and how it went
mod restore_record; // a restore, as it is kept
mod restore_register; // port: restores, asked for and looked up
mod restore_trigger; // port: tells the worker
// --- the work
mod catch_up; // events that came meanwhile
mod commit_reader; // commits of the event store as events
mod folded_page; // events to rows
mod prepare_projections; // which projections a new read database must build
mod range_builder; // a range of streams, page after page
mod restore_error; // why a run ended
mod restore_job; // a restore in the hands of a worker
mod restore_leases; // port: one worker at a time
mod restore_limits; // how many, how much, how long
mod restore_run; // one run, step by step
mod restorer; // the lease, the run, the end
mod rows_checksum; // how many rows, and a sum over them that knows no order
mod shadow_store; // port: the shadow tables, the gate, the swap
mod stream_restore; // one stream, in its place

pub use folded_page::FoldedRow;
pub use prepare_projections::{PrepareError, prepare_projections};
pub use restore_error::RestoreError;
pub use restore_job::{Lease, RestoreJob, Scope};
pub use restore_leases::{LeaseAnswer, RestoreLeases};
pub use restore_limits::RestoreLimits;
pub use restore_record::{RestoreId, RestoreIdError, RestoreKind, RestoreRecord, RestoreStatus, UnknownRestoreWord};
pub use restore_register::{Requested, RestoreRegister};
pub use restore_trigger::{RestoreTrigger, TriggerError};
pub use restorer::{Restorer, RunOutcome};
pub use rows_checksum::RowsChecksum;
pub use shadow_store::{
    BehindStream, ClosedGate, LinesAfter, LockedStream, RangeProgress, RestoreStore, RestoreStoreError, ShadowChange,
    ShadowStore, ShadowTables, Stage,
};
pub use stream_restore::{StreamRestore, StreamRestoreError};
