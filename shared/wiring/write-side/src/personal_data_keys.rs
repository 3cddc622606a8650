use std::sync::Arc;

use cqrs::PersonalData;
#[cfg(feature = "mongodb")]
use mongo_stores::MongoKeyStore;
use personal_data::{KeyProtection, KeyProtectionError, KeyStore, StreamKeys, Wrapping};
use settings::{KeyStoreLocation, KeyStoreSettings};

#[cfg(feature = "mongodb")]
use crate::is_mongodb;

/// The name of the file of keys, in the folder of the event store's file.
#[cfg(feature = "sqlite")]
const KEYS_FILE: &str = "keys.db";

/// The reason why the keys of personal data cannot be used. Handling: fix the setting, then start again.
#[derive(Debug, thiserror::Error)]
pub enum PersonalDataKeysError {
    /// This build has no adapter for such a URL.
    #[error("{variable}: this build has no key store for the scheme {scheme:?}")]
    UnknownScheme {
        /// The setting with the URL.
        variable: &'static str,
        /// The part of the URL before `://`.
        scheme: String,
    },
    /// The protection of the keys cannot be used.
    #[error(transparent)]
    Protection(#[from] KeyProtectionError),
    /// There is no MongoDB client for the URL.
    #[cfg(feature = "mongodb")]
    #[error(transparent)]
    Mongo(#[from] mongo_stores::ConnectError),
    /// The SQLite file could not be opened.
    #[cfg(feature = "sqlite")]
    #[error(transparent)]
    Sqlite(#[from] sqlite_embedded::OpenError),
}

/// Opens the keys of personal data, for a program that seals or opens personal data.
///
/// # Errors
/// See [`PersonalDataKeysError`].
pub async fn open_personal_data(settings: &KeyStoreSettings) -> Result<Arc<dyn PersonalData>, PersonalDataKeysError> {
    let protection = KeyProtection::new(&settings.protection)?;
    if protection.wrapping() == Wrapping::Unwrapped {
        tracing::warn!("keys of personal data are stored unwrapped: set KEY_STORE_KMS_KEY_ID or KEY_STORE_MASTER_KEY");
    }
    Ok(Arc::new(StreamKeys::new(open_key_store(&settings.location).await?, protection)))
}

/// Opens the key store alone, for a program that destroys keys and uses none.
///
/// # Errors
/// See [`PersonalDataKeysError`].
pub async fn open_key_store(location: &KeyStoreLocation) -> Result<Arc<dyn KeyStore>, PersonalDataKeysError> {
    let (url, variable) = match location {
        KeyStoreLocation::At(url) => (url, settings::KEY_STORE_URL),
        KeyStoreLocation::BesideEventStore(url) => (url, settings::EVENT_STORE_URL),
    };
    #[cfg(feature = "mongodb")]
    if is_mongodb(url) {
        return Ok(Arc::new(match location {
            KeyStoreLocation::At(url) => MongoKeyStore::connect(url.expose()).await?,
            KeyStoreLocation::BesideEventStore(url) => MongoKeyStore::connect_beside(url.expose()).await?,
        }));
    }
    #[cfg(feature = "sqlite")]
    if let Some(path) = url.sqlite_path().map(std::path::Path::new) {
        let path = match location {
            KeyStoreLocation::At(_) => path.to_owned(),
            KeyStoreLocation::BesideEventStore(_) => path.with_file_name(KEYS_FILE),
        };
        return Ok(Arc::new(sqlite_embedded::SqliteKeyStore::open(&path).await?));
    }
    Err(PersonalDataKeysError::UnknownScheme { variable, scheme: url.scheme().to_owned() })
}
