//! The event store: one document per commit. The file `commit_document.rs` shows a document. The record
//! `docs/decisions/0011-mongodb-layout.md` gives the reasons.

mod append_runs; // many commits by one ordered insert, and the server's refusals
mod commit_document; // a commit as a document, and back
mod commit_scan; // CommitScan
mod json_in_bson; // serde_json values as BSON that a shell can show, and back without a difference
mod mongo_event_store; // EventStoreRepository and DeliveryMarks
mod prepare; // the validator and indexes of the collection
mod transaction; // several commits to several streams, all or none

pub use mongo_event_store::MongoEventStore;
