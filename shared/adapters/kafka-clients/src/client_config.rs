use amazon_roots::{AMAZON_ROOTS_PEM, suffice_for};
use kafka_events::{CLIENT_ID, KafkaConnection};
use rdkafka::ClientConfig;
use settings::KafkaSignIn;

use crate::KafkaClientContext;

/// How long a broker may take to answer a request.
const SOCKET_TIMEOUT_MS: u32 = 10_000;
/// How long a connection may take to be set up, with TLS and sign-in. librdkafka's 30 s would keep a client at an address that
/// has gone while others answer.
const SETUP_TIMEOUT_MS: u32 = 3_000;
/// The first request on a connection. It is part of the setup.
const API_VERSION_TIMEOUT_MS: u32 = 3_000;
/// The first pause before a client tries a broker again. librdkafka also leaves half of it, at least 11 ms, between connections
/// to different brokers. Its default of 100 ms would delay the second connection of a program that starts.
const RECONNECT_BACKOFF_MS: u32 = 20;
/// The longest pause before a client tries a broker again. librdkafka's 10 s would make an outage longer by as much.
const RECONNECT_BACKOFF_MAX_MS: u32 = 1_000;
/// The place where this machine keeps its certificates is searched for, because librdkafka's own OpenSSL does not know it.
const MACHINES_CERTIFICATES: &str = "probe";

/// The settings of every client of these brokers. A client adds its own settings, and is created with a [`client_context`].
/// Without that context it has no token to sign in with.
#[must_use]
pub fn client_config(connection: &KafkaConnection) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", connection.bootstrap_servers())
        .set("client.id", CLIENT_ID)
        .set("socket.timeout.ms", SOCKET_TIMEOUT_MS.to_string())
        .set("socket.connection.setup.timeout.ms", SETUP_TIMEOUT_MS.to_string())
        .set("api.version.request.timeout.ms", API_VERSION_TIMEOUT_MS.to_string())
        .set("reconnect.backoff.ms", RECONNECT_BACKOFF_MS.to_string())
        .set("reconnect.backoff.max.ms", RECONNECT_BACKOFF_MAX_MS.to_string())
        .set("socket.keepalive.enable", "true")
        // Brokers close idle connections. That need not be reported.
        .set("log.connection.close", "false");
    match connection.sign_in() {
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
    match (connection.sign_in(), connection.ca_file()) {
        (KafkaSignIn::Plaintext, _) => {}
        (_, Some(ca_file)) => {
            config.set("ssl.ca.location", ca_file.to_string_lossy());
        }
        // Only MSK has this sign-in, and its brokers have Amazon's certificates.
        (KafkaSignIn::MskIam { region }, None) if suffice_for(region, None) => {
            config.set("ssl.ca.pem", AMAZON_ROOTS_PEM);
        }
        (_, None) => {
            config.set("ssl.ca.location", MACHINES_CERTIFICATES);
        }
    }
    config
}

/// The context with a client's callbacks. Each client needs one of its own.
#[must_use]
pub fn client_context(connection: &KafkaConnection) -> KafkaClientContext {
    KafkaClientContext::new(match connection.sign_in() {
        KafkaSignIn::MskIam { region } => Some(region.clone()),
        KafkaSignIn::Plaintext | KafkaSignIn::ScramSha512 { .. } => None,
    })
}
