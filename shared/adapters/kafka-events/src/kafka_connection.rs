use std::path::Path;

use settings::{KafkaBrokers, KafkaSettings, KafkaSignIn};

/// The name of this program in the brokers' logs and quotas.
pub const CLIENT_ID: &str = "passbook";
/// The brokers' addresses and the sign-in. Every client is made from it: producers, consumers and administrators.
#[derive(Debug, Clone)]
pub struct KafkaConnection {
    bootstrap_servers: String,
    settings: KafkaSettings,
}

/// The reason why the brokers are not known.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The settings name a cluster by its ARN, and this program was built without the feature `cluster-arn`. Handling:
    /// set `KAFKA_BOOTSTRAP_SERVERS`, or build with the feature.
    #[error("this program cannot look up KAFKA_CLUSTER_ARN: set KAFKA_BOOTSTRAP_SERVERS")]
    NoLookUp,
    /// AWS did not give the addresses of the cluster's brokers. Handling: as for its source.
    #[cfg(feature = "cluster-arn")]
    #[error("the brokers of KAFKA_CLUSTER_ARN cannot be looked up")]
    LookUp(#[from] crate::LookUpError),
}

impl KafkaConnection {
    /// Finds the brokers' addresses. Only a cluster's ARN is looked up here, at AWS. No broker is asked yet. So the
    /// first client finds out whether a broker is away.
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

    /// The topic of the records that could not be applied.
    #[must_use]
    pub fn dead_letter_topic(&self) -> &str {
        &self.settings.dead_letter_topic
    }

    /// The sign-in.
    #[must_use]
    pub const fn sign_in(&self) -> &KafkaSignIn {
        &self.settings.sign_in
    }

    /// The file of the authorities that must have issued the brokers' certificates, if there is one.
    #[must_use]
    pub fn ca_file(&self) -> Option<&Path> {
        self.settings.ca_file.as_deref()
    }

    /// The brokers that a client asks first, as `HOST:PORT`, separated by commas. They name the others.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }
}
