//! How this project talks to MongoDB, whatever is stored there.

mod bounded; // every operation ends in time, one way or the other
mod connection; // the client's limits, and what reads and writes of a collection guarantee

pub use bounded::{OPERATION_TIMEOUT, OperationError, bounded};
pub use connection::{ConnectError, connect, durable_collection};
