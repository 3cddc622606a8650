use crate::{Secret, SecretUrl, Settings, SettingsError};

/// The variable that names the store of the keys.
pub const KEY_STORE_URL: &str = "KEY_STORE_URL";
/// The variable that names the key of AWS KMS that wraps the keys: its id, ARN or alias.
pub const KEY_STORE_KMS_KEY_ID: &str = "KEY_STORE_KMS_KEY_ID";
/// The variable with the master key that wraps the keys: 32 bytes in base64.
pub const KEY_STORE_MASTER_KEY: &str = "KEY_STORE_MASTER_KEY";

/// The place of the keys of personal data, and the keys that wrap them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStoreSettings {
    /// The place of the keys.
    pub location: KeyStoreLocation,
    /// The keys that wrap them.
    pub protection: KeyProtectionSettings,
}

/// The place of the keys of personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyStoreLocation {
    /// In a database of their own on the server of this event store, or in a file of their own beside its file. This
    /// is enough for trials. A backup of the whole server then has both, and so brings erased names back.
    BesideEventStore(SecretUrl),
    /// In this database.
    At(SecretUrl),
}

/// The keys that wrap the keys of personal data. If both are set, KMS wraps new keys, and both unwrap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyProtectionSettings {
    /// A key of AWS KMS.
    pub kms_key_id: Option<String>,
    /// A master key.
    pub master_key: Option<Secret>,
}

impl Settings {
    /// The key store's settings: `KEY_STORE_URL`, or the place beside `EVENT_STORE_URL`; `KEY_STORE_KMS_KEY_ID` and
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
