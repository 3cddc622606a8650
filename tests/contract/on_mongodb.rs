use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cqrs::{
    AppendError, Commit, CommitDraft, CommitPlace, CommitScan, DeliveryMarks as _, EventStoreRepository, ReadError,
    RecordedState, StreamId, StreamRange, Timestamp,
};
use futures::TryStreamExt as _;
use mongo_stores::{ConnectError, MongoEventStore, MongoKeyStore};
use mongodb::bson::{Binary, Bson, DateTime, Document, doc, spec::BinarySubtype};
use mongodb::{Client, Collection, Database};
use personal_data::{KeyProtection, KeyStore};
use serde_json::json;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::commit_scan::ScanUnderTest;
use super::commits::{StreamEnd, counted, idempotency, recorded};
use super::event_store::EventStoreUnderTest;
use super::key_store::KeyStoreUnderTest;
use super::personal_data::PersonalDataUnderTest;
use super::proxy::Proxy;
use crate::harness::{event_store_url, eventually};

mod event_store {
    crate::contract::event_store::event_store_suite!(super::OnMongodb::new());
}

mod key_store {
    crate::contract::key_store::key_store_suite!(super::OnMongodb::new());
}

mod personal_data_unwrapped {
    crate::contract::personal_data::personal_data_suite!(super::OnMongodb::new());
}

mod commit_scan {
    crate::contract::commit_scan::commit_scan_suite!(super::OnMongodb::new());
}

/// A database of its own on the server, dropped at the end.
pub struct OnMongodb {
    name: String,
    prepared: OnceCell<()>,
}

impl OnMongodb {
    pub fn new() -> Self {
        Self { name: format!("contract_{}", Uuid::now_v7().simple()), prepared: OnceCell::new() }
    }

    fn url(&self) -> String {
        event_store_url(&self.name)
    }

    pub async fn open(&self) -> MongoEventStore {
        let store = self.open_unprepared().await;
        self.prepared.get_or_init(async || store.prepare().await.expect("prepares")).await;
        store
    }

    async fn open_unprepared(&self) -> MongoEventStore {
        MongoEventStore::connect(&self.url()).await.expect("a URL")
    }

    /// The database as a program uses it that ignores the port.
    pub async fn database(&self) -> Database {
        Client::with_uri_str(self.url()).await.expect("a URL").database(&self.name)
    }

    async fn commits(&self) -> Collection<Document> {
        self.database().await.collection("commits")
    }
}

impl Drop for OnMongodb {
    /// Drops the database on a runtime of its own, because the test's runtime may be ending.
    fn drop(&mut self) {
        let (url, name) = (self.url(), self.name.clone());
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let client = Client::with_uri_str(url).await.expect("a URL");
                client.database(&name).drop().await.expect("drops");
            });
        });
        let dropped = dropping.join();
        assert!(dropped.is_ok() || std::thread::panicking(), "the database {} is left behind", self.name);
    }
}

#[async_trait]
impl EventStoreUnderTest for OnMongodb {
    async fn open(&self) -> Arc<dyn EventStoreRepository> {
        Arc::new(self.open().await)
    }

    /// Does nothing: a client is gone with its last clone, and the server keeps nothing of it.
    async fn close_all(&self) {}
}

#[async_trait]
impl ScanUnderTest for OnMongodb {
    async fn open_both(&self) -> (Arc<dyn EventStoreRepository>, Arc<dyn CommitScan>) {
        let store = Arc::new(self.open().await);
        (store.clone(), store)
    }
}

#[async_trait]
impl KeyStoreUnderTest for OnMongodb {
    async fn open(&self) -> Arc<dyn KeyStore> {
        let store = MongoKeyStore::connect(&self.url()).await.expect("a URL");
        store.prepare().await.expect("prepares");
        Arc::new(store)
    }

    async fn close_all(&self) {}
}

