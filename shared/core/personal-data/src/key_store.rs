use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use cqrs::{PersonalDataError, StreamId};

/// The way a key was wrapped before it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrapping {
    /// No wrapping: anyone who reads the key store has the key.
    Unwrapped,
    /// By a master key in the process's environment.
    MasterKey,
    /// By a key that never leaves AWS KMS.
    Kms,
}

impl Wrapping {
    /// The name in the databases.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unwrapped => "unwrapped",
            Self::MasterKey => "master-key",
            Self::Kms => "kms",
        }
    }
}

impl FromStr for Wrapping {
    type Err = WrappingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "unwrapped" => Ok(Self::Unwrapped),
            "master-key" => Ok(Self::MasterKey),
            "kms" => Ok(Self::Kms),
            _ => Err(WrappingError),
        }
    }
}

/// The text names no wrapping. Handling: the key store is damaged, or a newer build wrote to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be \"unwrapped\", \"master-key\" or \"kms\"")]
pub struct WrappingError;

/// A stored key. Its bytes never get into a log.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// The way it is wrapped.
    pub wrapping: Wrapping,
    /// The wrapped bytes.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "WrappedKey({}, not shown)", self.wrapping.as_str())
    }
}

/// The key store's content for a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredKey {
    /// The stream's key.
    Wrapped(WrappedKey),
    /// The mark of a destroyed key. The stream will never have a key again.
    Destroyed,
    /// Damaged content. Handling: a person must look. The other streams' keys are not affected.
    Damaged {
        /// The part that did not fit.
        reason: String,
    },
}

/// The reason why a key store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// The store could not be reached, or did not answer in time. The operation may or may not have been done. Handling:
    /// retry later; each operation may be repeated.
    #[error("the key store is unavailable")]
    Unavailable {
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl From<KeyStoreError> for PersonalDataError {
    fn from(error: KeyStoreError) -> Self {
        match error {
            KeyStoreError::Unavailable { source } => Self::Unavailable { source },
        }
    }
}

/// Port: the store of the keys. Its adapters pass one suite of contract tests.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Stores this key durably, unless the stream has a key or had one. Returns the content of the store afterwards. If
    /// two writers come at once, both get the same key.
    async fn create_or_get(&self, stream_id: StreamId, new_key: &WrappedKey) -> Result<StoredKey, KeyStoreError>;

    /// The store's content for these streams. Unknown streams have no entry.
    async fn get_many(&self, stream_ids: &[StreamId]) -> Result<HashMap<StreamId, StoredKey>, KeyStoreError>;

    /// Destroys the stream's key durably before it returns, and leaves a mark. No key is ever stored for the stream
    /// again. This also holds for a stream without a key. A repetition changes nothing.
    async fn destroy(&self, stream_id: StreamId) -> Result<(), KeyStoreError>;

    /// Whether the store answers.
    async fn ping(&self) -> Result<(), KeyStoreError>;
}
