//! The read database on a MySQL server, or a MariaDB one: the same statements on both, none that either of them
//! calls deprecated.
//!
//! [`MySqlReadDb`] is what queries read and what the projector writes through; connecting changes nothing. The
//! tables come by [`migrate()`], a step of its own with an administrator's rights, which neither of the two has.
//! `docs/decisions/0012-mysql-upserts-and-locks.md` says why the statements are as they are.
//!
//! The compiler checks the statements against `.sqlx`, which holds what a server said of each; only the list of
//! accounts, whose text is made of the filter, is not among them. Whoever changes a statement or a table asks again,
//! with the URL of a database that has been migrated:
//!
//! ```sh
//! rm shared/adapters/mysql-read-db/.sqlx/*; touch shared/adapters/mysql-read-db/src/lib.rs
//! SQLX_OFFLINE=false SQLX_OFFLINE_DIR=$PWD/shared/adapters/mysql-read-db/.sqlx DATABASE_URL=mysql://… \
//!     cargo check --package mysql-read-db
//! ```

mod migrate; // makes the tables
mod mysql_read_db; // the pool, and what every connection of it is set to
mod parcels; // rows on their way to the server
mod project_events; // EventHandler: events to rows, in one transaction
mod query_accounts; // BankAccountRepository
#[cfg(feature = "restore")]
mod restore; // RestoreStore
mod row_scan; // RowScan
mod rows; // the tables' rows, and from and to them

pub use migrate::{MigrateError, migrate};
pub use mysql_read_db::{ConnectError, Limits, MySqlReadDb};
