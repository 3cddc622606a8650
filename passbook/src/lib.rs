//! The one program for people. Each subcommand is a module; `main.rs` only picks one.

mod databases; // event store, keys and read database, without what runs between them
#[cfg(feature = "servers")]
pub mod dead_letters; // `passbook dead-letters`: what could not be applied, listed and published again
#[cfg(feature = "servers")]
pub mod delivery; // the mapping and the relay's schedule, started and stopped
mod embedded; // the event store, bus and read database of one data folder
#[cfg(feature = "servers")]
pub mod event_source_mapping; // Kafka to a function and the schedule, as AWS runs them
pub mod gateway; // HTTP in, the very handlers of the functions, HTTP out
pub mod import; // bank transactions from a CSV file, played as commands
#[cfg(feature = "servers")]
pub mod prepare; // what the functions must find on the servers
pub mod restore; // `passbook restore`, and the same inside `passbook serve`
mod serve; // `passbook serve`
#[cfg(feature = "servers")]
mod servers; // MongoDB, Kafka and MySQL, and in AWS's place what runs between them
mod stack; // which of the two, by the environment
pub mod verify; // `passbook verify`: every stored commit, and the rows against them

pub use embedded::{Embedded, EmbeddedError};
pub use serve::{ServeError, ServeSettings, serve};
pub use stack::{Stack, StackDescription, StackError, StackSettings};
