//! The replacement of the three servers on a laptop, in SQLite: the event store, the bus and the read database. The
//! ports are the same, and the same contract tests check them. The ports of the read database are written
//! once for all SQL databases, in the crate `sql-read-db`.
//!
//! There are three files, and never one. The read side is a separate database that catches up, as in production. The
//! keys of personal data are not copied along with the log.

mod commit_scan; // CommitScan
mod embedded_bus; // delivers from the event store's own log, at least once
mod file_connection; // SqlConnection
mod open_database; // files, pragmas, migrations
#[cfg(feature = "restore")]
mod restore; // ShadowDatabase
mod reworded_migrations; // migrations whose comments were edited after files had run them
mod sqlite_cells; // cells from the file
mod sqlite_dialect; // Dialect
mod sqlite_event_store; // EventStoreRepository
mod sqlite_key_store; // KeyStore
mod sqlite_projector; // EventHandler: a batch of events in one transaction
mod sqlite_read_db; // SqlDatabase: the read database's file
mod statements; // the texts of all statements, for a test
mod version_column; // a version in the form of a SQLite column

pub use embedded_bus::{BusProgress, EmbeddedBus, EmbeddedBusError, TailedLog};
pub use open_database::OpenError;
pub use sqlite_event_store::SqliteEventStore;
pub use sqlite_key_store::SqliteKeyStore;
pub use sqlite_projector::SqliteProjector;
pub use sqlite_read_db::{ReadDbFile, SqliteReadDb, open_read_db};
pub use statements::statements_of;
