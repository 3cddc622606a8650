use std::time::{Duration, Instant};

use http::{HeaderMap, Method, StatusCode};
use reqwest::RequestBuilder;
use serde_json::Value;

use super::{OpenApi, is_on_servers};

/// A client that compares every answer with `openapi.yaml`. Its status, its media type, its headers and its schema
/// must be those that the document gives for the operation.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base_url: String,
    token: Option<String>,
}

/// An answer, already compared with the contract.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The problem's code. It is empty when the answer is not a problem.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or("")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("ASCII"))
    }

    pub fn text(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap_or_else(|| panic!("no text {member} in {}", self.body))
    }

    pub fn version(&self) -> u64 {
        self.body["version"].as_u64().unwrap_or_else(|| panic!("no version in {}", self.body))
    }

    /// Fails unless the answer has this status and problem code.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str) -> &Self {
        assert_eq!((self.status.as_u16(), self.code()), (status, code), "{}", self.body);
        self
    }

    /// Fails unless the answer has this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }

    /// The wrong fields of a `validation_failed`, as `field: code`.
    pub fn wrong_fields(&self) -> Vec<String> {
        let errors = self.body["errors"].as_array().cloned().unwrap_or_default();
        let text = |error: &Value, member: &str| error[member].as_str().expect("text").to_owned();
        errors.iter().map(|error| format!("{}: {}", text(error, "field"), text(error, "code"))).collect()
    }
}

impl Client {
    pub fn new(base_url: &str) -> Self {
        let http = reqwest::Client::builder().build().expect("a client");
        Self { http, base_url: base_url.to_owned(), token: None }
    }

    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// A request without additions, for requests that the helpers below do not allow.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base_url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends the request, and compares the answer with the contract.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.expect("an answer")
    }

    /// Sends the request. An error means that the server is gone.
    pub async fn try_send(&self, request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let request = request.build().expect("a request");
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = self.http.execute(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await?;
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()))
        };
        let answer = Answer { status, headers, body };
        OpenApi::get().check(&method, &path, &answer);
        Ok(answer)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// A GET that waits for the read side to reach this version. Returns its answer, which may say that the read
    /// side is behind.
    pub async fn get_once_at(&self, path: &str, min_version: u64) -> Answer {
        self.send(self.request(Method::GET, path).header("Passbook-Min-Version", min_version)).await
    }

    /// A GET of the read side at this version, repeated until it is reached. Kafka gives a process's partitions to
    /// the next process only after the first has been silent for some seconds. So after a `kill -9` the client is
    /// told to ask again, and does.
    pub async fn get_at(&self, path: &str, min_version: u64) -> Answer {
        let give_up_at = Instant::now() + Duration::from_secs(30);
        loop {
            let answer = self.get_once_at(path, min_version).await;
            let is_behind = answer.body["code"] == "projection_behind";
            if !is_behind || !is_on_servers() || Instant::now() > give_up_at {
                return answer;
            }
        }
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.post_request(path, body)).await
    }

    pub fn post_request(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).header("Content-Type", "application/json").body(body.to_string())
    }

    pub async fn post_with_key(&self, path: &str, body: &Value, key: &str) -> Answer {
        self.send(self.post_request(path, body).header("Idempotency-Key", key)).await
    }

    /// Opens an account in EUR and returns its id.
    pub async fn open(&self, opening_balance: &str) -> String {
        self.open_in("EUR", opening_balance).await
    }

    pub async fn open_in(&self, currency: &str, opening_balance: &str) -> String {
        let body = serde_json::json!({
            "holder": "Ann Lee", "kind": "checking", "currency": currency, "opening_balance": opening_balance,
        });
        let answer = self.post("/accounts", &body).await;
        let account_id = answer.expect(201).text("account_id").to_owned();
        // The embedded bus keeps the order of all commits, and Kafka keeps the order within each account. So a list
        // on Kafka may show a later account before an earlier one.
        if is_on_servers() {
            self.get_at(&format!("/accounts/{account_id}"), 1).await;
        }
        account_id
    }

    pub async fn deposit(&self, account_id: &str, amount: &str) -> Answer {
        self.post(&format!("/accounts/{account_id}/deposits"), &serde_json::json!({ "amount": amount })).await
    }

    pub async fn withdraw(&self, account_id: &str, amount: &str) -> Answer {
        self.post(&format!("/accounts/{account_id}/withdrawals"), &serde_json::json!({ "amount": amount })).await
    }

    pub async fn close(&self, account_id: &str) -> Answer {
        self.send(self.request(Method::POST, &format!("/accounts/{account_id}/close"))).await
    }
}
