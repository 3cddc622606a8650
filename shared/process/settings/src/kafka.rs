use std::fmt;
use std::path::PathBuf;

use crate::{Settings, SettingsError};

/// The variable that names brokers: `host:port`, several with commas between.
pub const KAFKA_BOOTSTRAP_SERVERS: &str = "KAFKA_BOOTSTRAP_SERVERS";
/// The variable that names an MSK cluster. Its brokers are looked up.
pub const KAFKA_CLUSTER_ARN: &str = "KAFKA_CLUSTER_ARN";
/// The variable that says how to sign in: `plaintext`, `scram` or `iam`.
pub const KAFKA_SIGN_IN: &str = "KAFKA_SIGN_IN";
/// The variable with the user for `scram`.
pub const KAFKA_USERNAME: &str = "KAFKA_USERNAME";
/// The variable with the password for `scram`.
pub const KAFKA_PASSWORD: &str = "KAFKA_PASSWORD";
/// The variable that names a file of certificates (PEM). They are the authorities that must have issued the brokers'
/// certificates.
pub const KAFKA_CA_FILE: &str = "KAFKA_CA_FILE";
/// The variable that names the events' topic.
pub const KAFKA_TOPIC: &str = "KAFKA_TOPIC";
/// The variable that names the topic of the records that could not be applied.
pub const KAFKA_DEAD_LETTER_TOPIC: &str = "KAFKA_DEAD_LETTER_TOPIC";

const DEFAULT_TOPIC: &str = "passbook.account-events";

/// The address of Kafka, the sign-in, and the topics of Passbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaSettings {
    /// The address.
    pub brokers: KafkaBrokers,
    /// The sign-in.
    pub sign_in: KafkaSignIn,
    /// The authorities that must have issued the brokers' certificates. Without a file, IAM uses Amazon's authorities. With
    /// other sign-ins the publisher uses Mozilla's, which are built in, and the consumers use the machine's own.
    pub ca_file: Option<PathBuf>,
    /// The events' topic.
    pub topic: String,
    /// The topic of the records that could not be applied.
    pub dead_letter_topic: String,
}

/// The address of Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KafkaBrokers {
    /// Some of the brokers, which name the others: `host:port`, several with commas between.
    BootstrapServers(String),
    /// This MSK cluster. MSK tells the addresses of its brokers.
    ClusterArn(String),
}

/// The sign-in to Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KafkaSignIn {
    /// No sign-in and no TLS: for a broker on the machine itself, or in a network without other users.
    Plaintext,
    /// By a user and a password, over TLS.
    ScramSha512 {
        /// The user.
        username: String,
        /// Its password.
        password: Secret,
    },
    /// By the AWS role that the process runs under, over TLS.
    MskIam {
        /// The cluster's region.
        region: String,
    },
}

/// A text that never gets into a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Makes the secret from a text.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the driver.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(not shown)")
    }
}

impl Settings {
    /// Kafka's settings, as a publisher or a consumer needs them.
    ///
    /// If both `KAFKA_BOOTSTRAP_SERVERS` and `KAFKA_CLUSTER_ARN` are set, the servers win, because they save the look-up at
    /// every start. If an ARN is set, the sign-in is by IAM, unless `KAFKA_SIGN_IN` says otherwise.
    ///
    /// # Errors
    /// See [`SettingsError`]. [`SettingsError::Missing`] names `KAFKA_BOOTSTRAP_SERVERS` if neither variable is set.
    pub fn kafka(&self) -> Result<KafkaSettings, SettingsError> {
        self.kafka_if_set()?.ok_or(SettingsError::Missing { variable: KAFKA_BOOTSTRAP_SERVERS })
    }

