use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cqrs::StreamId;
use settings::{KeyProtectionSettings, Secret};

use crate::data_key::{DataKey, KEY_BYTES, NotOurs};
#[cfg(feature = "kms")]
use crate::kms::{KmsError, KmsKey};
use crate::{WrappedKey, Wrapping};

/// The reason why a key could not be made or unwrapped.
#[derive(Debug, thiserror::Error)]
pub enum KeyProtectionError {
    /// `KEY_STORE_MASTER_KEY` is not 32 bytes in base64. Handling: set it correctly, for instance to the output of
    /// `openssl rand -base64 32`.
    #[error("KEY_STORE_MASTER_KEY must be 32 bytes in base64")]
    MasterKey,
    /// The key was wrapped in a way for which this process has no setting. Handling: set the missing variable too. The
    /// best way that is set wraps new keys; the others unwrap existing keys.
    #[error("the key is wrapped ({wrapping}), and this process has nothing to unwrap it with: set {variable}")]
    NotGiven {
        /// The way in which it was wrapped.
        wrapping: &'static str,
        /// The setting that is missing.
        variable: &'static str,
    },
    /// The key does not unwrap with this master key. Handling: set the master key that wrapped it. If other keys unwrap,
    /// a person must look at this key.
    #[error("the key was wrapped with another master key or for another stream, or has been changed")]
    NotOurs,
    /// An unwrapped key does not have 32 bytes. Handling: the key store is damaged; a person must look.
    #[error("the key does not have 32 bytes")]
    Length,
    /// This build cannot use KMS. Handling: use a build with the feature `kms`, like the builds for Lambda.
    #[cfg(not(feature = "kms"))]
    #[error("KEY_STORE_KMS_KEY_ID is set, but this build has no KMS")]
    NoKms,
    /// KMS cannot be used, or refused. Handling: see [`KmsError`].
    #[cfg(feature = "kms")]
    #[error(transparent)]
    Kms(#[from] KmsError),
}

impl KeyProtectionError {
    /// Whether the error concerns only this key, and not the wrapping of all keys.
    pub(crate) fn is_of_the_key(&self) -> bool {
        match self {
            Self::NotOurs | Self::Length => true,
            #[cfg(feature = "kms")]
            Self::Kms(error) => matches!(error, KmsError::NotOurs),
            _ => false,
        }
    }
}

/// The wrapping of stored keys. The best way that is set wraps new keys; every way that is set unwraps.
pub struct KeyProtection {
    master_key: Option<DataKey>,
    #[cfg(feature = "kms")]
    kms: Option<KmsKey>,
}

impl KeyProtection {
    /// The wrapping that the settings name.
    ///
    /// # Errors
    /// See [`KeyProtectionError`].
    pub fn new(settings: &KeyProtectionSettings) -> Result<Self, KeyProtectionError> {
        #[cfg(not(feature = "kms"))]
        if settings.kms_key_id.is_some() {
            return Err(KeyProtectionError::NoKms);
        }
        Ok(Self {
            master_key: settings.master_key.as_ref().map(master_key).transpose()?,
            #[cfg(feature = "kms")]
            kms: settings.kms_key_id.as_deref().map(KmsKey::from_environment).transpose()?,
        })
    }

    /// No wrapping: anyone who reads the key store has the keys. It is for a data folder on the owner's own machine.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            master_key: None,
            #[cfg(feature = "kms")]
            kms: None,
        }
    }

    /// Wrapping by this key of KMS.
    #[cfg(feature = "kms")]
    #[must_use]
    pub const fn by_kms(key: KmsKey) -> Self {
        Self { master_key: None, kms: Some(key) }
    }

    /// The way in which new keys are wrapped.
    #[must_use]
    pub fn wrapping(&self) -> Wrapping {
        #[cfg(feature = "kms")]
        if self.kms.is_some() {
            return Wrapping::Kms;
        }
        if self.master_key.is_some() { Wrapping::MasterKey } else { Wrapping::Unwrapped }
    }

    /// A new key for this stream: its wrapped form, and the key itself.
    pub(crate) async fn generate(&self, stream_id: StreamId) -> Result<(WrappedKey, DataKey), KeyProtectionError> {
        #[cfg(feature = "kms")]
        if let Some(kms) = &self.kms {
            let (wrapped, key) = kms.generate(stream_id).await?;
            return Ok((WrappedKey { wrapping: Wrapping::Kms, bytes: wrapped }, from_bytes(key)?));
        }
        let key = DataKey::generate_bytes();
        let bytes = match &self.master_key {
            Some(master_key) => master_key.seal(&key, stream_id.0.as_bytes()),
            None => key.to_vec(),
        };
        Ok((WrappedKey { wrapping: self.wrapping(), bytes }, DataKey::new(&key)))
    }

    /// The unwrapped key.
    pub(crate) async fn unwrap(&self, stream_id: StreamId, key: &WrappedKey) -> Result<DataKey, KeyProtectionError> {
        let not_given = |variable| KeyProtectionError::NotGiven { wrapping: key.wrapping.as_str(), variable };
        let bytes = match key.wrapping {
            Wrapping::Unwrapped => key.bytes.clone(),
            Wrapping::MasterKey => {
                let master_key = self.master_key.as_ref().ok_or(not_given(settings::KEY_STORE_MASTER_KEY))?;
                let opened = master_key.open(&key.bytes, stream_id.0.as_bytes());
                opened.map_err(|NotOurs| KeyProtectionError::NotOurs)?
            }
            #[cfg(feature = "kms")]
            Wrapping::Kms => {
                let kms = self.kms.as_ref().ok_or(not_given(settings::KEY_STORE_KMS_KEY_ID))?;
                kms.unwrap(stream_id, &key.bytes).await?
            }
            #[cfg(not(feature = "kms"))]
            Wrapping::Kms => return Err(not_given(settings::KEY_STORE_KMS_KEY_ID)),
        };
        from_bytes(bytes)
    }
}

fn master_key(secret: &Secret) -> Result<DataKey, KeyProtectionError> {
    let bytes = STANDARD.decode(secret.expose()).map_err(|_| KeyProtectionError::MasterKey)?;
    let bytes: [u8; KEY_BYTES] = bytes.try_into().map_err(|_| KeyProtectionError::MasterKey)?;
    Ok(DataKey::new(&bytes))
}

fn from_bytes(bytes: Vec<u8>) -> Result<DataKey, KeyProtectionError> {
    Ok(DataKey::new(&bytes.try_into().map_err(|_| KeyProtectionError::Length)?))
}
