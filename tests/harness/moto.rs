use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::services::moto;

const REGION: &str = "eu-central-1";

/// moto as a stand-in for AWS. It is a process of one test's own, and is killed with the test.
pub struct Moto {
    process: Child,
    address: String,
}

impl Moto {
    pub fn start() -> Self {
        let mut process = Command::new("python3")
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"])
            .env("PYTHONPATH", moto())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("python3 is there");
        let mut lines = BufReader::new(process.stderr.take().expect("piped")).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned))
            .expect("it says where it listens");
        // moto goes on writing a line for each request, so the lines must be read.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, address }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// The region in which everything is made.
    pub const fn region(&self) -> &'static str {
        REGION
    }

    /// The variables that let a process ask moto, in the form in which Lambda gives them.
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_SESSION_TOKEN", "test"),
            ("AWS_ENDPOINT_URL", &self.address),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// Makes a new key of KMS and returns its ARN.
    pub async fn make_key(&self) -> String {
        let made = self.ask("kms", "TrentService.CreateKey", json!({})).await;
        made["KeyMetadata"]["Arn"].as_str().expect("an ARN").to_owned()
    }

    /// Makes a new secret of Secrets Manager, with this text or without a value yet. Returns its ARN.
    pub async fn make_secret(&self, name: &str, text: Option<&str>) -> String {
        let mut request = json!({ "Name": name, "ClientRequestToken": uuid::Uuid::now_v7().to_string() });
        if let Some(text) = text {
            request["SecretString"] = json!(text);
        }
        let made = self.ask("secretsmanager", "secretsmanager.CreateSecret", request).await;
        made["ARN"].as_str().expect("an ARN").to_owned()
    }

    /// Sends a request of an administrator.
    async fn ask(&self, service: &str, target: &str, request: Value) -> Value {
        let credential = format!("AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request");
        let asked = reqwest::Client::new()
            .post(&self.address)
            .header("X-Amz-Target", target)
            .header("Authorization", credential)
            .header("Content-Type", "application/x-amz-json-1.1")
            .body(request.to_string());
        let answer = asked.send().await.expect("answers");
        let status = answer.status();
        let body = answer.bytes().await.expect("a body");
        assert!(status.is_success(), "{target}: {status} {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).expect("JSON")
    }

    /// Kills moto before the end of the test.
    pub fn kill(&mut self) {
        self.process.kill().expect("it runs");
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // The process may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