    /// Kafka's settings if there is a Kafka. The embedded stack sets neither servers nor a cluster, and gets none.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub fn kafka_if_set(&self) -> Result<Option<KafkaSettings>, SettingsError> {
        let cluster_arn = self.optional(KAFKA_CLUSTER_ARN)?;
        let is_msk = cluster_arn.is_some();
        let brokers = match (self.optional(KAFKA_BOOTSTRAP_SERVERS)?, cluster_arn) {
            (Some(servers), _) => KafkaBrokers::BootstrapServers(servers),
            (None, Some(arn)) => KafkaBrokers::ClusterArn(arn),
            (None, None) => return Ok(None),
        };
        let sign_in = match self.optional(KAFKA_SIGN_IN)?.as_deref() {
            Some("plaintext") => KafkaSignIn::Plaintext,
            Some("scram") => KafkaSignIn::ScramSha512 {
                username: self.required(KAFKA_USERNAME)?,
                password: Secret(self.required(KAFKA_PASSWORD)?),
            },
            Some("iam") => KafkaSignIn::MskIam { region: self.aws_region()? },
            None if is_msk => KafkaSignIn::MskIam { region: self.aws_region()? },
            None => KafkaSignIn::Plaintext,
            Some(_) => {
                let reason = "it must be plaintext, scram or iam";
                return Err(SettingsError::Invalid { variable: KAFKA_SIGN_IN, reason });
            }
        };
        let ca_file = self.optional(KAFKA_CA_FILE)?.map(PathBuf::from);
        if ca_file.is_some() && sign_in == KafkaSignIn::Plaintext {
            let reason = "there is no TLS without a sign-in: KAFKA_SIGN_IN must be scram or iam";
            return Err(SettingsError::Invalid { variable: KAFKA_CA_FILE, reason });
        }
        let topic = self.optional(KAFKA_TOPIC)?.unwrap_or_else(|| DEFAULT_TOPIC.to_owned());
        let dead_letter_topic =
            self.optional(KAFKA_DEAD_LETTER_TOPIC)?.unwrap_or_else(|| format!("{topic}.dead-letters"));
        if dead_letter_topic == topic {
            let reason = "it must differ from the events' topic";
            return Err(SettingsError::Invalid { variable: KAFKA_DEAD_LETTER_TOPIC, reason });
        }
        Ok(Some(KafkaSettings { brokers, sign_in, ca_file, topic, dead_letter_topic }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AWS_REGION;

    const ARN: &str = "arn:aws:kafka:eu-central-1:123456789012:cluster/passbook/0d1f8f3c-1";

    fn given(variables: &[(&str, &str)]) -> Result<Option<KafkaSettings>, SettingsError> {
        Settings::from_variables(variables.iter().copied()).kafka_if_set()
    }

    fn some(variables: &[(&str, &str)]) -> KafkaSettings {
        given(variables).expect("settings").expect("Kafka is set")
    }

    fn refused(variables: &[(&str, &str)]) -> &'static str {
        match given(variables).expect_err("refuses") {
            SettingsError::Missing { variable }
            | SettingsError::Invalid { variable, .. }
            | SettingsError::SecretNotRead { variable, .. } => variable,
        }
    }

    #[test]
    fn without_servers_and_without_a_cluster_there_is_no_kafka() {
        assert_eq!(given(&[]), Ok(None));
        assert_eq!(given(&[(KAFKA_TOPIC, "events"), (KAFKA_SIGN_IN, "scram")]), Ok(None));
    }

    #[test]
    fn servers_alone_are_a_kafka_without_a_sign_in() {
        let expected = KafkaSettings {
            brokers: KafkaBrokers::BootstrapServers("one:9092,two:9092".to_owned()),
            sign_in: KafkaSignIn::Plaintext,
            ca_file: None,
            topic: "passbook.account-events".to_owned(),
            dead_letter_topic: "passbook.account-events.dead-letters".to_owned(),
        };
        assert_eq!(some(&[(KAFKA_BOOTSTRAP_SERVERS, "one:9092,two:9092")]), expected);
    }

    #[test]
    fn a_cluster_is_signed_in_to_by_iam_unless_told_otherwise() {
        let iam = KafkaSignIn::MskIam { region: "eu-central-1".to_owned() };
        let by_arn = some(&[(KAFKA_CLUSTER_ARN, ARN), (AWS_REGION, "eu-central-1")]);
        assert_eq!(by_arn.brokers, KafkaBrokers::ClusterArn(ARN.to_owned()));
        assert_eq!(by_arn.sign_in, iam);

        let both = [(KAFKA_CLUSTER_ARN, ARN), (KAFKA_BOOTSTRAP_SERVERS, "one:9098"), (AWS_REGION, "eu-central-1")];
        assert_eq!(some(&both).brokers, KafkaBrokers::BootstrapServers("one:9098".to_owned()));
        assert_eq!(some(&both).sign_in, iam);

        let told = some(&[(KAFKA_CLUSTER_ARN, ARN), (KAFKA_SIGN_IN, "plaintext")]);
        assert_eq!(told.sign_in, KafkaSignIn::Plaintext);
        assert_eq!(refused(&[(KAFKA_CLUSTER_ARN, ARN)]), AWS_REGION);
    }

    #[test]
    fn a_user_and_its_password_are_both_asked_for_and_the_password_is_never_shown() {
        let servers = (KAFKA_BOOTSTRAP_SERVERS, "one:9096");
        let scram = [
            servers,
            (KAFKA_SIGN_IN, "scram"),
            (KAFKA_USERNAME, "ann"),
            (KAFKA_PASSWORD, "s3cret"),
            (KAFKA_CA_FILE, "/ca.pem"),
        ];
        let settings = some(&scram);
        let password = Secret::new("s3cret".to_owned());
        assert_eq!(settings.sign_in, KafkaSignIn::ScramSha512 { username: "ann".to_owned(), password });
        assert_eq!(settings.ca_file, Some(PathBuf::from("/ca.pem")));
        assert!(!format!("{settings:?}").contains("s3cret"));
        assert_eq!(refused(&scram[..2]), KAFKA_USERNAME);
        assert_eq!(refused(&scram[..3]), KAFKA_PASSWORD);
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let servers = (KAFKA_BOOTSTRAP_SERVERS, "one:9092");
        assert_eq!(refused(&[servers, (KAFKA_SIGN_IN, "SCRAM")]), KAFKA_SIGN_IN);
        assert_eq!(refused(&[servers, (KAFKA_CA_FILE, "/ca.pem")]), KAFKA_CA_FILE);
        assert_eq!(refused(&[servers, (KAFKA_TOPIC, "a"), (KAFKA_DEAD_LETTER_TOPIC, "a")]), KAFKA_DEAD_LETTER_TOPIC);
    }

    #[test]
    fn the_dead_letters_topic_is_named_after_the_events() {
        let settings = some(&[(KAFKA_BOOTSTRAP_SERVERS, "one:9092"), (KAFKA_TOPIC, "events")]);
        assert_eq!((&*settings.topic, &*settings.dead_letter_topic), ("events", "events.dead-letters"));
    }
}
