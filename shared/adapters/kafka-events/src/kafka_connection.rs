use std::path::Path;

use settings::{KafkaBrokers, KafkaSettings, KafkaSignIn};

/// What the brokers' logs and quotas call this program.
pub const CLIENT_ID: &str = "passbook";
/// Where the brokers are and how to sign in there: what every client is made of, be it a producer, a consumer or an
/// administrator.
#[derive(Debug, Clone)]
pub struct KafkaConnection {
    bootstrap_servers: String,
    settings: KafkaSettings,
}

/// Why the brokers are not known.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A cluster is named by its ARN, and this program was built without the feature `cluster-arn`. Handling: set
    /// `KAFKA_BOOTSTRAP_SERVERS`, or build with the feature.
    #[error("this program cannot look up KAFKA_CLUSTER_ARN: set KAFKA_BOOTSTRAP_SERVERS")]
    NoLookUp,
    /// AWS did not say where the cluster's brokers are. Handling: that of its source.
    #[cfg(feature = "cluster-arn")]
    #[error("the brokers of KAFKA_CLUSTER_ARN cannot be looked up")]
    LookUp(#[from] crate::LookUpError),
}

impl KafkaConnection {
    /// Finds out where the brokers are. None of them is asked anything yet, so that one that is away is found out by the
    /// first client; only a cluster's ARN is looked up here, at AWS.
    ///
    /// # Errors
    /// See [`ConnectError`].
    #[cfg_attr(
        not(feature = "cluster-arn"),
        expect(clippy::unused_async, reason = "with the feature it waits for AWS")
    )]
    pub async fn connect(settings: &KafkaSettings) -> Result<Self, ConnectError> {
        let bootstrap_servers = match &settings.brokers {
            KafkaBrokers::BootstrapServers(servers) => servers.clone(),
            #[cfg(feature = "cluster-arn")]
            KafkaBrokers::ClusterArn(arn) => crate::cluster_arn::look_up(arn, &settings.sign_in).await?,
            #[cfg(not(feature = "cluster-arn"))]
            KafkaBrokers::ClusterArn(_) => return Err(ConnectError::NoLookUp),
        };
        Ok(Self { bootstrap_servers, settings: settings.clone() })
    }

    /// The events' topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.settings.topic
    }

    /// The topic of what could not be applied.
    #[must_use]
    pub fn dead_letter_topic(&self) -> &str {
        &self.settings.dead_letter_topic
    }

    /// How to sign in.
    #[must_use]
    pub const fn sign_in(&self) -> &KafkaSignIn {
        &self.settings.sign_in
    }

    /// The file of the certificates that the brokers' must come from, if there is one.
    #[must_use]
    pub fn ca_file(&self) -> Option<&Path> {
        self.settings.ca_file.as_deref()
    }

    /// The brokers that are asked where the others are, as `HOST:PORT`, separated by commas.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }
}
