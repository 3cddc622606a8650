use std::time::Duration;

use aws_requests::{AwsService, Limits, RequestError, Service, json_request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cqrs::StreamId;
use serde::Deserialize;
use serde_json::{Value, json};
use settings::{Settings, SettingsError};

const KMS: Service = Service { name: "kms", endpoint_variable: "AWS_ENDPOINT_URL_KMS" };
/// All tries together take less than 3 s, because a command has 10 s and has to wait for other services too.
const LIMITS: Limits = Limits {
    try_timeout: Duration::from_secs(1),
    retry_for: Duration::from_millis(1_500),
    first_pause: Duration::from_millis(25),
    longest_pause: Duration::from_millis(200),
};
/// The name under which KMS binds a wrapped key to its stream and records it in CloudTrail. The key unwraps for this stream
/// only.
const STREAM_ID: &str = "stream_id";
/// KMS's error codes for a key that it did not wrap, or not for this stream.
const NOT_OURS: [&str; 2] = ["InvalidCiphertextException", "IncorrectKeyException"];

/// The reason why KMS made or unwrapped no key.
#[derive(Debug, thiserror::Error)]
pub enum KmsError {
    /// The environment lacks the credentials that sign requests to AWS. Handling: in Lambda they are set by Lambda;
    /// elsewhere set the variable that the error names.
    #[error(transparent)]
    Environment(#[from] SettingsError),
    /// KMS did not answer, or refused to make a key. Handling: grant the role `kms:GenerateDataKey` on the key. Check that
    /// the key is enabled and that the network lets the function reach KMS.
    #[error("KMS made no key")]
    Generate(#[source] RequestError),
    /// KMS did not answer, or refused to unwrap a key. Handling: grant the role `kms:Decrypt` on the key that wrapped it.
    /// Check that the key is enabled and that the network lets the function reach KMS.
    #[error("KMS did not unwrap the key")]
    Unwrap(#[source] RequestError),
    /// The stored key was not wrapped by KMS, or by another key there, or for another stream. Handling: a person must look.
    #[error("the key was wrapped with another key of KMS or for another stream, or has been changed")]
    NotOurs,
    /// KMS's answer has no key in it. Handling: a defect of the server at the address; see which server answers there.
    #[error("KMS answered without a key")]
    NoKey,
}

/// A key that never leaves KMS, and wraps others there.
pub struct KmsKey {
    kms: AwsService,
    key_id: String,
}

/// The answer of GenerateDataKey and Decrypt, in base64. It is never shown, so it has no `Debug`.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "CiphertextBlob")]
    wrapped: Option<String>,
    #[serde(rename = "Plaintext")]
    key: Option<String>,
}

impl KmsKey {
    /// The key of this id, ARN or alias. It is used as the role that the process runs under. No connection is made here.
    ///
    /// # Errors
    /// [`KmsError::Environment`].
    pub fn from_environment(key_id: &str) -> Result<Self, KmsError> {
        Self::from_settings(&Settings::from_env(), key_id)
    }

    /// The key of this id, ARN or alias, with the credentials of these settings. The request goes to the process's region,
    /// even if an ARN names another region. AWS's SDK does the same. For a key of another region KMS refuses.
    ///
    /// # Errors
    /// [`KmsError::Environment`].
    pub fn from_settings(settings: &Settings, key_id: &str) -> Result<Self, KmsError> {
        Ok(Self { kms: AwsService::from_settings(settings, KMS, LIMITS)?, key_id: key_id.to_owned() })
    }

    /// A new key for this stream: its wrapped form, and the key itself.
    pub(crate) async fn generate(&self, stream_id: StreamId) -> Result<(Vec<u8>, Vec<u8>), KmsError> {
        let input = json!({ "KeyId": self.key_id, "KeySpec": "AES_256", "EncryptionContext": context(stream_id) });
        // If the request arrives twice, one of the two keys is never stored.
        let answer = self.kms.send(json_request("TrentService.GenerateDataKey", &input)).await;
        let answer = read(&answer.map_err(KmsError::Generate)?)?;
        Ok((bytes(answer.wrapped)?, bytes(answer.key)?))
    }

    /// The key that was wrapped for this stream.
    pub(crate) async fn unwrap(&self, stream_id: StreamId, wrapped: &[u8]) -> Result<Vec<u8>, KmsError> {
        let input = json!({ "CiphertextBlob": STANDARD.encode(wrapped), "EncryptionContext": context(stream_id) });
        let answer =
            self.kms.send(json_request("TrentService.Decrypt", &input)).await.map_err(|error| match error {
                RequestError::Refused { code, .. } if NOT_OURS.contains(&code.as_str()) => KmsError::NotOurs,
                _ => KmsError::Unwrap(error),
            })?;
        bytes(read(&answer)?.key)
    }
}

fn context(stream_id: StreamId) -> Value {
    json!({ STREAM_ID: stream_id.to_string() })
}

/// The error is given without serde's error, which may repeat text that it does not understand.
fn read(answer: &[u8]) -> Result<Answer, KmsError> {
    serde_json::from_slice(answer).map_err(|_| KmsError::NoKey)
}

fn bytes(base64: Option<String>) -> Result<Vec<u8>, KmsError> {
    base64.and_then(|base64| STANDARD.decode(base64).ok()).ok_or(KmsError::NoKey)
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::extract::Request;
    use axum::http::StatusCode;
    use tokio::net::TcpListener;
    use uuid::Uuid;

    use super::*;

    /// A stand-in for KMS. It gives this answer to every request, and remembers the requests.
    async fn kms_that_answers(status: u16, answer: Value) -> (KmsKey, Arc<Mutex<Vec<String>>>) {
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let received = Arc::clone(&requests);
        let app = Router::new().fallback(move |request: Request| async move {
            let (head, body) = request.into_parts();
            let operation = head.headers["x-amz-target"].to_str().expect("text").to_owned();
            let body = axum::body::to_bytes(body, 10_000).await.expect("a body");
            received.lock().expect("nobody panicked").push(format!("{operation} {}", String::from_utf8_lossy(&body)));
            (StatusCode::from_u16(status).expect("a status"), answer.to_string())
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        let settings = Settings::from_variables([
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_ENDPOINT_URL_KMS", &address),
        ]);
        (KmsKey::from_settings(&settings, "alias/passbook").expect("settings"), requests)
    }

    fn stream_id() -> StreamId {
        StreamId(Uuid::from_u128(7))
    }

    #[tokio::test]
    async fn a_key_is_made_and_unwrapped_for_its_stream() {
        let answer = json!({ "KeyId": "a key's ARN", "CiphertextBlob": "AQID", "Plaintext": "BAUG" });
        let (key, requests) = kms_that_answers(200, answer).await;
        assert_eq!(key.generate(stream_id()).await.expect("makes"), (vec![1, 2, 3], vec![4, 5, 6]));
        assert_eq!(key.unwrap(stream_id(), &[1, 2, 3]).await.expect("unwraps"), [4, 5, 6]);
        let context = r#""EncryptionContext":{"stream_id":"00000000-0000-0000-0000-000000000007"}"#;
        let expected = [
            format!(r#"TrentService.GenerateDataKey {{{context},"KeyId":"alias/passbook","KeySpec":"AES_256"}}"#),
            format!(r#"TrentService.Decrypt {{"CiphertextBlob":"AQID",{context}}}"#),
        ];
        assert_eq!(*requests.lock().expect("nobody panicked"), expected);
    }

    #[tokio::test]
    async fn what_kms_did_not_wrap_for_this_stream_is_not_ours() {
        for code in NOT_OURS {
            let (key, requests) = kms_that_answers(400, json!({ "__type": code })).await;
            let result = key.unwrap(stream_id(), &[1, 2, 3]).await;
            assert!(matches!(result, Err(KmsError::NotOurs)), "{result:?}");
            assert_eq!(requests.lock().expect("nobody panicked").len(), 1, "it is not asked again");
        }
    }

    #[tokio::test]
    async fn a_refusal_is_told_in_kms_s_words() {
        let refusal = json!({ "__type": "AccessDeniedException", "Message": "the role may not" });
        let (key, requests) = kms_that_answers(400, refusal).await;
        for error in [
            key.generate(stream_id()).await.expect_err("refused"),
            key.unwrap(stream_id(), &[1, 2, 3]).await.expect_err("refused"),
        ] {
            assert!(matches!(error, KmsError::Generate(_) | KmsError::Unwrap(_)), "{error:?}");
            let source = error.source().expect("a source").to_string();
            assert_eq!(source, "AWS answers 400 AccessDeniedException: the role may not");
        }
        assert_eq!(requests.lock().expect("nobody panicked").len(), 2, "each once");
    }

    #[tokio::test]
    async fn an_answer_without_a_key_is_an_error_and_not_shown() {
        for answer in [json!({}), json!({ "CiphertextBlob": "AQID", "Plaintext": "s3cret!" }), json!(["s3cret!"])] {
            let (key, _) = kms_that_answers(200, answer).await;
            for error in [
                key.generate(stream_id()).await.expect_err("no key"),
                key.unwrap(stream_id(), &[1, 2, 3]).await.expect_err("no key"),
            ] {
                assert!(matches!(error, KmsError::NoKey), "{error:?}");
                assert!(!format!("{error:?} {error}").contains("s3cret"));
            }
        }
    }
}
