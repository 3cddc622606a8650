use crate::{Secret, SecretUrl, Settings, SettingsError};

/// The variable that names the store of the keys.
pub const KEY_STORE_URL: &str = "KEY_STORE_URL";
/// The variable that names the key of AWS KMS that the keys are wrapped with: its id, ARN or alias.
pub const KEY_STORE_KMS_KEY_ID: &str = "KEY_STORE_KMS_KEY_ID";
/// The variable with the master key that the keys are wrapped with: 32 bytes in base64.
pub const KEY_STORE_MASTER_KEY: &str = "KEY_STORE_MASTER_KEY";

/// Where the keys of personal data are, and what they are wrapped with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStoreSettings {
    /// Where they are.
    pub location: KeyStoreLocation,
    /// What they are wrapped with.
    pub protection: KeyProtectionSettings,
}

/// Where the keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyStoreLocation {
    /// In a database of their own on the server of this event store, or in a file of their own beside its file: enough
    /// to try things out. A backup of the whole server has both then, and so brings back what was erased.
    BesideEventStore(SecretUrl),
    /// In this database.
    At(SecretUrl),
}

/// What the keys are wrapped with. Where both are set, KMS wraps new ones, and both unwrap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyProtectionSettings {
    /// A key of AWS KMS.
    pub kms_key_id: Option<String>,
    /// A master key.
    pub master_key: Option<Secret>,
}

impl Settings {
    /// The key store's settings: `KEY_STORE_URL`, or beside `EVENT_STORE_URL`; `KEY_STORE_KMS_KEY_ID` and
    /// `KEY_STORE_MASTER_KEY`.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn key_store(&self) -> Result<KeyStoreSettings, SettingsError> {
        let location = match self.optional(KEY_STORE_URL)? {
            Some(url) => KeyStoreLocation::At(SecretUrl::new(url)),
            None => KeyStoreLocation::BesideEventStore(self.event_store_url()?),
        };
        let protection = KeyProtectionSettings {
            kms_key_id: self.optional(KEY_STORE_KMS_KEY_ID)?,
            master_key: self.optional(KEY_STORE_MASTER_KEY)?.map(Secret::new),
        };
        Ok(KeyStoreSettings { location, protection })
    }
}
