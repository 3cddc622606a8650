//! The ports of the read database, written once for every SQL database. [`SqlReadDb`] implements them all. It knows no driver and
//! no bank: the texts of its statements come from the tables that a projection declares, and from the [`Dialect`] of an adapter.
//!
//! An adapter implements [`SqlDatabase`]: it opens connections, which take and give [`Cell`](projection::Cell)s. For a restore it
//! implements `ShadowDatabase` as well: it makes, renames and drops tables.
//!
//! A statement whose text is made from a declaration cannot be checked by the compiler. [`statements_of`] lists these texts, and a
//! contract test prepares each of them on each database.

mod dialect; // how the databases' SQL differs
mod insert; // rows into a table, many at a time
mod projection_records; // ProjectionRegister
#[cfg(feature = "restore")]
mod restore; // the ports of a restore
mod reworded_migrations; // migrations whose comments were edited after databases had run them
mod row_reading; // RowReader
mod row_scan; // RowScan
mod sql_database; // port: a database and its connections
mod sql_error; // the reason why a statement failed
mod sql_read_db; // the type that implements the ports
mod statement; // a text and its values
mod statements; // the texts of all statements, for a test
mod table_sql; // the texts about one table

pub use dialect::Dialect;
pub use insert::{insert, insert_rows};
#[cfg(feature = "restore")]
pub use restore::ShadowDatabase;
pub use reworded_migrations::accept_reworded;
pub use sql_database::{SqlConnection, SqlDatabase, SqlRow, SqlTransaction, kinds_of};
pub use sql_error::SqlError;
pub use sql_read_db::SqlReadDb;
pub use statement::Statement;
pub use statements::statements_of;
pub use table_sql::{columns_of, select_row};
