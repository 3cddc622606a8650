//! The read side's core. A projection is declared once, by a [`Projection`] and the [`Table`]s of its rows and lines. All else
//! is written once for all projections: the order of events, repeats, early events and rejected events ([`plan_batch`]), the
//! fold of events into rows ([`StreamFold`]), and the ports by which databases are read and verified.
//!
//! No bank is known here, and no database. `docs/your-own-aggregate.md` declares a projection step by step.

// --- what a projection declares
mod cell; // one value of a stored row
mod declaration; // which events, and how one changes the row
mod table; // columns with their kinds
// --- what follows from the declaration
mod any_projection; // a projection with rows as cells
mod batch_plan; // a batch of deliveries: what to write, strictly by version
mod joint_entries; // rows and lines of several streams that are there together
mod projections; // all projections of a program
mod stream_fold; // the one way from events to rows
mod wait_for_version; // an answer that waits for the read side
// --- the ports
mod projection_register; // which version of each projection the rows are of
mod read_db_error; // why the read database gave no rows
mod row_reader; // what queries read
mod row_scan; // all rows and lines, stream after stream
// --- for tests
#[cfg(any(test, feature = "spec"))]
pub mod spec; // given, when, then

pub use any_projection::{AnyProjection, Declared};
pub use batch_plan::{BatchPlan, Loaded, plan_batch, sort_out_unread};
pub use cell::{Cell, CellError, Cells};
pub use declaration::{EventPlace, Projected, Projection, Totals};
pub use joint_entries::{JointEntries, JointPart};
pub use projection_register::{BuildDue, DueReason, ProjectionRecord, ProjectionRegister, builds_due};
pub use projections::Projections;
pub use read_db_error::ReadDbError;
pub use row_reader::{Comparison, Criterion, GroupSum, Order, RowReader, Selection};
pub use row_scan::{GroupTotals, LinePlace, RowScan, ScannedLine, ScannedRow};
pub use stream_fold::{FoldError, RowFold, StreamFold};
pub use table::{Column, ColumnKind, LINE, NoLine, Table, TableRow, VERSION};
pub use wait_for_version::{VersionedRow, row_at_version};
