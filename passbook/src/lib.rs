//! The one program for people. Each subcommand is a module; `main.rs` only picks one.

mod embedded; // the event store, bus and read database of one data folder
pub mod gateway; // HTTP in, the very handlers of the functions, HTTP out
pub mod import; // bank transactions from a CSV file, played as commands
mod serve; // `passbook serve`

pub use embedded::{Embedded, EmbeddedError};
pub use serve::{ServeError, ServeSettings, serve};
