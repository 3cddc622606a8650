use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use async_trait::async_trait;
use aws_credential_types::Credentials;
use cqrs::{PersonalData as _, PersonalDataError};
use personal_data::{KeyProtection, KeyStore, KmsKey, StoredKey, StreamKeys, Wrapping};
use serde_json::{Value, json};
use sqlite_embedded::SqliteKeyStore;
use tempfile::TempDir;

use super::commits::StreamEnd;
use super::personal_data::{PersonalDataUnderTest, sealed};
use crate::harness::moto;

const REGION: &str = "eu-central-1";

/// Keys in a file of their own, wrapped by KMS: moto in its place, as a process of this test's own, killed with it.
struct OnKms {
    moto: Child,
    address: String,
    key_id: String,
    home: TempDir,
}

impl OnKms {
    async fn start() -> Self {
        let mut moto = Command::new("python3")
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"])
            .env("PYTHONPATH", moto())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("python3 is there");
        let mut lines = BufReader::new(moto.stderr.take().expect("piped")).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned))
            .expect("it says where it listens");
        // It goes on writing a line for each request.
        std::thread::spawn(move || lines.for_each(drop));
        let mut on_kms = Self { moto, address, key_id: String::new(), home: tempfile::tempdir().expect("a folder") };
        let made = on_kms.ask("CreateKey", json!({})).await;
        on_kms.key_id = made["KeyMetadata"]["KeyId"].as_str().expect("an id").to_owned();
        on_kms
    }

    /// What an administrator of the key asks for.
    async fn ask(&self, operation: &str, request: Value) -> Value {
        let credential = format!("AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/kms/aws4_request");
        let asked = reqwest::Client::new()
            .post(&self.address)
            .header("X-Amz-Target", format!("TrentService.{operation}"))
            .header("Authorization", credential)
            .header("Content-Type", "application/x-amz-json-1.1")
            .body(request.to_string());
        let answer = asked.send().await.expect("answers");
        let status = answer.status();
        let body = answer.bytes().await.expect("a body");
        assert!(status.is_success(), "{operation}: {status} {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap_or_default()
    }

    fn key(&self) -> KmsKey {
        let credentials = Credentials::new("test", "test", None, None, "a test");
        KmsKey::at(Some(self.address.clone()), REGION.to_owned(), credentials, &self.key_id)
    }

    async fn personal_data(&self) -> StreamKeys {
        StreamKeys::new(self.keys().await, self.protection())
    }
}

impl Drop for OnKms {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.moto.kill();
        let _ = self.moto.wait();
    }
}

#[async_trait]
impl PersonalDataUnderTest for OnKms {
    async fn keys(&self) -> Arc<dyn KeyStore> {
        Arc::new(SqliteKeyStore::open(&self.home.path().join("keys.db")).await.expect("opens"))
    }

    fn protection(&self) -> KeyProtection {
        KeyProtection::by_kms(self.key())
    }
}

/// The whole suite in one test, on one process of moto: it takes a second to start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_kms_wraps_are_held_to_the_suite_of_all_others() {
    use super::personal_data as suite;
    let on_kms = OnKms::start().await;
    suite::what_was_sealed_is_opened_by_another_process(&on_kms).await;
    suite::the_sealed_form_shows_no_name_and_the_hash_covers_it(&on_kms).await;
    suite::what_was_erased_is_not_opened_and_its_hash_holds(&on_kms).await;
    suite::a_changed_ciphertext_is_corrupt_and_does_not_keep_others_from_being_opened(&on_kms).await;
    suite::a_ciphertext_that_was_moved_is_corrupt(&on_kms).await;
    suite::what_was_sealed_under_a_key_that_is_lost_is_corrupt_and_not_erased(&on_kms).await;
    suite::nothing_is_sealed_for_a_stream_whose_data_was_erased(&on_kms).await;
    suite::a_fingerprint_can_be_compared_and_not_be_tried_out_until_it_is_erased(&on_kms).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_kms_wrapped_opens_for_its_own_stream_alone_and_not_while_kms_is_away() {
    let mut on_kms = OnKms::start().await;
    let (keys, personal_data) = (on_kms.keys().await, on_kms.personal_data().await);
    let commit = sealed(&personal_data).await;
    let stream_id = commit.draft.stream_id;
    let stored = keys.get_many(&[stream_id]).await.expect("reads").remove(&stream_id);
    let Some(StoredKey::Wrapped(wrapped)) = stored else { panic!("{stored:?}") };
    assert_eq!(wrapped.wrapping, Wrapping::Kms);
    assert!(wrapped.bytes.len() > 32, "a key of 32 bytes and what wraps it");

    let mut moved = commit.clone();
    moved.draft.stream_id = StreamEnd::of_new_stream().stream_id;
    keys.create_or_get(moved.draft.stream_id, &wrapped).await.expect("stores");
    let result = personal_data.open(&mut [moved]).await;
    assert!(matches!(result, Err(PersonalDataError::Corrupt { .. })), "{result:?}");

    personal_data.open(&mut [commit.clone()]).await.expect("opens");
    on_kms.moto.kill().expect("it runs");
    let result = personal_data.open(&mut [commit]).await;
    assert!(matches!(result, Err(PersonalDataError::Unavailable { .. })), "{result:?}");
}
