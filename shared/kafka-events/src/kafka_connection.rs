use amazon_roots::{AMAZON_ROOTS_PEM, suffice_for};
use rdkafka::ClientConfig;
use settings::{KafkaBrokers, KafkaSettings, KafkaSignIn};

use crate::KafkaClientContext;

/// What the brokers' logs and quotas call this program.
const CLIENT_ID: &str = "passbook";
/// How long a broker may take to answer a request.
const SOCKET_TIMEOUT_MS: u32 = 10_000;
/// How long a connection may take to be there, TLS and sign-in included. librdkafka's 30 s would keep a client at an
/// address that has gone while others answer.
const SETUP_TIMEOUT_MS: u32 = 3_000;
/// The first thing asked on a connection; part of its setup.
const API_VERSION_TIMEOUT_MS: u32 = 3_000;
/// How long a client waits before it tries a broker again, at first. Half of it, and no less than 11 ms, is also what librdkafka
/// leaves between connections to different brokers, so that its 100 ms would delay the second one of a function that starts.
const RECONNECT_BACKOFF_MS: u32 = 20;
/// How long a client waits at most before it tries a broker again. librdkafka's 10 s would be as much longer an outage.
const RECONNECT_BACKOFF_MAX_MS: u32 = 1_000;
/// librdkafka is linked with an OpenSSL of its own, which does not know where this machine keeps its certificates.
const MACHINES_CERTIFICATES: &str = "probe";

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

    pub(crate) const fn sign_in(&self) -> &KafkaSignIn {
        &self.settings.sign_in
    }

    /// What every client is told. A client adds what is its own, and is created with a
    /// [context](Self::client_context): without it there is no token to sign in with.
    #[must_use]
    pub fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("client.id", CLIENT_ID)
            .set("socket.timeout.ms", SOCKET_TIMEOUT_MS.to_string())
            .set("socket.connection.setup.timeout.ms", SETUP_TIMEOUT_MS.to_string())
            .set("api.version.request.timeout.ms", API_VERSION_TIMEOUT_MS.to_string())
            .set("reconnect.backoff.ms", RECONNECT_BACKOFF_MS.to_string())
            .set("reconnect.backoff.max.ms", RECONNECT_BACKOFF_MAX_MS.to_string())
            .set("socket.keepalive.enable", "true")
            // Brokers close what stands still, and a frozen function stands still: that is nothing to report.
            .set("log.connection.close", "false");
        match &self.settings.sign_in {
            KafkaSignIn::Plaintext => {}
            KafkaSignIn::ScramSha512 { username, password } => {
                config
                    .set("security.protocol", "SASL_SSL")
                    .set("sasl.mechanisms", "SCRAM-SHA-512")
                    .set("sasl.username", username)
                    .set("sasl.password", password.expose());
            }
            KafkaSignIn::MskIam { .. } => {
                config.set("security.protocol", "SASL_SSL").set("sasl.mechanisms", "OAUTHBEARER");
            }
        }
        match (&self.settings.sign_in, &self.settings.ca_file) {
            (KafkaSignIn::Plaintext, _) => {}
            (_, Some(ca_file)) => {
                config.set("ssl.ca.location", ca_file.to_string_lossy());
            }
            // Only MSK is signed in to so, and its brokers are Amazon's.
            (KafkaSignIn::MskIam { region }, None) if suffice_for(region, None) => {
                config.set("ssl.ca.pem", AMAZON_ROOTS_PEM);
            }
            (_, None) => {
                config.set("ssl.ca.location", MACHINES_CERTIFICATES);
            }
        }
        config
    }

    /// What a client calls back. One for each client.
    #[must_use]
    pub fn client_context(&self) -> KafkaClientContext {
        KafkaClientContext::new(match &self.settings.sign_in {
            KafkaSignIn::MskIam { region } => Some(region.clone()),
            KafkaSignIn::Plaintext | KafkaSignIn::ScramSha512 { .. } => None,
        })
    }
}