#[async_trait]
impl PersonalDataUnderTest for OnMongodb {
    async fn keys(&self) -> Arc<dyn KeyStore> {
        KeyStoreUnderTest::open(self).await
    }

    fn protection(&self) -> KeyProtection {
        KeyProtection::none()
    }
}

// --- the form of stored commits

#[tokio::test]
async fn a_commit_is_one_document_that_a_shell_can_show() {
    let on_mongodb = OnMongodb::new();
    let store = on_mongodb.open().await;
    let first = StreamEnd::of_new_stream().push(1);
    store.append(&first).await.expect("appends");
    let data = json!({ "amount_minor": 1050, "rate": 0.5, "reference": "rent", "$oid": "text", "nothing": null });
    let draft = CommitDraft {
        idempotency: Some(idempotency("a key")),
        occurred_at: Timestamp::from_unix_micros(1_795_525_582_123_456).expect("a time"),
        ..StreamEnd::after(&first).draft(vec![recorded(data), recorded(json!({ "a\0b": u64::MAX }))])
    };
    let commit = draft.seal();
    store.append(&commit).await.expect("appends");

    let stream_id = uuid(commit.draft.stream_id.0);
    let mut expected = doc! {
        "_id": { "stream_id": stream_id.clone(), "first_version": 2_i64 },
        "aggregate_type": "counter",
        "last_version": 3_i64,
        "occurred_at": DateTime::from_millis(1_795_525_582_123),
        "occurred_at_us": 1_795_525_582_123_456_i64,
        "caller": "a caller",
        "correlation_id": "correlation 2",
        "causation_id": "causation 2",
        "idempotency": {
            "key": idempotency("a key").key.to_string(),
            "request_fingerprint": idempotency("a key").request_fingerprint.to_string(),
        },
        "events": [
            {
                "event_id": uuid(commit.draft.events[0].event_id),
                "event_type": "Counted",
                "schema_version": 2_i64,
                "data": {
                    "$oid": "text", "amount_minor": 1050_i64, "nothing": null, "rate": 0.5, "reference": "rent",
                },
            },
            {
                "event_id": uuid(commit.draft.events[1].event_id),
                "event_type": "Counted",
                "schema_version": 2_i64,
                "data_json": r#"{"a\u0000b":18446744073709551615}"#,
            },
        ],
        "state": { "state_version": 3_i64, "data": { "count": 2_i64 } },
        "previous_hash": first.hash.to_string(),
        "hash": commit.hash.to_string(),
        "undelivered": true,
    };
    let commits = on_mongodb.commits().await;
    let id = doc! { "_id": { "stream_id": stream_id, "first_version": 2_i64 } };
    let find = async || raw_document(&commits, id.clone()).await;
    assert_eq!(find().await, expected);
    assert_eq!(store.last_commit(commit.draft.stream_id).await.expect("reads"), Some(commit.clone()));

    store.mark_delivered(&[CommitPlace { stream_id: commit.draft.stream_id, first_version: 2 }]).await.expect("marks");
    expected.remove("undelivered");
    assert_eq!(find().await, expected);
    assert_eq!(store.last_commit(commit.draft.stream_id).await.expect("reads"), Some(commit));
}

#[tokio::test]
async fn what_bson_or_the_server_has_no_place_for_is_given_back_all_the_same() {
    let on_mongodb = OnMongodb::new();
    let store = on_mongodb.open().await;
    let nested = |levels| {
        (0..levels).fold(json!(1), |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({ "in": inner }) })
    };
    for data in [
        json!(u64::MAX),
        json!(i64::MIN),
        json!({ "\0": "\0" }),
        json!({ "$oid": "507f1f77bcf86cd799439011", "$ref": "a", "$id": 1 }),
        json!([-0.0, 5e-324, f64::MAX, 1.0]),
        // The depths are up to the limit for documents, and beyond it.
        nested(89),
        nested(90),
        nested(91),
        nested(120),
    ] {
        let state = RecordedState { state_version: 1, data: data.clone() };
        let commit = CommitDraft { state, ..StreamEnd::of_new_stream().draft(vec![recorded(data)]) }.seal();
        store.append(&commit).await.expect("appends");
        assert_eq!(store.last_commit(commit.draft.stream_id).await.expect("reads"), Some(commit));
    }
}

