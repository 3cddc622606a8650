use std::io::Write as _;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Answer, OpenApi};

/// The longest that a server may take for one raw request.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A request byte by byte. There is no HTTP library between the test and the server, so the test can send requests
/// that no library would send.
#[derive(Debug, Clone)]
pub struct RawRequest {
    method: &'static str,
    target: Vec<u8>,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
    framing: Framing,
}

/// The way in which the request marks its body's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// By a correct `Content-Length`. A request without a body has none.
    Length,
    /// By the headers that the test sends, whatever they are.
    AsTheHeadersSay,
    /// By no means: the client stops halfway.
    BrokenOff,
}

impl RawRequest {
    pub fn new(method: &'static str, target: impl Into<Vec<u8>>) -> Self {
        Self { method, target: target.into(), headers: Vec::new(), body: Vec::new(), framing: Framing::Length }
    }

    pub fn get(target: impl Into<Vec<u8>>) -> Self {
        Self::new("GET", target)
    }

    pub fn post(target: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", target)
    }

    /// Adds a header line, even if there is already a line with this name.
    pub fn header(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// Adds a body with the content type of JSON, whatever its text is.
    pub fn json(self, body: impl Into<Vec<u8>>) -> Self {
        self.header("Content-Type", "application/json").body(body)
    }

    /// Sends no `Content-Length` of its own. The test's headers say where the body ends, correctly or not.
    pub fn framed_by_its_headers(self) -> Self {
        Self { framing: Framing::AsTheHeadersSay, ..self }
    }

    /// Makes the headers promise more bytes than are sent.
    pub fn broken_off(self) -> Self {
        Self { framing: Framing::BrokenOff, ..self }
    }

    /// Sends the request, and compares the answer with the contract.
    pub async fn send(&self, base_url: &str) -> Answer {
        let answer = self.send_beside_the_contract(base_url).await;
        let method = Method::from_bytes(self.method.as_bytes()).expect("a method");
        OpenApi::get().check(&method, &self.path(), &answer);
        answer
    }

    /// Sends the request without that comparison. The HTTP library itself answers bytes that are not HTTP.
    pub async fn send_beside_the_contract(&self, base_url: &str) -> Answer {
        let bytes = tokio::time::timeout(TIMEOUT, self.exchange(base_url)).await.expect("an answer in time");
        parse(&bytes, self.method == "HEAD")
            .unwrap_or_else(|| panic!("no whole answer, but {:?}", String::from_utf8_lossy(&bytes)))
    }

    /// The target without its query, and without scheme and host if it is a whole URL.
    fn path(&self) -> String {
        let target = String::from_utf8_lossy(&self.target);
        let target = match target.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |start| &rest[start..]),
            None => &target,
        };
        target.split('?').next().expect("a first part").to_owned()
    }

    async fn exchange(&self, base_url: &str) -> Vec<u8> {
        let address = base_url.strip_prefix("http://").expect("http");
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let request = self.to_bytes(address);
        let (mut receiving, mut sending) = stream.split();
        let mut answer = Vec::new();
        let send = async {
            // A server that has heard enough may close the connection. Its answer counts.
            let _ = sending.write_all(&request).await;
            if self.framing == Framing::BrokenOff {
                let _ = sending.shutdown().await;
            }
        };
        let receive = async {
            // A reset after the answer does not undo the answer.
            let _ = receiving.read_to_end(&mut answer).await;
        };
        tokio::join!(send, receive);
        answer
    }

    fn to_bytes(&self, address: &str) -> Vec<u8> {
        let has = |name: &str| self.headers.iter().any(|(header, _)| header.eq_ignore_ascii_case(name));
        let mut bytes = [self.method.as_bytes(), b" ", &self.target, b" HTTP/1.1\r\nConnection: close\r\n"].concat();
        if !has("host") {
            write!(bytes, "Host: {address}\r\n").expect("memory");
        }
        if self.framing == Framing::Length && (self.method == "POST" || !self.body.is_empty()) {
            write!(bytes, "Content-Length: {}\r\n", self.body.len()).expect("memory");
        }
        for (name, value) in &self.headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        bytes.extend(b"\r\n");
        bytes.extend(&self.body);
        bytes
    }
}

/// Reads an answer as the server wrote it. There is none if it is not whole.
fn parse(bytes: &[u8], is_head: bool) -> Option<Answer> {
    let end_of_head = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end_of_head]).ok()?;
    let body = &bytes[end_of_head + 4..];
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse::<StatusCode>().ok()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        headers.append(name.parse::<HeaderName>().ok()?, value.trim().parse::<HeaderValue>().ok()?);
    }
    let length = headers.get("content-length").and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    // An answer to HEAD gives the length of a body that it does not have.
    if !is_head && length.is_some_and(|length| length != body.len()) {
        return None;
    }
    let body = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
    };
    Some(Answer { status, headers, body })
}
