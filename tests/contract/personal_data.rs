use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cqrs::{
    Commit, CommitDraft, Digest, OpenedCommit, Opening, PersonalData, PersonalDataError, SealedPersonalData, StreamId,
    UnopenedCommit,
};
use personal_data::{KeyProtection, KeyStore, StoredKey, StreamKeys, WrappedKey};
use serde_json::{Map, Value, json};

use super::commits::{StreamEnd, counted, idempotency, opened};

/// The subject of this suite: keys with one of the protections.
#[async_trait]
pub trait PersonalDataUnderTest: Send + Sync {
    /// The key store.
    async fn keys(&self) -> Arc<dyn KeyStore>;

    /// The protection of the keys, as a further process would set it up.
    fn protection(&self) -> KeyProtection;
}

/// Makes one test of each case, with the subject that the expression gives.
macro_rules! personal_data_suite {
    ($new:expr) => {
        $crate::contract::personal_data::personal_data_suite! { $new;
            what_was_sealed_is_opened_by_another_process
            the_sealed_form_shows_no_name_and_the_hash_covers_it
            what_was_erased_is_not_opened_and_its_hash_holds
            a_changed_ciphertext_is_corrupt_and_does_not_keep_others_from_being_opened
            a_ciphertext_that_was_moved_is_corrupt
            what_was_sealed_under_a_key_that_is_lost_is_corrupt_and_not_erased
            a_damaged_key_is_its_own_streams_matter_alone
            nothing_is_sealed_for_a_stream_whose_data_was_erased
            a_fingerprint_can_be_compared_and_not_be_tried_out_until_it_is_erased
        }
    };
    ($new:expr; $($case:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::contract::personal_data::$case(&$new).await;
        }
    )* };
}
pub(crate) use personal_data_suite;

pub const NAME: &str = "Ann \u{c9}lise Lee";

async fn open_keys(under_test: &dyn PersonalDataUnderTest) -> StreamKeys {
    StreamKeys::new(under_test.keys().await, under_test.protection())
}

fn name() -> Map<String, Value> {
    json!({ "name": NAME }).as_object().expect("an object").clone()
}

/// A commit of a new stream whose first event has a name in it, as the core makes it before sealing.
fn draft() -> CommitDraft {
    let mut draft =
        CommitDraft { idempotency: Some(idempotency("a key")), ..StreamEnd::of_new_stream().draft(counted(2)) };
    draft.events[0].personal = Some(SealedPersonalData {
        members: vec!["name".to_owned()],
        ciphertext: String::new(),
        opening: Opening::Opened(name()),
    });
    draft
}

/// The sealed commit as it comes out of a database.
pub async fn sealed(personal_data: &dyn PersonalData) -> Commit {
    let mut draft = draft();
    personal_data.seal(&mut draft).await.expect("seals");
    as_stored(&draft.seal())
}

fn as_stored(commit: &Commit) -> Commit {
    serde_json::from_value(serde_json::to_value(commit).expect("plain JSON")).expect("a commit")
}

fn personal(commit: &mut Commit) -> &mut SealedPersonalData {
    commit.draft.events[0].personal.as_mut().expect("it has a name in it")
}

/// Opens one commit. The outer error says that the keys cannot be reached.
pub async fn open_one(
    personal_data: &dyn PersonalData,
    commit: Commit,
) -> Result<Result<OpenedCommit, UnopenedCommit>, PersonalDataError> {
    let [result] = personal_data.open(vec![commit]).await?.try_into().expect("an answer for each commit");
    Ok(result)
}

fn read_name(commit: &OpenedCommit) -> Value {
    commit.envelopes().next().expect("an event").data["name"].clone()
}

async fn assert_corrupt(personal_data: &dyn PersonalData, commit: &Commit, what: &str) {
    let unopened = open_one(personal_data, commit.clone()).await.expect("keys").expect_err(what);
    assert_eq!(*unopened.commit, *commit, "{what}");
    assert!(!unopened.reason.is_empty(), "{what}");
}