#[tokio::test]
async fn the_collection_refuses_documents_that_are_no_commits() {
    let on_mongodb = OnMongodb::new();
    let store = on_mongodb.open().await;
    let commit = StreamEnd::of_new_stream().push(2);
    store.append(&commit).await.expect("appends");
    let commits = on_mongodb.commits().await;
    let good = raw_document(&commits, doc! {}).await;
    let id = |first_version: Bson| doc! { "stream_id": uuid(Uuid::now_v7()), "first_version": first_version };
    let with = |name: &str, value: Bson| {
        let mut document = good.clone();
        document.insert("_id", id(Bson::Int64(1)));
        document.insert(name, value);
        document
    };
    for bad in [
        doc! { "_id": id(Bson::Int64(1)) },
        with("_id", Bson::Int64(1)),
        with("_id", Bson::Document(id(Bson::Double(1.0)))),
        with("_id", Bson::Document(id(Bson::Int64(0)))),
        with("events", Bson::Array(Vec::new())),
        with("occurred_at_us", Bson::String("now".to_owned())),
        with("hash", Bson::String("short".to_owned())),
        with("undelivered", Bson::Boolean(false)),
    ] {
        let error = commits.insert_one(&bad).await.expect_err("refuses");
        assert!(error.to_string().contains("121"), "{bad}: {error}");
    }
    commits.insert_one(with("caller", Bson::String("someone else".to_owned()))).await.expect("is a commit");
}

