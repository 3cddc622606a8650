use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use amazon_roots::{AMAZON_ROOTS_PEM, suffice_for};
use aws_credential_types::Credentials as AwsCredentials;
use rskafka::client::{Credentials, OauthBearerCredentials, OauthCallback, SaslConfig};
use settings::KafkaSignIn;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject as _};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use crate::iam_token::{IamTokenError, iam_token};
use crate::{CredentialsError, KafkaConnection, aws_credentials};

/// The reason why no publisher can be made from the settings. Handling: set them correctly and start again.
#[derive(Debug, thiserror::Error)]
pub enum NoPublisherError {
    /// No server is named.
    #[error("KAFKA_BOOTSTRAP_SERVERS names no server")]
    NoServer,
    /// The entry is not a host with a port. Handling: write `host:port`, without a scheme and not in brackets.
    #[error("KAFKA_BOOTSTRAP_SERVERS: {server:?} is not host:port")]
    Server {
        /// The entry.
        server: String,
    },
    /// The file of certificates cannot be read, or its content is not certificates.
    #[error("the certificates of KAFKA_CA_FILE, {}, cannot be read", path.display())]
    CaFile {
        /// The path of the file.
        path: PathBuf,
        /// The fault.
        #[source]
        source: PemError,
    },
    /// The file has no certificate, so no authority vouches for the brokers.
    #[error("there is no certificate in KAFKA_CA_FILE, {}", path.display())]
    NoCertificate {
        /// The path of the file.
        path: PathBuf,
    },
    /// A certificate is malformed, or the TLS library was built without a needed algorithm.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
    /// A built-in certificate cannot be read: a defect of the build.
    #[error("Amazon's certificates cannot be read")]
    BuiltIn(#[source] PemError),
}

/// The TLS settings of a connection, or none if the listener has no TLS.
pub(crate) fn tls(connection: &KafkaConnection) -> Result<Option<Arc<ClientConfig>>, NoPublisherError> {
    let mut roots = RootCertStore::empty();
    match (connection.sign_in(), connection.ca_file()) {
        (KafkaSignIn::Plaintext, _) => return Ok(None),
        (_, Some(path)) => {
            let unreadable = |source| NoPublisherError::CaFile { path: path.to_owned(), source };
            for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
                roots.add(certificate.map_err(unreadable)?)?;
            }
            if roots.is_empty() {
                return Err(NoPublisherError::NoCertificate { path: path.to_owned() });
            }
        }
        // Only MSK has this sign-in, and its brokers have Amazon's certificates.
        (KafkaSignIn::MskIam { region }, None) if suffice_for(region, None) => {
            for certificate in CertificateDer::pem_slice_iter(AMAZON_ROOTS_PEM.as_bytes()) {
                roots.add(certificate.map_err(NoPublisherError::BuiltIn)?)?;
            }
        }
        // The authorities that MongoDB's driver trusts too. They are built in, because reading the machine's would cost a
        // start milliseconds.
        (_, None) => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    // TLS 1.2 only. After TLS 1.3's handshake the client sends two messages. rskafka does not set TCP_NODELAY, so the second
    // message waits 40 ms for the acknowledgement of the first. This happens at each connection, and a start makes two.
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS12])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Some(Arc::new(config)))
}

/// The sign-in of a connection, or none if the listener asks for none.
pub(crate) fn sasl(sign_in: &KafkaSignIn) -> Option<SaslConfig> {
    match sign_in {
        KafkaSignIn::Plaintext => None,
        KafkaSignIn::ScramSha512 { username, password } => {
            Some(SaslConfig::ScramSha512(Credentials::new(username.clone(), password.expose().to_owned())))
        }
        KafkaSignIn::MskIam { region } => Some(SaslConfig::Oauthbearer(OauthBearerCredentials {
            callback: tokens_for(region.clone(), aws_credentials::from_environment),
            authz_id: None,
            bearer_kvs: Vec::new(),
        })),
    }
}

