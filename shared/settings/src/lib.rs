//! What the environment says: read once at start, and refused by the variable's name when it is wrong.

mod kafka; // Kafka: where it is, how to sign in, which topics
mod key_store; // the keys of personal data: where they are, what they are wrapped with

use std::env::VarError;
use std::fmt;

pub use kafka::{
    AWS_REGION, KAFKA_BOOTSTRAP_SERVERS, KAFKA_CA_FILE, KAFKA_CLUSTER_ARN, KAFKA_DEAD_LETTER_TOPIC, KAFKA_PASSWORD,
    KAFKA_SIGN_IN, KAFKA_TOPIC, KAFKA_USERNAME, KafkaBrokers, KafkaSettings, KafkaSignIn, Secret, kafka, kafka_if_set,
};
pub use key_store::{
    KEY_STORE_KMS_KEY_ID, KEY_STORE_MASTER_KEY, KEY_STORE_URL, KeyProtectionSettings, KeyStoreLocation,
    KeyStoreSettings, key_store,
};

/// Why the environment is refused. Handling: set the variable right and start again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The variable must be set.
    #[error("{variable} is not set")]
    Missing {
        /// Its name.
        variable: &'static str,
    },
    /// The variable is set to something that is not understood. The value is not repeated: it may be secret.
    #[error("{variable} is set wrongly: {reason}")]
    Invalid {
        /// Its name.
        variable: &'static str,
        /// What is asked of it.
        reason: &'static str,
    },
}

/// The variable that names the event store.
pub const EVENT_STORE_URL: &str = "EVENT_STORE_URL";
/// The variable that names the read database.
pub const READ_DB_URL: &str = "READ_DB_URL";

/// The variable that names the Invoke API that the functions are behind, where they are not in this process.
pub const PASSBOOK_INVOKE_URL: &str = "PASSBOOK_INVOKE_URL";

/// A URL that may hold a password, so that it never gets into a log.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// From a text.
    #[must_use]
    pub const fn new(url: String) -> Self {
        Self(url)
    }

    /// The whole URL, for the driver.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What comes before `://`, which says which adapter it is for.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.0.split_once("://").map_or("", |(scheme, _)| scheme)
    }

    /// The hosts with their ports, and neither user nor password.
    #[must_use]
    pub fn hosts(&self) -> &str {
        let behind_scheme = self.0.split_once("://").map_or("", |(_, behind)| behind);
        let authority = behind_scheme.split(['/', '?']).next().unwrap_or_default();
        authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts)
    }

    /// What comes after `sqlite://`: a file's path.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<&str> {
        self.0.strip_prefix("sqlite://").filter(|path| !path.is_empty())
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://(not shown)", self.scheme())
    }
}

/// The event store's URL, as a command function needs it.
///
/// # Errors
/// See [`SettingsError`].
pub fn event_store_url() -> Result<SecretUrl, SettingsError> {
    required(EVENT_STORE_URL).map(SecretUrl)
}

/// The read database's URL, as a query function or the projector needs it.
///
/// # Errors
/// See [`SettingsError`].
pub fn read_db_url() -> Result<SecretUrl, SettingsError> {
    required(READ_DB_URL).map(SecretUrl)
}

/// The event store's URL, or none.
///
/// # Errors
/// See [`SettingsError`].
pub fn event_store_url_if_set() -> Result<Option<SecretUrl>, SettingsError> {
    Ok(optional(EVENT_STORE_URL)?.map(SecretUrl))
}

/// The read database's URL, or none.
///
/// # Errors
/// See [`SettingsError`].
pub fn read_db_url_if_set() -> Result<Option<SecretUrl>, SettingsError> {
    Ok(optional(READ_DB_URL)?.map(SecretUrl))
}

/// A variable's value.
///
/// # Errors
/// [`SettingsError::Missing`] when it is not set, and what [`optional`] refuses.
pub fn required(variable: &'static str) -> Result<String, SettingsError> {
    optional(variable)?.ok_or(SettingsError::Missing { variable })
}

/// A variable's value; none when it is not set, or set to nothing.
///
/// # Errors
/// [`SettingsError::Invalid`] when it is not Unicode.
pub fn optional(variable: &'static str) -> Result<Option<String>, SettingsError> {
    match std::env::var(variable) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(SettingsError::Invalid { variable, reason: "it must be Unicode" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_shows_its_scheme_and_never_its_password() {
        let url = SecretUrl::new("mysql://app:s3cret@db/passbook".to_owned());
        assert_eq!(url.scheme(), "mysql");
        assert_eq!(format!("{url:?}"), "mysql://(not shown)");
        assert_eq!((url.sqlite_path(), url.hosts()), (None, "db"));
    }

    #[test]
    fn a_url_names_its_hosts_without_user_and_password() {
        for (url, hosts) in [
            ("mongodb://a:1,b:2/passbook?replicaSet=rs0", "a:1,b:2"),
            ("mongodb+srv://app:s3c%40ret@cluster.example", "cluster.example"),
            ("mysql://app:s3cret@db:3306?ssl-mode=REQUIRED", "db:3306"),
            ("nothing", ""),
        ] {
            assert_eq!(SecretUrl::new(url.to_owned()).hosts(), hosts);
        }
    }

    #[test]
    fn a_sqlite_url_names_a_file() {
        assert_eq!(SecretUrl::new("sqlite:///data/events.db".to_owned()).sqlite_path(), Some("/data/events.db"));
        assert_eq!(SecretUrl::new("sqlite://events.db".to_owned()).sqlite_path(), Some("events.db"));
        assert_eq!(SecretUrl::new("sqlite://".to_owned()).sqlite_path(), None);
    }
}
