//! Rebuilds the read database from the event store while queries and projection go on.
//!
//! [`Restorer`] does the work in steps. Each step records its progress, so that the next worker after a dead one
//! continues there. The restorer knows the read database by [`RestoreStore`], the event store by
//! [`OpenedCommitScan`](cqrs::OpenedCommitScan), and the rows by the declared projections. The databases' adapters are
//! in other crates. `docs/decisions/0018-restore-by-shadow-tables.md` gives the reasons for this design.

// --- requests and their records
mod restore_record; // a restore's record
mod restore_register; // port: records requested restores and finds them
mod restore_trigger; // port: tells the worker
// --- the work
mod catch_up; // events that arrived meanwhile
mod commit_reader; // commits of the event store as events
mod folded_page; // events to rows
mod prepare_projections; // the projections that a new read database must build
mod range_builder; // a range of streams, page after page
mod restore_error; // the reason why a run ended
mod restore_job; // a restore with its worker's lease
mod restore_leases; // port: one worker at a time
mod restore_limits; // counts, sizes and times
mod restore_run; // one run, step by step
mod restorer; // the lease, the run, the end
mod rows_checksum; // the number of rows, and a sum over them that ignores their order
mod shadow_store; // port: the shadow tables, the gate, the swap
mod stream_restore; // one stream, in its place
mod table_set; // the tables that queries read, the shadow tables, and the old tables

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
pub use table_set::{TableSet, tables_of};
