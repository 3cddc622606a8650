use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{InvalidDnsNameError, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::place::Place;

/// A secret has 64 KiB at most; in JSON that can be some times as much.
const MAX_ANSWER_BYTES: usize = 512 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// It took too long.
    #[error("no answer within {} ms", timeout.as_millis())]
    TimedOut {
        /// The limit.
        timeout: Duration,
    },
    /// There is no connection, or TLS could not be agreed on.
    #[error("no connection")]
    Connect(#[source] std::io::Error),
    /// The host's name cannot be one.
    #[error("the host's name is none")]
    HostName(#[from] InvalidDnsNameError),
    /// The connection ended, or what came was no HTTP.
    #[error("the connection ended without an answer")]
    Http(#[from] hyper::Error),
    /// The answer ended before it was whole, or has no end.
    #[error("the answer is incomplete or too large")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Sends requests, each on a connection of its own.
pub(crate) struct Connector {
    tls: TlsConnector,
}

impl Connector {
    pub(crate) fn new() -> Self {
        // Built in, like those of the databases' drivers: reading the machine's would cost a starting function milliseconds.
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring can do what these versions of TLS ask for")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { tls: TlsConnector::from(Arc::new(config)) }
    }

    pub(crate) async fn send(
        &self,
        place: &Place,
        request: Request<Full<Bytes>>,
        timeout: Duration,
    ) -> Result<Response<Bytes>, ConnectionError> {
        let answer = tokio::time::timeout(timeout, self.send_without_a_limit(place, request));
        answer.await.unwrap_or(Err(ConnectionError::TimedOut { timeout }))
    }

    async fn send_without_a_limit(
        &self,
        place: &Place,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, ConnectionError> {
        let host = place.host.trim_matches(['[', ']']);
        let tcp = TcpStream::connect((host, place.port)).await.map_err(ConnectionError::Connect)?;
        if place.is_tls {
            let name = ServerName::try_from(host.to_owned())?;
            exchange(self.tls.connect(name, tcp).await.map_err(ConnectionError::Connect)?, request).await
        } else {
            exchange(tcp, request).await
        }
    }
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, ConnectionError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    TokioIo<S>: Read + Write,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async move {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(ConnectionError::Body)?;
        Ok(Response::from_parts(head, body.to_bytes()))
    };
    // The connection lives until the answer is there; how it ends then is of no matter.
    tokio::pin!(answer);
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        _ended = connection => answer.await,
    }
}
