//! By TLS, as AWS is asked, with an authority of the tests' own beside the real ones.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::*;
use crate::connection::Connector;

/// Of `localhost`, by itself, for a hundred years.
const CERTIFICATE: &[u8] = include_bytes!("certificate_for_tests.der");
const KEY: &[u8] = include_bytes!("key_for_tests.der");

/// Answers each request with the URL, at the port that this returns.
async fn secrets_manager_behind_tls() -> u16 {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("they are known")
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], PrivatePkcs8KeyDer::from(KEY).into())
        .expect("they belong together");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            // Who does not trust it goes away.
            let Ok(mut stream) = acceptor.accept(tcp).await else { continue };
            let mut asked = [0; 4_096];
            let _ = stream.read(&mut asked).await.expect("a request");
            let body = serde_json::json!({ "SecretString": URL }).to_string();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.expect("it listens");
            stream.flush().await.expect("it listens");
        }
    });
    port
}

async fn asked_at(host: &str, port: u16, trusted: Option<&[u8]>) -> Result<String, SecretsError> {
    let settings = environment(&format!("https://{host}:{port}"), &[]);
    let mut secrets_manager = SecretsManager::from_settings(&settings).expect("settings");
    secrets_manager.limits = IN_A_HURRY;
    if let Some(certificate) = trusted {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(certificate)).expect("a certificate");
        secrets_manager.connector = Connector::trusting(roots);
    }
    secrets_manager.text(READ_DB_URL_SECRET_ARN, ARN).await
}

#[tokio::test]
async fn a_secret_comes_over_tls_from_who_is_trusted_and_has_the_name() {
    let port = secrets_manager_behind_tls().await;
    assert_eq!(asked_at("localhost", port, Some(CERTIFICATE)).await.expect("reads"), URL);

    for (host, trusted) in [("127.0.0.1", Some(CERTIFICATE)), ("localhost", None)] {
        let error = asked_at(host, port, trusted).await.expect_err("not trusted");
        let SecretsError::NoAnswer { source: ConnectionError::Connect(cause), .. } = &error else {
            panic!("{error:?}")
        };
        assert!(cause.to_string().contains("certificate"), "{cause}");
    }
}
