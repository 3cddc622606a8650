//! The raw clients. Each does the same work as the program on the same server: documents, records and rows of the same bytes,
//! with the same durability. A raw client decides nothing and checks nothing.

mod event_log; // MongoDB and Kafka: insert; find and insert; find, insert and produce
mod rows; // MySQL: a select by key
mod sqlite_log; // SQLite: an insert

pub use event_log::{EventLog, RawCommand, RawCommands};
pub use rows::{RawSelect, SelectBy};
pub use sqlite_log::RawSqlite;
