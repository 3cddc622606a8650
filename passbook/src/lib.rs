//! The one program for people. Each subcommand is a module, and `main.rs` only chooses it. A module uses only modules
//! of the groups above its own, so that there is no circle.

// --- modules that use no other
mod embedded; // the event store, bus and read database of one data folder
mod embedded_limits; // the limits of a restore on them
mod health_checks; // the bus's line in the health check
#[cfg(feature = "servers")]
mod mapping_variables; // the environment's changes to the event source mapping
mod stop_signal; // SIGTERM and SIGINT

// --- the parts that are opened or run
mod databases; // event store, keys and read database, without the event delivery
#[cfg(feature = "servers")]
pub mod delivery; // the function behind the mapping, and the functions on a schedule: `passbook deliver`

// --- MongoDB, Kafka and MySQL, and the replacement for the AWS services between them
#[cfg(feature = "servers")]
mod servers;

// --- the embedded stack or the servers, by the environment
mod stack;

// --- the subcommands
#[cfg(feature = "servers")]
pub mod dead_letters; // `passbook dead-letters`: records that could not be applied, listed and published again
pub mod gateway; // the routes, functions and files that the local gateway serves
#[cfg(feature = "servers")]
pub mod prepare; // `passbook prepare`: the parts that the functions need on the servers
pub mod restore; // `passbook restore`, and the same inside `passbook serve`
pub mod verify; // `passbook verify`: checks every stored commit, and the rows against the commits

// --- the subcommands that use other modules
pub mod import; // bank transactions from a CSV file, played as commands
mod serve; // `passbook serve`

pub use embedded::{Embedded, EmbeddedError};
pub use serve::{ServeError, ServeSettings, serve};
pub use stack::{Stack, StackDescription, StackError, StackSettings};
