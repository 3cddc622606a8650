use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use cqrs::StreamId;
use futures::future::join_all;
use personal_data::{KeyStore, StoredKey, WrappedKey, Wrapping};
use uuid::Uuid;

/// The subject of this suite: one store of an adapter, empty at first.
#[async_trait]
pub trait KeyStoreUnderTest: Send + Sync {
    /// Opens the store, as a further process would.
    async fn open(&self) -> Arc<dyn KeyStore>;

    /// Ends all processes that have the store open.
    async fn close_all(&self);
}

/// Makes one test of each case, on the store that the expression gives.
macro_rules! key_store_suite {
    ($new_store:expr) => {
        $crate::contract::key_store::key_store_suite! { $new_store;
            a_key_is_given_back_as_it_was_stored
            a_stream_keeps_its_first_key
            of_32_makers_of_one_streams_key_all_are_given_the_same
            many_keys_are_found_at_once_and_unknown_streams_are_not_among_them
            a_destroyed_key_is_gone_for_every_process_and_never_comes_back
            a_stream_without_a_key_can_be_kept_from_ever_having_one
            of_a_maker_and_a_destroyer_at_once_the_destroyer_wins
            destroying_one_key_leaves_the_others
            a_store_that_is_there_answers_a_ping
        }
    };
    ($new_store:expr; $($case:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::contract::key_store::$case(&$new_store).await;
        }
    )* };
}
pub(crate) use key_store_suite;

fn stream() -> StreamId {
    StreamId(Uuid::now_v7())
}

fn key(wrapping: Wrapping, byte: u8) -> WrappedKey {
    WrappedKey { wrapping, bytes: vec![byte; 61] }
}

fn a_key() -> WrappedKey {
    key(Wrapping::MasterKey, 1)
}

async fn stored(store: &dyn KeyStore, stream_id: StreamId) -> Option<StoredKey> {
    store.get_many(&[stream_id]).await.expect("reads").remove(&stream_id)
}

pub async fn a_key_is_given_back_as_it_was_stored(under_test: &dyn KeyStoreUnderTest) {
    let store = under_test.open().await;
    for wrapping in [Wrapping::Unwrapped, Wrapping::MasterKey, Wrapping::Kms] {
        let (stream_id, key) = (stream(), WrappedKey { wrapping, bytes: (0..=255).collect() });
        let expected = StoredKey::Wrapped(key.clone());
        assert_eq!(store.create_or_get(stream_id, &key).await.expect("stores"), expected);
        assert_eq!(stored(&*store, stream_id).await, Some(expected.clone()));
        assert_eq!(stored(&*under_test.open().await, stream_id).await, Some(expected));
    }
}

pub async fn a_stream_keeps_its_first_key(under_test: &dyn KeyStoreUnderTest) {
    let (store, stream_id) = (under_test.open().await, stream());
    let first = StoredKey::Wrapped(a_key());
    assert_eq!(store.create_or_get(stream_id, &a_key()).await.expect("stores"), first);
    let second = key(Wrapping::Kms, 2);
    assert_eq!(store.create_or_get(stream_id, &second).await.expect("answers"), first);
    assert_eq!(stored(&*store, stream_id).await, Some(first));
}

pub async fn of_32_makers_of_one_streams_key_all_are_given_the_same(under_test: &dyn KeyStoreUnderTest) {
    let (here, there, stream_id) = (under_test.open().await, under_test.open().await, stream());
    let makers = (0..32).map(|byte| {
        let store = if byte % 2 == 0 { here.clone() } else { there.clone() };
        tokio::spawn(async move { store.create_or_get(stream_id, &key(Wrapping::Kms, byte)).await.expect("answers") })
    });
    let given: Vec<StoredKey> = join_all(makers).await.into_iter().map(|given| given.expect("no panic")).collect();
    assert!(given.iter().all(|other| *other == given[0]), "{given:?}");
    assert_eq!(stored(&*here, stream_id).await.as_ref(), given.first());
}

pub async fn many_keys_are_found_at_once_and_unknown_streams_are_not_among_them(under_test: &dyn KeyStoreUnderTest) {
    let store = under_test.open().await;
    let mut expected = HashMap::new();
    for byte in 0..50 {
        let (stream_id, key) = (stream(), key(Wrapping::Kms, byte));
        store.create_or_get(stream_id, &key).await.expect("stores");
        expected.insert(stream_id, StoredKey::Wrapped(key));
    }
    let destroyed = stream();
    store.destroy(destroyed).await.expect("destroys");
    expected.insert(destroyed, StoredKey::Destroyed);
    let asked: Vec<StreamId> = expected.keys().copied().chain([stream(), stream()]).collect();
    assert_eq!(store.get_many(&asked).await.expect("reads"), expected);
    assert_eq!(store.get_many(&[]).await.expect("reads"), HashMap::new());
}

pub async fn a_destroyed_key_is_gone_for_every_process_and_never_comes_back(under_test: &dyn KeyStoreUnderTest) {
    let (store, other_process, stream_id) = (under_test.open().await, under_test.open().await, stream());
    store.create_or_get(stream_id, &a_key()).await.expect("stores");
    for _ in 0..2 {
        store.destroy(stream_id).await.expect("destroys");
        assert_eq!(stored(&*other_process, stream_id).await, Some(StoredKey::Destroyed));
        for store in [&store, &other_process] {
            let created = store.create_or_get(stream_id, &a_key()).await.expect("answers");
            assert_eq!(created, StoredKey::Destroyed);
        }
    }
    under_test.close_all().await;
    assert_eq!(stored(&*under_test.open().await, stream_id).await, Some(StoredKey::Destroyed));
}

pub async fn a_stream_without_a_key_can_be_kept_from_ever_having_one(under_test: &dyn KeyStoreUnderTest) {
    let (store, stream_id) = (under_test.open().await, stream());
    store.destroy(stream_id).await.expect("destroys");
    assert_eq!(store.create_or_get(stream_id, &a_key()).await.expect("answers"), StoredKey::Destroyed);
    assert_eq!(stored(&*store, stream_id).await, Some(StoredKey::Destroyed));
}

pub async fn of_a_maker_and_a_destroyer_at_once_the_destroyer_wins(under_test: &dyn KeyStoreUnderTest) {
    let (here, there) = (under_test.open().await, under_test.open().await);
    for _ in 0..20 {
        let stream_id = stream();
        let key = a_key();
        let (made, destroyed) = tokio::join!(here.create_or_get(stream_id, &key), there.destroy(stream_id));
        destroyed.expect("destroys");
        made.expect("answers");
        assert_eq!(stored(&*here, stream_id).await, Some(StoredKey::Destroyed));
    }
}

pub async fn destroying_one_key_leaves_the_others(under_test: &dyn KeyStoreUnderTest) {
    let (store, one, other) = (under_test.open().await, stream(), stream());
    for stream_id in [one, other] {
        store.create_or_get(stream_id, &a_key()).await.expect("stores");
    }
    store.destroy(one).await.expect("destroys");
    assert_eq!(stored(&*store, other).await, Some(StoredKey::Wrapped(a_key())));
}

pub async fn a_store_that_is_there_answers_a_ping(under_test: &dyn KeyStoreUnderTest) {
    under_test.open().await.ping().await.expect("is there");
}
