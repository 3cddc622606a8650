//! The keys of personal data, in a database of their own: one document per stream. The file `key_document.rs` shows a
//! document.

mod key_document; // a key, or the mark of its destruction, as a document, and back
mod mongo_key_store; // KeyStore
mod prepare; // the collection's validator

pub use mongo_key_store::MongoKeyStore;
