//! Personal data in an immutable log: encrypted under a key for each stream, so that destroying the key erases it, from
//! the log, its copies and its backups at once. Why, and what it does not do: `docs/decisions/0017-erasure-by-key.md`.

mod data_key; // one stream's key: seals, opens, keys a fingerprint
mod key_protection; // how a key is wrapped where it lies: by AWS KMS, by a master key, or not at all
mod key_store; // port: where the keys are, and where they are destroyed
#[cfg(feature = "kms")]
mod kms; // AWS KMS makes keys and unwraps them
mod stream_keys; // cqrs's PersonalData on a key store

pub use key_protection::{KeyProtection, KeyProtectionError};
pub use key_store::{KeyStore, KeyStoreError, StoredKey, WrappedKey, Wrapping, WrappingError};
#[cfg(feature = "kms")]
pub use kms::{KmsError, KmsKey};
pub use stream_keys::StreamKeys;
