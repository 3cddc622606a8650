//! The settings from the environment. They are read once at the start. A wrong setting is refused by the variable's
//! name.
//!
//! The crate `secrets` reads the secrets that ARNs name, and puts their texts in place here.

mod aws; // AWS: the region, the credentials, another address
mod kafka; // Kafka: its address, the sign-in, the topics
mod key_store; // the keys of personal data: their place, and the keys that wrap them
mod secret_arns; // the variables that name a secret's ARN

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;

pub use aws::{AWS_ACCESS_KEY_ID, AWS_REGION, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AwsCredentials};
pub use kafka::{
    KAFKA_BOOTSTRAP_SERVERS, KAFKA_CA_FILE, KAFKA_CLUSTER_ARN, KAFKA_DEAD_LETTER_TOPIC, KAFKA_PASSWORD, KAFKA_SIGN_IN,
    KAFKA_TOPIC, KAFKA_USERNAME, KafkaBrokers, KafkaSettings, KafkaSignIn, Secret,
};
pub use key_store::{
    KEY_STORE_KMS_KEY_ID, KEY_STORE_MASTER_KEY, KEY_STORE_URL, KeyProtectionSettings, KeyStoreLocation,
    KeyStoreSettings,
};
pub use secret_arns::{
    EVENT_STORE_URL_SECRET_ARN, KAFKA_CREDENTIALS_SECRET_ARN, KEY_STORE_URL_SECRET_ARN, READ_DB_URL_SECRET_ARN,
};

/// The reason why the environment is refused. Handling: set the variable correctly and start again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The variable must be set.
    #[error("{variable} is not set")]
    Missing {
        /// Its name.
        variable: &'static str,
    },
    /// The variable's value is not understood. The value is not repeated, because it may be secret.
    #[error("{variable} is set wrongly: {reason}")]
    Invalid {
        /// Its name.
        variable: &'static str,
        /// The requirement that the value does not meet.
        reason: &'static str,
    },
    /// The variable is not set, and the secret that stands for it has not been read. Only the functions read secrets.
    /// Handling: set the variable itself.
    #[error("{variable} is not set, and the secret that {secret_arn} names has not been read")]
    SecretNotRead {
        /// Its name.
        variable: &'static str,
        /// The variable that names the secret.
        secret_arn: &'static str,
    },
}

/// The variable that names the event store.
pub const EVENT_STORE_URL: &str = "EVENT_STORE_URL";
/// The variable that names the read database.
pub const READ_DB_URL: &str = "READ_DB_URL";

/// The variable with the URL of the Invoke API, if the functions are not in this process.
pub const PASSBOOK_INVOKE_URL: &str = "PASSBOOK_INVOKE_URL";

/// A URL that may hold a password, so it never gets into a log.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// Makes the URL from a text.
    #[must_use]
    pub const fn new(url: String) -> Self {
        Self(url)
    }

    /// The whole URL, for the driver.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The text before `://`, which names the adapter that the URL is for.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.0.split_once("://").map_or("", |(scheme, _)| scheme)
    }

    /// The hosts with their ports, without user and password.
    #[must_use]
    pub fn hosts(&self) -> &str {
        let behind_scheme = self.0.split_once("://").map_or("", |(_, behind)| behind);
        let authority = behind_scheme.split(['/', '?']).next().unwrap_or_default();
        authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts)
    }

    /// The text after `sqlite://`: a file's path.
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

/// The variables as they were read, and the variables that have been added since.
#[derive(Clone, Default)]
pub struct Settings {
    variables: BTreeMap<OsString, OsString>,
}

impl Settings {
    /// The variables of the process.
    #[must_use]
    pub fn from_env() -> Self {
        Self { variables: std::env::vars_os().collect() }
    }

    /// Only these variables.
    pub fn from_variables<N, V>(variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<OsString>,
        V: Into<OsString>,
    {
        Self { variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }

    /// The same settings with this variable set to a new value.
    #[must_use]
    pub fn with(mut self, variable: &'static str, value: String) -> Self {
        self.variables.insert(variable.into(), value.into());
        self
    }

    /// The event store's URL, as a command function needs it.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn event_store_url(&self) -> Result<SecretUrl, SettingsError> {
        self.required(EVENT_STORE_URL).map(SecretUrl)
    }

    /// The read database's URL, as a query function or the projector needs it.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn read_db_url(&self) -> Result<SecretUrl, SettingsError> {
        self.required(READ_DB_URL).map(SecretUrl)
    }

    /// The event store's URL, or none.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn event_store_url_if_set(&self) -> Result<Option<SecretUrl>, SettingsError> {
        Ok(self.optional(EVENT_STORE_URL)?.map(SecretUrl))
    }

    /// The read database's URL, or none.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn read_db_url_if_set(&self) -> Result<Option<SecretUrl>, SettingsError> {
        Ok(self.optional(READ_DB_URL)?.map(SecretUrl))
    }

    /// The value of a variable that must be set.
    ///
    /// # Errors
    /// [`SettingsError::Missing`] when it is not set, and the errors of [`optional`](Self::optional).
    pub fn required(&self, variable: &'static str) -> Result<String, SettingsError> {
        self.optional(variable)?.ok_or(SettingsError::Missing { variable })
    }

    /// The value of a variable, or none when it is not set or is empty.
    ///
    /// # Errors
    /// [`SettingsError::Invalid`] when it is not Unicode. [`SettingsError::SecretNotRead`] when a secret stands for it
    /// that has not been read. So a failed secret is never taken for a setting that was left out.
    pub fn optional(&self, variable: &'static str) -> Result<Option<String>, SettingsError> {
        match (self.value(variable), secret_arns::standing_for(variable)) {
            (Some(value), _) => match value.to_str() {
                Some(value) => Ok(Some(value.to_owned())),
                None => Err(SettingsError::Invalid { variable, reason: "it must be Unicode" }),
            },
            (None, Some(secret_arn)) if self.is_set(secret_arn) => {
                Err(SettingsError::SecretNotRead { variable, secret_arn })
            }
            (None, _) => Ok(None),
        }
    }

    /// Whether a variable is set to a value that is not empty.
    #[must_use]
    pub fn is_set(&self, variable: &'static str) -> bool {
        self.value(variable).is_some()
    }

    fn value(&self, variable: &'static str) -> Option<&OsString> {
        self.variables.get(OsStr::new(variable)).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Settings {
    /// Shows only the names, because passwords are among the values.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.variables.keys()).finish()
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

    #[test]
    fn settings_show_their_names_and_no_value() {
        let settings = Settings::from_variables([(READ_DB_URL, "mysql://app:s3cret@db")])
            .with(EVENT_STORE_URL, "mongodb://app:s3cret@db".to_owned());
        assert_eq!(format!("{settings:?}"), r#"{"EVENT_STORE_URL", "READ_DB_URL"}"#);
    }

    #[test]
    fn what_is_set_to_nothing_is_not_set_and_what_is_no_text_is_refused() {
        use std::os::unix::ffi::OsStringExt as _;
        let settings = Settings::from_variables([
            (EVENT_STORE_URL, OsString::new()),
            (READ_DB_URL, OsString::from_vec(vec![0xff])),
        ]);
        assert_eq!(settings.event_store_url_if_set(), Ok(None));
        assert_eq!(settings.event_store_url(), Err(SettingsError::Missing { variable: EVENT_STORE_URL }));
        let refused = SettingsError::Invalid { variable: READ_DB_URL, reason: "it must be Unicode" };
        assert_eq!(settings.read_db_url_if_set(), Err(refused));
    }
}
