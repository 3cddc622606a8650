//! The event store in MongoDB: one document per commit. What a document looks like is in
//! `src/commit_document.rs`; why, in `docs/decisions/0011-mongodb-layout.md`.

mod commit_document; // a commit as a document, and back
mod commit_scan; // CommitScan
mod json_in_bson; // serde_json values as BSON that a shell shows, and back without a difference
mod mongo_event_store; // EventStoreRepository and DeliveryMarks
mod prepare; // the collection, its validator, its indexes

pub use mongo_connection::{ConnectError, OperationError};
pub use mongo_event_store::MongoEventStore;
pub use prepare::PrepareError;
