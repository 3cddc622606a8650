use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use cqrs::{PersonalDataError, StreamId};

/// What a key was wrapped with before it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrapping {
    /// Nothing: whoever reads the key store has the key.
    Unwrapped,
    /// A master key of the process's environment.
    MasterKey,
    /// A key that never leaves AWS KMS.
    Kms,
}

impl Wrapping {
    /// The text of the databases.
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

/// A text that is no wrapping. Handling: the key store is damaged, or was written by a newer build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be \"unwrapped\", \"master-key\" or \"kms\"")]
pub struct WrappingError;

/// A key as it is stored. Its bytes never get into a log.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// With what.
    pub wrapping: Wrapping,
    /// The wrapped bytes.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "WrappedKey({}, not shown)", self.wrapping.as_str())
    }
}

/// What a key store holds for a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredKey {
    /// Its key.
    Wrapped(WrappedKey),
    /// That it has none, and never will again.
    Destroyed,
    /// Something that is neither. Handling: a person must look; the other streams' keys are none the worse.
    Damaged {
        /// What did not fit.
        reason: String,
    },
}

/// Why a key store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// It could not be reached, or did not answer in time: what was asked for may be done or not. Handling: retry later;
    /// each operation may be repeated.
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

/// Port: where the keys are. Its adapters pass one suite of contract tests.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Stores this key durably, unless the stream has one or had one; answers what the store then holds. Of two writers
    /// that come at once, both are answered the one key.
    async fn create_or_get(&self, stream_id: StreamId, new_key: &WrappedKey) -> Result<StoredKey, KeyStoreError>;

    /// What the store holds for these streams; no entry for those that it knows nothing of.
    async fn get_many(&self, stream_ids: &[StreamId]) -> Result<HashMap<StreamId, StoredKey>, KeyStoreError>;

    /// Destroys the stream's key, durably before it returns, and keeps in mind that it did: no key is ever stored for
    /// the stream again. Also where there was none. Again changes nothing.
    async fn destroy(&self, stream_id: StreamId) -> Result<(), KeyStoreError>;

    /// Whether the store answers at all.
    async fn ping(&self) -> Result<(), KeyStoreError>;
}
