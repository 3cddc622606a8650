//! The keys of personal data, in a database of their own: one document per stream. The file `key_document.rs` shows a
//! document.

mod key_document; // a key, or that it was destroyed, as a document, and back
mod mongo_key_store; // KeyStore
mod prepare; // its collection's validator

pub use mongo_key_store::MongoKeyStore;
