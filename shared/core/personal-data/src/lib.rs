//! Personal data in an immutable log. It is encrypted under a key for each stream. Destroying the key erases the data
//! from the log, its copies and its backups at once. `docs/decisions/0017-erasure-by-key.md` has the reasons and the
//! limits.

mod data_key; // one stream's key: seals, opens, keys a fingerprint
mod key_protection; // the wrapping of stored keys: by AWS KMS, by a master key, or none
mod key_store; // port: the store of the keys, which also destroys them
#[cfg(feature = "kms")]
mod kms; // AWS KMS, which makes keys and unwraps them
mod stream_keys; // the port PersonalData of cqrs, on a key store

pub use key_protection::{KeyProtection, KeyProtectionError};
pub use key_store::{KeyStore, KeyStoreError, StoredKey, WrappedKey, Wrapping, WrappingError};
#[cfg(feature = "kms")]
pub use kms::{KmsError, KmsKey};
pub use stream_keys::StreamKeys;
