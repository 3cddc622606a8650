use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{InvalidDnsNameError, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::place::Place;

/// A secret has 64 KiB at most. In JSON it can be several times as long.
const MAX_ANSWER_BYTES: usize = 512 * 1024;
/// A connection that has been idle for longer is not used again. A device in between may have dropped it silently; a NAT
/// gateway does so after 350 s.
const MAX_IDLE: Duration = Duration::from_secs(60);

/// The largest number of kept connections. The keys of a page of events are asked for side by side, and each new connection
/// needs a handshake.
const MAX_KEPT: usize = 16;

/// The reason why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The answer took too long.
    #[error("no answer within {} ms", timeout.as_millis())]
    TimedOut {
        /// The limit.
        timeout: Duration,
    },
    /// The connection could not be made, or TLS could not be agreed on.
    #[error("no connection")]
    Connect(#[source] io::Error),
    /// The host's name is not valid.
    #[error("the host's name is not valid")]
    HostName(#[from] InvalidDnsNameError),
    /// The connection ended, or the answer was not HTTP.
    #[error("the connection ended without an answer")]
    Http(#[from] hyper::Error),
    /// The answer ended early, or is too large.
    #[error("the answer is incomplete or too large")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Sends requests to one address. Unused connections are kept for the next requests.
pub(crate) struct Connector {
    place: Place,
    tls: TlsConnector,
    kept: Mutex<Vec<Connection>>,
}

/// HTTP over one stream. The stream is active only while a request is on its way, because a function is frozen between two
/// requests.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    stream: http1::Connection<TokioIo<Box<dyn Stream>>, Full<Bytes>>,
    idle_since: Instant,
}

/// A stream with or without TLS. It is a trait object, so that the binary has the HTTP code once and not twice.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Connector {
    pub(crate) fn trusting(place: Place, roots: RootCertStore) -> Self {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring can do what these versions of TLS ask for")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { place, tls: TlsConnector::from(Arc::new(config)), kept: Mutex::default() }
    }

    /// The answer to this request, which may arrive twice.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        timeout: Duration,
    ) -> Result<Response<Bytes>, ConnectionError> {
        let answer = tokio::time::timeout(timeout, self.send_without_a_limit(request));
        answer.await.unwrap_or(Err(ConnectionError::TimedOut { timeout }))
    }

    async fn send_without_a_limit(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, ConnectionError> {
        if let Some(kept) = self.take() {
            match self.exchange(kept, request.clone()).await {
                Ok(answer) => return Ok(answer),
                // The other side may close a kept connection at any time. Nobody notices while the process is frozen.
                Err(error) => tracing::debug!(%error, "the kept connection has ended; a new one is opened"),
            }
        }
        let connection = self.connect().await?;
        self.exchange(connection, request).await
    }

    async fn connect(&self) -> Result<Connection, ConnectionError> {
        let host = self.place.host.trim_matches(['[', ']']);
        let tcp = TcpStream::connect((host, self.place.port)).await.map_err(ConnectionError::Connect)?;
        tcp.set_nodelay(true).map_err(ConnectionError::Connect)?;
        let stream: Box<dyn Stream> = if self.place.is_tls {
            let name = ServerName::try_from(host.to_owned())?;
            Box::new(self.tls.connect(name, tcp).await.map_err(ConnectionError::Connect)?)
        } else {
            Box::new(tcp)
        };
        let (sender, stream) = http1::handshake(TokioIo::new(stream)).await?;
        Ok(Connection { sender, stream, idle_since: Instant::now() })
    }

    async fn exchange(
        &self,
        connection: Connection,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, ConnectionError> {
        let Connection { mut sender, mut stream, .. } = connection;
        let answer = {
            let sender = &mut sender;
            let answer = async move {
                // While this waits, the second branch below finds a kept connection that has been closed. Nothing is sent then.
                sender.ready().await?;
                let (head, body) = sender.send_request(request).await?.into_parts();
                let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(ConnectionError::Body)?;
                Ok::<_, ConnectionError>(Response::from_parts(head, body.to_bytes()))
            };
            tokio::pin!(answer);
            tokio::select! {
                biased;
                answer = &mut answer => answer?,
                _ended = &mut stream => {
                    // Dropping the stream tells the waiting sender that the connection has ended.
                    drop(stream);
                    return answer.await;
                }
            }
        };
        self.keep(Connection { sender, stream, idle_since: Instant::now() });
        Ok(answer)
    }

    /// The connection that was used last. If it has been idle for too long, then all kept connections have been.
    fn take(&self) -> Option<Connection> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let last = kept.pop().filter(|connection| connection.idle_since.elapsed() < MAX_IDLE);
        if last.is_none() {
            kept.clear();
        }
        last
    }

    fn keep(&self, mut connection: Connection) {
        connection.idle_since = Instant::now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == MAX_KEPT {
            kept.remove(0);
        }
        kept.push(connection);
    }
}
