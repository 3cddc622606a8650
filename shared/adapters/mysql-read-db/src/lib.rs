//! The read database on a MySQL server, or a MariaDB one: the same statements on both, none that either of them calls
//! deprecated. The adapter knows no bank: the texts of its statements come from the tables that a projection declares.
//!
//! [`MySqlReadDb`] is what queries read, and connecting changes nothing. [`MySqlProjector`] is what the projector writes through.
//! The tables come by [`migrate()`], a step of its own with an administrator's rights; queries and the projector have no such
//! rights. `docs/decisions/0012-mysql-upserts-and-locks.md` says why the statements are as they are.
//!
//! A statement whose text is made from a declaration cannot be checked by the compiler. A contract test prepares every
//! statement on both servers.

mod migrate; // makes the tables
mod mysql_cells; // rows of a declared table, from and to the server
mod mysql_projector; // EventHandler: a batch of events in one transaction
mod mysql_read_db; // the pool, and what every connection of it is set to
mod parcels; // rows on their way to the server
mod projection_records; // ProjectionRegister
mod projector_sql; // the statements of the projector's transaction
#[cfg(feature = "restore")]
mod restore; // the ports of a restore
mod reworded_migrations; // migrations whose comments were edited after databases had run them
mod row_reading; // RowReader
mod row_scan; // RowScan
mod table_sql; // the statements' texts for a declared table
mod try_error; // why one try of a batch ended

pub use migrate::{MigrateError, migrate};
pub use mysql_projector::MySqlProjector;
pub use mysql_read_db::{ConnectError, Limits, MySqlReadDb};
#[cfg(feature = "restore")]
pub use restore::statements_of;
