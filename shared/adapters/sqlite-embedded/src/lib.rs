//! The replacement of the three servers on a laptop, in SQLite: the event store, the bus and the read database. The
//! ports are the same, and the same contract tests check them. The read database knows no bank: its statements come
//! from the tables that a projection declares.
//!
//! There are three files, and never one. The read side is a separate database that catches up, as in production. The
//! keys of personal data are not copied along with the log.

mod commit_scan; // CommitScan
mod embedded_bus; // delivers from the event store's own log, at least once
mod open_database; // files, pragmas, migrations
mod projection_records; // ProjectionRegister
#[cfg(feature = "restore")]
mod restore; // the ports of a restore
mod reworded_migrations; // migrations whose comments were edited after files had run them
mod row_reading; // RowReader
mod row_scan; // RowScan
mod sqlite_cells; // rows of a declared table, from and to the file
mod sqlite_event_store; // EventStoreRepository
mod sqlite_key_store; // KeyStore
mod sqlite_projector; // EventHandler: a batch of events in one transaction
mod sqlite_read_db; // the read database's file
mod version_column; // a version in the form of a SQLite column

pub use embedded_bus::{BusProgress, EmbeddedBus, EmbeddedBusError, TailedLog};
pub use open_database::OpenError;
#[cfg(feature = "restore")]
pub use restore::statements_of;
pub use sqlite_event_store::SqliteEventStore;
pub use sqlite_key_store::SqliteKeyStore;
pub use sqlite_projector::SqliteProjector;
pub use sqlite_read_db::SqliteReadDb;
