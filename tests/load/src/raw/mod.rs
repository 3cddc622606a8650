//! The raw clients. Each does the same work as the program on the same server: documents, records and rows of the same bytes,
//! with the same durability. A raw client decides nothing and checks nothing.

mod event_log; // MongoDB and Kafka: insert; find and insert; find, insert and produce
mod pipeline; // Kafka to MySQL: consume, upsert, commit
mod rows; // MySQL: a select by key
mod scan; // MongoDB: every commit
mod sqlite_log; // SQLite: an insert
mod upserts; // MySQL: many rows in one statement

pub use event_log::{EventLog, RawCommand, RawCommands};
pub use pipeline::raw_lags;
pub use rows::{RawSelect, SelectBy};
pub use scan::raw_scan;
pub use sqlite_log::RawSqlite;
pub use upserts::RawUpserts;
