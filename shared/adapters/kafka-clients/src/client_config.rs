use amazon_roots::{AMAZON_ROOTS_PEM, suffice_for};
use kafka_events::{CLIENT_ID, KafkaConnection};
use rdkafka::ClientConfig;
use settings::KafkaSignIn;

use crate::KafkaClientContext;

/// How long a broker may take to answer a request.
const SOCKET_TIMEOUT_MS: u32 = 10_000;
/// How long a connection may take to be there, TLS and sign-in included. librdkafka's 30 s would keep a client at an
/// address that has gone while others answer.
const SETUP_TIMEOUT_MS: u32 = 3_000;
/// The first thing asked on a connection; part of its setup.
const API_VERSION_TIMEOUT_MS: u32 = 3_000;
/// How long a client waits before it tries a broker again, at first. Half of it, and no less than 11 ms, is also what librdkafka
/// leaves between connections to different brokers, so that its 100 ms would delay the second one of a program that starts.
const RECONNECT_BACKOFF_MS: u32 = 20;
/// How long a client waits at most before it tries a broker again. librdkafka's 10 s would be as much longer an outage.
const RECONNECT_BACKOFF_MAX_MS: u32 = 1_000;
/// librdkafka is linked with an OpenSSL of its own, which does not know where this machine keeps its certificates.
const MACHINES_CERTIFICATES: &str = "probe";

/// What every client of these brokers is told. A client adds what is its own, and is created with a [`client_context`]: without
/// it there is no token to sign in with.
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
        // Brokers close what stands still: that is nothing to report.
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
pub fn client_context(connection: &KafkaConnection) -> KafkaClientContext {
    KafkaClientContext::new(match connection.sign_in() {
        KafkaSignIn::MskIam { region } => Some(region.clone()),
        KafkaSignIn::Plaintext | KafkaSignIn::ScramSha512 { .. } => None,
    })
}
