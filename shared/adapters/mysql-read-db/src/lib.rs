//! The read database on a MySQL or MariaDB server. Both get the same statements, and neither calls any of them
//! deprecated. The adapter knows no bank: the texts of its statements come from the tables that a projection declares.
//!
//! The ports are written once for all SQL databases, in the crate `sql-read-db`. This crate adds the driver, the connections and
//! the projector.
//!
//! Queries read through [`MySqlReadDb`], and connecting changes nothing. The projector writes through
//! [`MySqlProjector`]. The tables are made by [`migrate()`], a separate step with an administrator's rights. Queries
//! and the projector have no such rights. `docs/decisions/0012-mysql-upserts-and-locks.md` gives the reasons for the
//! form of the statements.
//!
//! A statement whose text is made from a declaration cannot be checked by the compiler. A contract test prepares every
//! statement on both servers.

mod held_connection; // SqlConnection: closed unless its answer is there
mod migrate; // makes the tables
mod mysql_cells; // rows of a declared table, from and to the server
mod mysql_dialect; // Dialect
mod mysql_projector; // EventHandler: a batch of events in one transaction
mod mysql_read_db; // SqlDatabase: the pool, and the settings of each connection
mod parcels; // rows on their way to the server
mod projector_sql; // the statements of the projector's transaction
#[cfg(feature = "restore")]
mod restore; // ShadowDatabase
mod reworded_migrations; // migrations whose comments were edited after databases had run them
mod sql_error; // the reason of a failure, by the server's number
mod statements; // the texts of all statements, for a test
mod table_sql; // the projector's texts for a declared table
mod try_error; // the reason why one try of a batch ended

pub use migrate::{MigrateError, migrate};
pub use mysql_projector::MySqlProjector;
#[cfg(feature = "restore")]
pub use mysql_read_db::connect_for_restore;
pub use mysql_read_db::{ConnectError, Limits, MySqlReadDb, MySqlServer, connect, connect_for_function, connect_with};
pub use statements::statements_of;
