//! The keys of personal data in MongoDB, in a database of their own: one document per stream. What a document looks like
//! is in `src/key_document.rs`.

mod key_document; // a key, or that it was destroyed, as a document, and back
mod mongo_key_store; // KeyStore
mod prepare; // the collection and its validator

pub use mongo_connection::ConnectError;
pub use mongo_key_store::MongoKeyStore;
pub use prepare::PrepareError;