#[tokio::test]
async fn what_is_no_commit_is_reported_with_its_stream() {
    let on_mongodb = OnMongodb::new();
    let store = on_mongodb.open().await;
    let commit = StreamEnd::of_new_stream().push(1);
    store.append(&commit).await.expect("appends");
    let commits = on_mongodb.commits().await;
    let good = raw_document(&commits, doc! {}).await;
    for (name, value) in [
        ("hash", Bson::String("no digest".to_owned())),
        ("events", Bson::Int64(5)),
        ("occurred_at_us", Bson::Int64(i64::MAX)),
        ("state", Bson::Document(doc! { "state_version": 1_i64 })),
        ("previous_hash", Bson::Null),
    ] {
        let stream_id = StreamId(Uuid::now_v7());
        let mut bad = good.clone();
        bad.insert("_id", doc! { "stream_id": uuid(stream_id.0), "first_version": 1_i64 });
        bad.insert(name, value);
        commits.insert_one(bad).bypass_document_validation(true).await.expect("inserts");
        match store.last_commit(stream_id).await {
            Err(ReadError::Corrupt { stream_id: reported, .. }) => assert_eq!(reported, stream_id, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert_eq!(store.last_commit(commit.draft.stream_id).await.expect("reads"), Some(commit));
}

#[tokio::test]
async fn integers_that_a_tool_has_made_smaller_are_still_read() {
    let on_mongodb = OnMongodb::new();
    let store = on_mongodb.open().await;
    let commit = StreamEnd::of_new_stream().push(1);
    store.append(&commit).await.expect("appends");
    let commits = on_mongodb.commits().await;
    let small = doc! { "$set": { "events.0.data.number": 1_i32, "state.data.count": 1_i32 } };
    commits.update_one(doc! {}, small).await.expect("updates");
    assert_eq!(store.last_commit(commit.draft.stream_id).await.expect("reads"), Some(commit));
}

// --- the indexes

#[tokio::test]
async fn every_read_goes_by_an_index_and_looks_at_no_more_than_it_gives() {
    let on_mongodb = OnMongodb::new();
    let store = on_mongodb.open().await;
    let (mut end, mut other) = (StreamEnd::of_new_stream(), StreamEnd::of_new_stream());
    for number in 0..100 {
        let keyed = idempotency(&format!("key {number}"));
        let commit = CommitDraft { idempotency: Some(keyed), ..end.draft(counted(3)) }.seal();
        end = StreamEnd::after(&commit);
        store.append(&commit).await.expect("appends");
        store.append(&other.push(1)).await.expect("appends");
    }
    let database = on_mongodb.database().await;
    database.run_command(doc! { "profile": 2, "filter": { "command.find": "commits" } }).await.expect("profiles");
    store.last_commit(end.stream_id).await.expect("reads").expect("a commit");
    store.commits_from(end.stream_id, 31, 10).await.expect("reads");
    store.commits_from(end.stream_id, 32, 10).await.expect("reads");
    let key = idempotency("key 50").key;
    store.commit_by_idempotency_key(end.stream_id, &key).await.expect("reads").expect("a commit");
    store.undelivered(Timestamp::now(), 10).await.expect("reads");
    database.run_command(doc! { "profile": 0 }).await.expect("stops profiling");

    let profile = database.collection::<Document>("system.profile");
    let read: Vec<Document> =
        profile.find(doc! {}).sort(doc! { "$natural": 1 }).await.expect("reads").try_collect().await.expect("reads");
    let plans: Vec<(&str, i32, i32)> = read
        .iter()
        .map(|read| {
            let number = |name| read.get_i32(name).expect("a number");
            (read.get_str("planSummary").expect("a plan"), number("docsExamined"), number("nreturned"))
        })
        .collect();
    let by_id = "IXSCAN { _id: 1 }";
    assert_eq!(
        plans,
        [
            (by_id, 1, 1),
            (by_id, 10, 10),
            // From within a commit, the later commits are read first, then the commit itself.
            (by_id, 10, 10),
            (by_id, 1, 1),
            ("IXSCAN { _id.stream_id: 1, idempotency.key: 1 }", 1, 1),
            ("IXSCAN { occurred_at_us: 1, _id.first_version: 1 }", 10, 10),
        ]
    );
    // A separate sort would have to read all documents before it gives the first.
    assert!(read.iter().all(|read| !read.contains_key("hasSortStage")));
}

#[tokio::test]
async fn preparing_again_changes_nothing() {
    let on_mongodb = OnMongodb::new();
    let store = on_mongodb.open().await;
    let indexes = async || {
        let mut names = on_mongodb.commits().await.list_index_names().await.expect("reads");
        names.sort();
        names
    };
    let expected = ["_id_", "by_idempotency_key", "undelivered_by_time"];
    assert_eq!(indexes().await, expected);
    let commit = StreamEnd::of_new_stream().push(1);
    store.append(&commit).await.expect("appends");
    store.prepare().await.expect("prepares");
    assert_eq!(indexes().await, expected);
    assert_eq!(store.last_commit(commit.draft.stream_id).await.expect("reads"), Some(commit));
}

#[tokio::test]
async fn a_store_that_was_never_prepared_says_so_and_still_takes_a_version_once() {
    let on_mongodb = OnMongodb::new();
    let store = on_mongodb.open_unprepared().await;
    let end = StreamEnd::of_new_stream();
    let [one, other] = [end.draft(counted(1)).seal(), end.draft(counted(1)).seal()];
    store.append(&one).await.expect("appends");
    let result = store.append(&other).await;
    assert!(matches!(result, Err(AppendError::VersionTaken { .. })), "{result:?}");
    let result = store.ping().await;
    assert!(matches!(result, Err(ReadError::Unavailable { .. })), "{result:?}");
    store.prepare().await.expect("prepares");
    store.ping().await.expect("answers");
}

// --- the delivery marks

#[tokio::test]
async fn undelivered_commits_come_oldest_first_and_each_stream_in_its_order() {
    let on_mongodb = OnMongodb::new();
    let store = on_mongodb.open().await;
    let at = |micros| Timestamp::from_unix_micros(micros).expect("a time");
    let mut ends = [StreamEnd::of_new_stream(), StreamEnd::of_new_stream()];
    let mut commits = Vec::new();
    // The first stream has one time for three commits, and the second has times around it. They are appended in another
    // order.
    for (stream, micros) in [(1, 5), (0, 10), (0, 10), (0, 10), (1, 20)] {
        let commit = CommitDraft { occurred_at: at(micros), ..ends[stream].draft(counted(2)) }.seal();
        ends[stream] = StreamEnd::after(&commit);
        commits.push(commit);
    }
    for index in [4, 3, 1, 0, 2] {
        store.append(&commits[index]).await.expect("appends");
    }
    let undelivered = async |older_than, limit| {
        let undelivered = store.undelivered(at(older_than), limit).await.expect("reads");
        assert!(undelivered.unreadable.is_empty(), "{:?}", undelivered.unreadable);
        undelivered.commits
    };
    assert_eq!(undelivered(100, 10).await, commits);
    assert_eq!(undelivered(20, 10).await, commits[..4]);
    assert_eq!(undelivered(100, 2).await, commits[..2]);
    assert_eq!(undelivered(100, 0).await, []);
    let left = [commits[0].clone(), commits[2].clone(), commits[3].clone()];
    for _ in 0..2 {
        // A second marking has no further effect.
        for commit in [&commits[1], &commits[4]] {
            store.mark_delivered(&[commit.place()]).await.expect("marks");
        }
        // The removal of a mark does not wait for the majority, so the mark may be seen for a moment longer.
        let are_unmarked = async || (undelivered(100, 10).await == left).then_some(());
        eventually("the marks are gone", are_unmarked).await;
    }
    // A version that starts no commit marks nothing.
    store.mark_delivered(&[CommitPlace { stream_id: ends[0].stream_id, first_version: 2 }]).await.expect("is no error");
    store
        .mark_delivered(&[CommitPlace { stream_id: StreamId(Uuid::now_v7()), first_version: 1 }])
        .await
        .expect("is no error");
    assert_eq!(undelivered(100, 10).await, left);
}

#[tokio::test]
async fn a_marked_commit_that_cannot_be_read_keeps_no_other_from_being_delivered() {
    let on_mongodb = OnMongodb::new();
    let store = on_mongodb.open().await;
    let mut end = StreamEnd::of_new_stream();
    let mut commits = Vec::new();
    for _ in 0..3 {
        let commit = end.push(1);
        store.append(&commit).await.expect("appends");
        commits.push(commit);
    }
    // Another program causes the damage. The validator would stop it.
    let damage = doc! {
        "update": "commits", "bypassDocumentValidation": true,
        "updates": [{ "q": { "_id.first_version": 2_i64 }, "u": { "$set": { "hash": "none" } } }],
    };
    on_mongodb.database().await.run_command(damage).await.expect("updates");
    let undelivered = store.undelivered(Timestamp::now(), 10).await.expect("reads");
    assert_eq!(undelivered.commits, [commits[0].clone(), commits[2].clone()]);
    assert!(
        matches!(undelivered.unreadable[..], [ReadError::Corrupt { stream_id, .. }] if stream_id == end.stream_id),
        "{:?}",
        undelivered.unreadable
    );
}

// --- servers and connections that fail

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_there_is_unavailable_within_a_few_seconds() {
    // The port was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let url = format!("mongodb://127.0.0.1:{port}/nowhere?replicaSet=rs0");
    let store = MongoEventStore::connect(&url).await.expect("it connects when it must");
    assert_unavailable(&store, Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stands_still_is_unavailable_within_a_few_seconds_and_used_again_once_it_goes_on() {
    let on_mongodb = OnMongodb::new();
    on_mongodb.open().await;
    let proxy = Proxy::to(&on_mongodb.url()).await;
    let store = MongoEventStore::connect(&proxy.url(&on_mongodb.name)).await.expect("a URL");
    let mut end = StreamEnd::of_new_stream();
    store.append(&end.push(1)).await.expect("appends");

    proxy.stand_still(true);
    assert_unavailable(&store, Duration::from_secs(5)).await;
    proxy.stand_still(false);

    let recovered = async || store.append(&StreamEnd::of_new_stream().push(1)).await.ok();
    eventually("the store is used again", recovered).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_whose_answer_was_lost_is_sent_again_and_does_not_lose_against_itself() {
    let on_mongodb = OnMongodb::new();
    on_mongodb.open().await;
    let proxy = Proxy::to(&on_mongodb.url()).await;
    let store = MongoEventStore::connect(&proxy.url(&on_mongodb.name)).await.expect("a URL");
    let mut end = StreamEnd::of_new_stream();
    let mut commits: Vec<Commit> = vec![end.push(1)];
    store.append(&commits[0]).await.expect("appends");
    for number in 1..=5 {
        proxy.lose_next_answer_to_an_insert();
        let draft = CommitDraft { idempotency: Some(idempotency(&format!("key {number}"))), ..end.draft(counted(2)) };
        let commit = draft.seal();
        end = StreamEnd::after(&commit);
        store.append(&commit).await.expect("the server knows it again");
        commits.push(commit);
        assert_eq!(proxy.lost_answers(), number);
    }
    assert_eq!(store.commits_from(end.stream_id, 1, 100).await.expect("reads"), commits);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_together_whose_answer_was_lost_are_stored_once_and_do_not_lose_against_themselves() {
    let on_mongodb = OnMongodb::new();
    on_mongodb.open().await;
    let proxy = Proxy::to(&on_mongodb.url()).await;
    let store = MongoEventStore::connect(&proxy.url(&on_mongodb.name)).await.expect("a URL");
    let mut ends = [StreamEnd::of_new_stream(), StreamEnd::of_new_stream(), StreamEnd::of_new_stream()];
    store.append_together(&ends.each_mut().map(|end| end.push(1))).await.expect("appends");
    for number in 1..=6 {
        // The answer to the inserts is lost, and the transaction is tried again. Or the answer to its commit is lost, and the
        // server knows the commit again.
        if number % 2 == 0 {
            proxy.lose_next_answer_to_an_insert()
        } else {
            proxy.lose_next_answer_to_a_commit()
        }
        let commits = ends.each_mut().map(|end| end.push(2));
        store.append_together(&commits).await.expect("the server knows it again");
        assert_eq!(proxy.lost_answers(), number);
        for commit in &commits {
            let last = store.last_commit(commit.draft.stream_id).await.expect("reads");
            assert_eq!(last.as_ref(), Some(commit));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_together_on_a_server_that_stands_still_are_unavailable_in_time() {
    let on_mongodb = OnMongodb::new();
    on_mongodb.open().await;
    let proxy = Proxy::to(&on_mongodb.url()).await;
    let store = MongoEventStore::connect(&proxy.url(&on_mongodb.name)).await.expect("a URL");
    let mut ends = [StreamEnd::of_new_stream(), StreamEnd::of_new_stream()];
    store.append_together(&ends.each_mut().map(|end| end.push(1))).await.expect("appends");
    proxy.stand_still(true);
    let asked_at = Instant::now();
    let commits = ends.each_mut().map(|end| end.push(1));
    let result = store.append_together(&commits).await;
    assert!(matches!(result, Err(AppendError::Unavailable { .. })), "{result:?}");
    assert!(asked_at.elapsed() < Duration::from_secs(6), "{:?}", asked_at.elapsed());
    proxy.stand_still(false);
    // The transaction may still come to its end, between the two reads too. In the end both commits are there, or none.
    let are_all_or_none = async || {
        let mut stored = Vec::new();
        for commit in &commits {
            let last = store.last_commit(commit.draft.stream_id).await.ok()?;
            stored.push(last.as_ref() == Some(commit));
        }
        (stored[0] == stored[1]).then_some(())
    };
    eventually("both commits are stored or none", are_all_or_none).await;
}

#[tokio::test]
async fn a_url_without_a_database_is_refused() {
    let result = MongoEventStore::connect("mongodb://127.0.0.1:27017/?replicaSet=rs0").await;
    assert!(matches!(result, Err(ConnectError::NoDatabase { .. })), "{result:?}");
    let result = MongoEventStore::connect("mongodb://").await;
    assert!(matches!(result, Err(ConnectError::Url { .. })), "{result:?}");
}

async fn assert_unavailable(store: &MongoEventStore, at_most: Duration) {
    let commit = StreamEnd::of_new_stream().push(1);
    let asked_at = Instant::now();
    let (appended, last, pinged) =
        tokio::join!(store.append(&commit), store.last_commit(commit.draft.stream_id), store.ping());
    assert!(asked_at.elapsed() < at_most, "{:?}", asked_at.elapsed());
    assert!(matches!(appended, Err(AppendError::Unavailable { .. })), "{appended:?}");
    assert!(matches!(last, Err(ReadError::Unavailable { .. })), "{last:?}");
    assert!(matches!(pinged, Err(ReadError::Unavailable { .. })), "{pinged:?}");
}

/// The document as a shell reads it, without serde: serde takes a member named `$oid` for an object id.
async fn raw_document(commits: &Collection<Document>, filter: Document) -> Document {
    let commits = commits.clone_with_type::<mongodb::bson::RawDocumentBuf>();
    let raw = commits.find_one(filter).await.expect("reads").expect("a document");
    Document::try_from(&raw).expect("BSON")
}

fn uuid(uuid: Uuid) -> Binary {
    Binary { subtype: BinarySubtype::Uuid, bytes: uuid.as_bytes().to_vec() }
}

// --- documents that are not commits, in a scan

#[tokio::test]
async fn given_documents_with_no_place_or_unreadable_then_the_scan_names_each_and_gives_the_others() {
    let on_mongodb = OnMongodb::new();
    let store = on_mongodb.open().await;
    let mut end = StreamEnd::of_new_stream();
    for _ in 0..3 {
        store.append(&end.push(1)).await.expect("appends");
    }
    let commits = on_mongodb.commits().await;
    let stream_id = uuid(end.stream_id.0);
    let strays = [
        doc! { "_id": "a text" },
        doc! { "_id": { "stream_id": "a text", "first_version": 1_i64 } },
        doc! { "_id": { "stream_id": stream_id.clone(), "first_version": "a text" } },
        doc! { "_id": { "stream_id": stream_id.clone(), "first_version": 0_i64 } },
        doc! { "_id": { "stream_id": stream_id.clone() } },
    ];
    let twin = doc! { "_id": { "stream_id": stream_id.clone(), "first_version": 2_i64, "more": 1 } };
    for stray in strays.iter().chain([&twin]) {
        commits.insert_one(stray).bypass_document_validation(true).await.expect("inserts");
    }
    let second = doc! { "_id.stream_id": stream_id, "_id.first_version": 3_i64 };
    let damage = doc! { "$set": { "hash": 7 } };
    commits.update_one(second, damage).bypass_document_validation(true).await.expect("updates");

    assert_eq!(store.misplaced(100).await.expect("looks").len(), strays.len() + 1);
    assert_eq!(store.misplaced(2).await.expect("looks").len(), 2);
    let mut found = Vec::new();
    loop {
        let after = found.last().map(|found: &cqrs::ScannedCommit| found.place);
        let page = store.scan(StreamRange::default(), after, 1).await.expect("scans");
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    let found: Vec<(u64, bool)> = found.iter().map(|found| (found.place.first_version, found.commit.is_ok())).collect();
    assert_eq!(found, [(1, true), (2, true), (3, false)]);
    assert_eq!(store.size().await.expect("counts").commits, 3 + strays.len() as u64 + 1);
}
