use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::services::moto;

const REGION: &str = "eu-central-1";

/// moto in AWS's place, as a process of one test's own, killed with it.
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
        // It goes on writing a line for each request.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, address }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// In which everything is made.
    pub const fn region(&self) -> &'static str {
        REGION
    }

    /// What lets a process ask it, as Lambda gives it.
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

    /// A new key of KMS: its ARN.
    pub async fn make_key(&self) -> String {
        let made = self.ask("kms", "TrentService.CreateKey", json!({})).await;
        made["KeyMetadata"]["Arn"].as_str().expect("an ARN").to_owned()
    }

    /// A new secret of Secrets Manager's, with this text or with no value yet: its ARN.
    pub async fn make_secret(&self, name: &str, text: Option<&str>) -> String {
        let mut request = json!({ "Name": name, "ClientRequestToken": uuid::Uuid::now_v7().to_string() });
        if let Some(text) = text {
            request["SecretString"] = json!(text);
        }
        let made = self.ask("secretsmanager", "secretsmanager.CreateSecret", request).await;
        made["ARN"].as_str().expect("an ARN").to_owned()
    }

    /// What an administrator asks for.
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

    /// It is gone before its time.
    pub fn kill(&mut self) {
        self.process.kill().expect("it runs");
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