/// Makes a new token for each connection. Signing takes microseconds, and needs no other service.
fn tokens_for(region: String, credentials: fn() -> Result<AwsCredentials, CredentialsError>) -> OauthCallback {
    Arc::new(move || {
        let token = credentials()
            .map_err(IamTokenError::from)
            .and_then(|credentials| iam_token(&region, &credentials, SystemTime::now()));
        Box::pin(async { Ok(token?.text) })
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use settings::{KafkaBrokers, KafkaSettings, Secret, SettingsError};

    use super::*;

    fn iam() -> KafkaSignIn {
        KafkaSignIn::MskIam { region: "eu-central-1".to_owned() }
    }

    async fn connection(sign_in: KafkaSignIn, ca_file: Option<PathBuf>) -> KafkaConnection {
        let brokers = KafkaBrokers::BootstrapServers("127.0.0.1:1".to_owned());
        let (topic, dead_letter_topic) = ("events".to_owned(), "events.dead-letters".to_owned());
        let settings = KafkaSettings { brokers, sign_in, ca_file, topic, dead_letter_topic };
        KafkaConnection::connect(&settings).await.expect("brokers that are named")
    }

    #[tokio::test]
    async fn an_msk_cluster_is_given_a_token_that_this_role_has_signed_for_its_region() {
        let Some(SaslConfig::Oauthbearer(sign_in)) = sasl(&iam()) else { panic!("by a token") };
        assert_eq!((sign_in.authz_id, sign_in.bearer_kvs), (None, Vec::new()));

        let tokens = tokens_for("eu-central-1".to_owned(), || {
            Ok(AwsCredentials::new("AKIDEXAMPLE", "secret", Some("session".to_owned()), None, "a test"))
        });
        let token = tokens().await.expect("a token");
        let url = String::from_utf8(URL_SAFE_NO_PAD.decode(token).expect("base64")).expect("a URL");
        assert!(url.starts_with("https://kafka.eu-central-1.amazonaws.com/?Action=kafka-cluster%3AConnect&"), "{url}");
        assert!(url.contains("X-Amz-Credential=AKIDEXAMPLE%2F"), "{url}");
    }

    #[tokio::test]
    async fn a_token_that_cannot_be_signed_is_an_error_of_the_connection() {
        let none = || Err(CredentialsError::from(SettingsError::Missing { variable: "AWS_ACCESS_KEY_ID" }));
        let error = tokens_for("eu-central-1".to_owned(), none)().await.expect_err("no credentials");
        assert!(error.to_string().contains("AWS_ACCESS_KEY_ID"), "{error}");
    }

    #[test]
    fn a_password_goes_with_scram_and_nothing_without_a_sign_in() {
        let password = Secret::new("secret".to_owned());
        let scram = sasl(&KafkaSignIn::ScramSha512 { username: "ann".to_owned(), password });
        let Some(SaslConfig::ScramSha512(credentials)) = scram else { panic!("by a password") };
        assert_eq!((&*credentials.username, &*credentials.password), ("ann", "secret"));
        assert!(sasl(&KafkaSignIn::Plaintext).is_none());
    }

    #[tokio::test]
    async fn tls_is_spoken_wherever_there_is_a_sign_in() {
        assert!(tls(&connection(KafkaSignIn::Plaintext, None).await).expect("nothing to do").is_none());
        assert!(tls(&connection(iam(), None).await).expect("Amazon's authorities").is_some());
        let in_china = KafkaSignIn::MskIam { region: "cn-north-1".to_owned() };
        assert!(tls(&connection(in_china, None).await).expect("the built-in authorities").is_some());
    }

    #[tokio::test]
    async fn a_file_without_a_certificate_vouches_for_nobody() {
        let without = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let error = tls(&connection(iam(), Some(without.into())).await).expect_err("refuses");
        assert!(matches!(error, NoPublisherError::NoCertificate { .. }), "{error:?}");
        let error = tls(&connection(iam(), Some("/nowhere/ca.pem".into())).await).expect_err("refuses");
        assert!(matches!(error, NoPublisherError::CaFile { .. }), "{error:?}");
    }
}
