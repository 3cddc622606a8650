//! What the environment says: read once at start, and refused by the variable's name when it is wrong.
//!
//! What a secret's ARN stands for is read by the crate `secrets`, which puts it in its place here.

mod aws; // AWS: the region, the credentials, another address
mod kafka; // Kafka: where it is, how to sign in, which topics
mod key_store; // the keys of personal data: where they are, what they are wrapped with
mod secret_arns; // what is named by a secret's ARN in its own place

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
    /// The variable is not set, and the secret that stands for it has not been read: only the functions read secrets.
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

/// The variables as they were when they were read, with what has been put in since.
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

    /// These variables and no others.
    pub fn from_variables<N, V>(variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<OsString>,
        V: Into<OsString>,
    {
        Self { variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }

    /// With this variable as well, in the place of what it was.
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

    /// A variable's value.
    ///
    /// # Errors
    /// [`SettingsError::Missing`] when it is not set, and what [`optional`](Self::optional) refuses.
    pub fn required(&self, variable: &'static str) -> Result<String, SettingsError> {
        self.optional(variable)?.ok_or(SettingsError::Missing { variable })
    }

    /// A variable's value; none when it is not set, or set to nothing.
    ///
    /// # Errors
    /// [`SettingsError::Invalid`] when it is not Unicode, [`SettingsError::SecretNotRead`] when a secret stands for it
    /// that has not been read: nobody takes that for a setting that was left out, and falls back.
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

    /// Whether a variable is set, to something at all.
    #[must_use]
    pub fn is_set(&self, variable: &'static str) -> bool {
        self.value(variable).is_some()
    }

    fn value(&self, variable: &'static str) -> Option<&OsString> {
        self.variables.get(OsStr::new(variable)).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Settings {
    /// The names alone: passwords are among the values.
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
