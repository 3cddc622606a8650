//! The one program for people. Each subcommand is a module; `main.rs` only picks one. A module uses only modules of the groups
//! above its own, so that there is no circle.

// --- each by itself
mod embedded; // the event store, bus and read database of one data folder
mod embedded_limits; // how a restore works on them
mod health_checks; // the bus's line in the health check
#[cfg(feature = "servers")]
mod mapping_variables; // what the environment changes about the event source mapping
mod stop_signal; // SIGTERM and SIGINT

// --- what is opened or runs
mod databases; // event store, keys and read database, without what runs between them
#[cfg(feature = "servers")]
pub mod delivery; // which function is behind the mapping, and which are on a schedule: `passbook deliver`

// --- MongoDB, Kafka and MySQL, and in AWS's place what runs between them
#[cfg(feature = "servers")]
mod servers;

// --- the embedded stack or the servers, by the environment
mod stack;

// --- the subcommands
#[cfg(feature = "servers")]
pub mod dead_letters; // `passbook dead-letters`: what could not be applied, listed and published again
pub mod gateway; // the routes, functions and files that the local gateway serves
#[cfg(feature = "servers")]
pub mod prepare; // what the functions must find on the servers
pub mod restore; // `passbook restore`, and the same inside `passbook serve`
pub mod verify; // `passbook verify`: every stored commit, and the rows against them

// --- the subcommands that use others
pub mod import; // bank transactions from a CSV file, played as commands
mod serve; // `passbook serve`

pub use embedded::{Embedded, EmbeddedError};
pub use serve::{ServeError, ServeSettings, serve};
pub use stack::{Stack, StackDescription, StackError, StackSettings};
