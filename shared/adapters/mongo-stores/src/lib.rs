//! The adapters for MongoDB: the event store, and the keys of personal data. A function that uses one also uses the other
//! nearly always, and both talk to the server in the same way.

mod bounded; // every operation ends in time, with an answer or without
mod connection; // the client's limits, and what reads and writes of a collection guarantee
mod event_store; // one document per commit
mod key_store; // one document per key
mod prepare; // a collection and its validator, made or brought up to date

pub use bounded::OperationError;
pub use connection::ConnectError;
pub use event_store::MongoEventStore;
pub use key_store::MongoKeyStore;
pub use prepare::PrepareError;
