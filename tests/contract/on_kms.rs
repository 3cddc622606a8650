use std::sync::Arc;

use async_trait::async_trait;
use cqrs::PersonalDataError;
use personal_data::{KeyProtection, KeyStore, KmsKey, StoredKey, StreamKeys, Wrapping};
use settings::Settings;
use sqlite_embedded::SqliteKeyStore;
use tempfile::TempDir;

use super::commits::StreamEnd;
use super::personal_data::open_one;
use super::personal_data::{PersonalDataUnderTest, sealed};
use crate::harness::Moto;

/// Keys in a file of their own, wrapped by moto in the place of KMS.
struct OnKms {
    moto: Moto,
    key_id: String,
    home: TempDir,
}

impl OnKms {
    async fn start() -> Self {
        let moto = Moto::start();
        let key_id = moto.make_key().await;
        Self { moto, key_id, home: tempfile::tempdir().expect("a folder") }
    }

    fn key(&self) -> KmsKey {
        let settings = Settings::from_variables([
            ("AWS_REGION", self.moto.region()),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL_KMS", self.moto.address()),
        ]);
        KmsKey::from_settings(&settings, &self.key_id).expect("settings")
    }

    async fn personal_data(&self) -> StreamKeys {
        StreamKeys::new(self.keys().await, self.protection())
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

/// The whole suite is one test on one process of moto, because moto takes a second to start.
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
    let result = open_one(&personal_data, moved).await.expect("keys");
    assert!(result.is_err(), "{result:?}");

    open_one(&personal_data, commit.clone()).await.expect("keys").expect("opens");
    on_kms.moto.kill();
    let result = open_one(&personal_data, commit).await;
    assert!(matches!(result, Err(PersonalDataError::Unavailable { .. })), "{result:?}");
}
