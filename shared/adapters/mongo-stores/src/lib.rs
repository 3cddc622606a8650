//! The adapters for MongoDB: the event store, and the keys of personal data. Nearly every function that uses one
//! adapter also uses the other, and both talk to the server in the same way.

mod bounded; // a time limit for every operation
mod connection; // the client's limits, and the guarantees of a collection's reads and writes
mod event_store; // one document per commit
mod key_store; // one document per key
mod prepare; // a collection and its validator, made or brought up to date

pub use bounded::OperationError;
pub use connection::{ConnectError, RequestsAtOnce};
pub use event_store::MongoEventStore;
pub use key_store::MongoKeyStore;
pub use prepare::PrepareError;
