//! The read database on a MySQL server, or a MariaDB one: the same statements on both, none that either of them
//! calls deprecated.
//!
//! [`MySqlReadDb`] is what queries read and what the projector writes through; connecting changes nothing. The
//! tables come by [`migrate()`], a step of its own with an administrator's rights, which neither of the two has.

mod migrate; // makes the tables
mod mysql_read_db; // the pool, and what every connection of it is set to
mod project_events; // EventHandler: events to rows, in one transaction
mod query_accounts; // BankAccountRepository
mod rows; // the tables' rows, and from and to them

pub use migrate::{MigrateError, migrate};
pub use mysql_read_db::{ConnectError, Limits, MySqlReadDb};
