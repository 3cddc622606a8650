//! The event store: one document per commit. The file `commit_document.rs` shows a document; the record
//! `docs/decisions/0011-mongodb-layout.md` says why it is so.

mod commit_document; // a commit as a document, and back
mod commit_scan; // CommitScan
mod json_in_bson; // serde_json values as BSON that a shell shows, and back without a difference
mod mongo_event_store; // EventStoreRepository and DeliveryMarks
mod prepare; // its collection's validator and indexes

pub use mongo_event_store::MongoEventStore;
