mod over_tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::Request;
use hyper::body::Bytes;
use settings::Settings;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::*;

const SERVICE: Service = Service { name: "kms", endpoint_variable: "AWS_ENDPOINT_URL_KMS" };
/// One try only. A request that is sent again at all is sent again on another connection, and not after a pause.
const ONE_TRY: Limits = Limits {
    try_timeout: Duration::from_secs(5),
    retry_for: Duration::ZERO,
    first_pause: Duration::from_millis(1),
    longest_pause: Duration::from_millis(1),
};

fn request() -> Request<Bytes> {
    json_request("TrentService.Decrypt", &serde_json::json!({}))
}

fn service_at(address: &str, limits: Limits) -> AwsService {
    let settings = Settings::from_variables([
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_ENDPOINT_URL_KMS", address),
    ]);
    AwsService::from_settings(&settings, SERVICE, limits).expect("settings")
}

/// Whether a request came before the connection ended.
async fn is_asked(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut request = Vec::new();
    // The body is the empty object. Nothing else in the request ends with it.
    while !request.ends_with(b"{}") {
        match stream.read_buf(&mut request).await {
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
    }
    true
}

/// Sends an answer. Errors are ignored, because the client may have closed the connection.
async fn answer(stream: &mut (impl AsyncWrite + Unpin), body: &str) {
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await.expect("it listens");
    stream.flush().await.expect("it listens");
}

/// The fate of a connection after a number of answers.
#[derive(Clone, Copy)]
enum Then {
    /// It is closed when the test says so.
    Close,
    /// It is closed when the next request has come.
    CloseUnanswered,
    /// It still takes requests but does not answer any more.
    FallSilent,
}

/// A stand-in for AWS. It answers each connection's first requests with the connection's number.
struct Server {
    address: String,
    connections: Arc<AtomicUsize>,
    close: Arc<Notify>,
    closed: Arc<Notify>,
}

impl Server {
    async fn that_answers(times: usize, then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        let server = Self { address, connections: Arc::default(), close: Arc::default(), closed: Arc::default() };
        let (connections, close, closed) = (server.connections.clone(), server.close.clone(), server.closed.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let number = connections.fetch_add(1, Ordering::SeqCst) + 1;
                let (close, closed) = (close.clone(), closed.clone());
                tokio::spawn(async move {
                    for _ in 0..times {
                        if !is_asked(&mut stream).await {
                            return;
                        }
                        answer(&mut stream, &number.to_string()).await;
                    }
                    match then {
                        Then::Close => close.notified().await,
                        Then::CloseUnanswered => {
                            is_asked(&mut stream).await;
                        }
                        Then::FallSilent => while is_asked(&mut stream).await {},
                    }
                    drop(stream);
                    closed.notify_one();
                });
            }
        });
        server
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    let server = Server::that_answers(3, Then::Close).await;
    let service = service_at(&server.address, ONE_TRY);
    for _ in 0..3 {
        assert_eq!(service.send(request()).await.expect("an answer"), "1");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_replaced_and_nobody_is_told() {
    let server = Server::that_answers(1, Then::Close).await;
    let service = service_at(&server.address, ONE_TRY);
    for number in ["1", "2", "3"] {
        assert_eq!(service.send(request()).await.expect("an answer"), number);
        server.close.notify_one();
        server.closed.notified().await;
    }
}

#[tokio::test]
async fn a_request_that_meets_the_end_of_a_kept_connection_is_sent_again_on_another() {
    let server = Server::that_answers(1, Then::CloseUnanswered).await;
    let service = service_at(&server.address, ONE_TRY);
    for number in ["1", "2", "3"] {
        assert_eq!(service.send(request()).await.expect("an answer"), number);
    }
}

#[tokio::test]
async fn a_kept_connection_that_has_fallen_silent_costs_one_try() {
    let server = Server::that_answers(1, Then::FallSilent).await;
    let limits = Limits { try_timeout: Duration::from_secs(1), retry_for: Duration::from_secs(5), ..ONE_TRY };
    let service = service_at(&server.address, limits);
    for number in ["1", "2"] {
        assert_eq!(service.send(request()).await.expect("an answer"), number);
    }
}

#[tokio::test]
async fn requests_side_by_side_have_connections_of_their_own() {
    let server = Server::that_answers(9, Then::Close).await;
    let service = service_at(&server.address, ONE_TRY);
    let (one, other) = tokio::join!(service.send(request()), service.send(request()));
    assert_ne!(one.expect("an answer"), other.expect("an answer"));
    service.send(request()).await.expect("an answer");
    assert_eq!(server.connections(), 2, "one of them is used again");
}

#[tokio::test]
async fn an_answer_without_an_end_and_one_that_ends_too_soon_are_errors() {
    for (head, body) in [("content-length: 3", "1"), ("content-length: 600000", &*"1".repeat(600_000))] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let service = service_at(&format!("http://{}", listener.local_addr().expect("bound")), ONE_TRY);
        let served = async {
            let (mut stream, _) = listener.accept().await.expect("somebody");
            assert!(is_asked(&mut stream).await);
            // The client may have heard enough and closed the connection.
            let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}").as_bytes()).await;
        };
        let (answer, ()) = tokio::join!(service.send(request()), served);
        assert!(matches!(answer, Err(RequestError::NoAnswer(ConnectionError::Body(_)))), "{head}");
    }
}

#[tokio::test]
async fn who_is_never_answered_is_told_so_within_the_limits() {
    let server = Server::that_answers(0, Then::FallSilent).await;
    let limits = Limits {
        try_timeout: Duration::from_millis(100),
        retry_for: Duration::from_secs(1),
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(20),
    };
    let started_at = Instant::now();
    let answer = service_at(&server.address, limits).send(request()).await;
    assert!(matches!(answer, Err(RequestError::NoAnswer(ConnectionError::TimedOut { .. }))), "{answer:?}");
    assert!(server.connections() > 1, "it was tried again");
    assert!(started_at.elapsed() < Duration::from_secs(2), "{:?}", started_at.elapsed());
}
