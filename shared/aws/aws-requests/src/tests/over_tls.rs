//! Requests over TLS, as to AWS, with an authority of the tests' own in place of the real authorities.

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::*;
use crate::connection::Connector;
use crate::place::Place;

/// The certificate of `localhost`, signed by itself, valid for a hundred years.
const CERTIFICATE: &[u8] = include_bytes!("certificate_for_tests.der");
const KEY: &[u8] = include_bytes!("key_for_tests.der");

/// A server that answers two requests on each connection with the connection's number. Returns its port.
async fn server_behind_tls() -> u16 {
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
        for number in 1.. {
            let (tcp, _) = listener.accept().await.expect("a connection");
            // A client that does not trust the certificate closes the connection.
            let Ok(mut stream) = acceptor.accept(tcp).await else { continue };
            for _ in 0..2 {
                if is_asked(&mut stream).await {
                    answer(&mut stream, &format!("{number}")).await;
                }
            }
        }
    });
    port
}

fn service_behind_tls(host: &str, port: u16, trusted: Option<&[u8]>) -> AwsService {
    let address = format!("https://{host}:{port}");
    let mut service = service_at(&address, ONE_TRY);
    if let Some(certificate) = trusted {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(certificate)).expect("a certificate");
        service.connector = Connector::trusting(Place::at(&address).expect("a place"), roots);
    }
    service
}

#[tokio::test]
async fn an_answer_comes_over_tls_from_who_is_trusted_and_has_the_name() {
    let port = server_behind_tls().await;
    let service = service_behind_tls("localhost", port, Some(CERTIFICATE));
    service.send(request()).await.expect("an answer");
    // The server handles one connection at a time.
    drop(service);

    for (host, trusted) in [("127.0.0.1", Some(CERTIFICATE)), ("localhost", None)] {
        let error = service_behind_tls(host, port, trusted).send(request()).await.expect_err("not trusted");
        let RequestError::NoAnswer(ConnectionError::Connect(cause)) = &error else { panic!("{error:?}") };
        assert!(cause.to_string().contains("certificate"), "{cause}");
    }
}

#[tokio::test]
async fn a_connection_with_tls_is_kept_and_replaced_like_one_without() {
    let port = server_behind_tls().await;
    let service = service_behind_tls("localhost", port, Some(CERTIFICATE));
    for number in ["1", "1", "2", "2", "3"] {
        assert_eq!(service.send(request()).await.expect("an answer"), number);
    }
}