async fn assert_only_the_second_opens(personal_data: &dyn PersonalData, corrupt: Commit, intact: &Commit) {
    let commits = personal_data.open(vec![corrupt, intact.clone()]).await.expect("keys");
    let [first, second] = commits.try_into().expect("an answer for each commit");
    first.expect_err("is corrupt");
    assert_eq!(read_name(&second.expect("opens")), json!(NAME));
}

pub async fn what_was_sealed_is_opened_by_another_process(under_test: &dyn PersonalDataUnderTest) {
    let mut draft = draft();
    open_keys(under_test).await.seal(&mut draft).await.expect("seals");
    let written = draft.seal();
    // The commit is open in the process that wrote it.
    assert_eq!(read_name(&opened(&written)), json!(NAME));

    let stored = as_stored(&written);
    assert!(stored.clone().into_opened().is_err(), "it is stored sealed");
    let read = open_one(&open_keys(under_test).await, stored).await.expect("keys").expect("opens");
    assert_eq!(read.commit(), &written);
    assert_eq!(read_name(&read), json!(NAME));
    // An event without personal data is unchanged.
    let event = &read.commit().draft.events[1];
    assert_eq!(event.readable_data(), event.data);
}

pub async fn the_sealed_form_shows_no_name_and_the_hash_covers_it(under_test: &dyn PersonalDataUnderTest) {
    let mut commit = sealed(&open_keys(under_test).await).await;
    let text = serde_json::to_string(&commit).expect("plain JSON");
    assert!(!text.contains("Ann") && !text.contains(&STANDARD.encode(NAME)), "{text}");
    assert_eq!(commit.draft.hash(), commit.hash);
    personal(&mut commit).ciphertext.push_str("AAAA");
    assert_ne!(commit.draft.hash(), commit.hash);
}

pub async fn what_was_erased_is_not_opened_and_its_hash_holds(under_test: &dyn PersonalDataUnderTest) {
    let personal_data = open_keys(under_test).await;
    let (erased, kept) = (sealed(&personal_data).await, sealed(&personal_data).await);
    under_test.keys().await.destroy(erased.draft.stream_id).await.expect("destroys");
    let commits = personal_data.open(vec![erased, kept]).await.expect("keys");
    let commits: Vec<OpenedCommit> = commits.into_iter().map(|commit| commit.expect("opens, or is erased")).collect();
    let names: Vec<Value> = commits.iter().map(read_name).collect();
    assert_eq!(names, [Value::Null, json!(NAME)]);
    for commit in commits {
        let mut commit = commit.into_commit();
        assert_eq!(commit.draft.hash(), commit.hash);
        personal(&mut commit).opening = Opening::Sealed;
        assert_eq!(as_stored(&commit), commit, "nothing of the opening is stored");
    }
}

pub async fn a_changed_ciphertext_is_corrupt_and_does_not_keep_others_from_being_opened(
    under_test: &dyn PersonalDataUnderTest,
) {
    let personal_data = open_keys(under_test).await;
    let intact = sealed(&personal_data).await;
    let changes: [fn(&mut SealedPersonalData); 5] = [
        |personal| personal.ciphertext.clear(),
        |personal| personal.ciphertext.insert(0, '!'),
        |personal| {
            let mut bytes = STANDARD.decode(&personal.ciphertext).expect("base64");
            bytes[20] ^= 1;
            personal.ciphertext = STANDARD.encode(bytes);
        },
        |personal| personal.members.push("address".to_owned()),
        |personal| personal.members = vec!["address".to_owned()],
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = sealed(&personal_data).await;
        change(personal(&mut changed));
        assert_corrupt(&personal_data, &changed, &format!("change {number}")).await;
        assert_only_the_second_opens(&personal_data, changed, &intact).await;
    }
}

pub async fn a_ciphertext_that_was_moved_is_corrupt(under_test: &dyn PersonalDataUnderTest) {
    let personal_data = open_keys(under_test).await;
    let (mut one, mut other) = (sealed(&personal_data).await, sealed(&personal_data).await);
    std::mem::swap(&mut personal(&mut one).ciphertext, &mut personal(&mut other).ciphertext);
    assert_corrupt(&personal_data, &one, "of another stream").await;

    let mut moved = sealed(&personal_data).await;
    moved.draft.events[1].personal = moved.draft.events[0].personal.take();
    assert_corrupt(&personal_data, &moved, "of another event of the stream").await;
}

pub async fn what_was_sealed_under_a_key_that_is_lost_is_corrupt_and_not_erased(
    under_test: &dyn PersonalDataUnderTest,
) {
    let personal_data = open_keys(under_test).await;
    let mut commit = sealed(&personal_data).await;
    commit.draft.stream_id = StreamEnd::of_new_stream().stream_id;
    assert_corrupt(&personal_data, &commit, "of a stream that there is no key for").await;
}

pub async fn a_damaged_key_is_its_own_streams_matter_alone(under_test: &dyn PersonalDataUnderTest) {
    let (personal_data, keys) = (open_keys(under_test).await, under_test.keys().await);
    let intact = sealed(&personal_data).await;
    let wrapping = under_test.protection().wrapping();
    // One key is too short, and the other is long enough for a wrapped key.
    for length in [5, 61] {
        let mut commit = sealed(&personal_data).await;
        commit.draft.stream_id = StreamEnd::of_new_stream().stream_id;
        let damaged = WrappedKey { wrapping, bytes: vec![7; length] };
        keys.create_or_get(commit.draft.stream_id, &damaged).await.expect("stores");
        assert_corrupt(&personal_data, &commit, &format!("a key of {length} bytes")).await;
        let stream_id = commit.draft.stream_id;
        assert_only_the_second_opens(&personal_data, commit.clone(), &intact).await;
        let mut draft = CommitDraft { stream_id, ..draft() };
        let result = personal_data.seal(&mut draft).await;
        assert!(matches!(result, Err(PersonalDataError::Corrupt { .. })), "{result:?}");
        // The key can be destroyed like any other.
        keys.destroy(stream_id).await.expect("destroys");
        let erased = open_one(&personal_data, commit).await.expect("keys").expect("finds it erased");
        assert_eq!(read_name(&erased), Value::Null);
    }
}

pub async fn nothing_is_sealed_for_a_stream_whose_data_was_erased(under_test: &dyn PersonalDataUnderTest) {
    let (personal_data, mut draft) = (open_keys(under_test).await, draft());
    let (keys, stream_id) = (under_test.keys().await, draft.stream_id);
    keys.destroy(stream_id).await.expect("destroys");
    let result = personal_data.seal(&mut draft).await;
    assert!(matches!(result, Err(PersonalDataError::Erased { .. })), "{result:?}");
    assert_eq!(keys.get_many(&[stream_id]).await.expect("reads").get(&stream_id), Some(&StoredKey::Destroyed));
}

pub async fn a_fingerprint_can_be_compared_and_not_be_tried_out_until_it_is_erased(
    under_test: &dyn PersonalDataUnderTest,
) {
    let personal_data = open_keys(under_test).await;
    let (mut first, mut second) = (draft(), draft());
    let plain = first.idempotency.expect("it has one").request_fingerprint;
    for draft in [&mut first, &mut second] {
        personal_data.seal(draft).await.expect("seals");
    }
    let stored = |draft: &CommitDraft| draft.idempotency.expect("it has one").request_fingerprint;
    assert!(stored(&first) != plain && stored(&first) != stored(&second));

    let keyed = async |stream_id: StreamId, fingerprint: Digest| {
        open_keys(under_test).await.keyed_fingerprint(stream_id, &fingerprint).await.expect("keys")
    };
    assert_eq!(keyed(first.stream_id, plain).await, Some(stored(&first)));
    assert_ne!(keyed(first.stream_id, Digest::of(b"another request")).await, Some(stored(&first)));
    under_test.keys().await.destroy(first.stream_id).await.expect("destroys");
    assert_eq!(keyed(first.stream_id, plain).await, None);
}
