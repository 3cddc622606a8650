//! The relay on MongoDB's real marks, with a bus that can refuse commits for the test.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bank::{AccountId, AccountKind, Actor, Money, OpenAccount, TransferFunds, TransferId};
use cqrs::{
    CommandContext, CommandEnvelope, CommandHandler as _, Commit, CommitDraft, DeliveryMarks as _, EventPublisher,
    EventSourcingHandler, EventStoreRepository as _, JointEventSourcingHandler, OpenedCommit, OpeningPublisher,
    PublishError, StreamId, Timestamp,
};
use event_relay::{EventRelay, RelayLimits, RelayReport};
use mongo_stores::MongoEventStore;
use mongodb::bson::doc;
use open_account::OpenAccountHandler;
use personal_data::StreamKeys;
use serde_json::{Value, json};
use transfer_funds::TransferFundsHandler;

use crate::contract::{OnMongodb, PersonalDataUnderTest, StreamEnd, counted, sealed};

const A_MINUTE: Duration = Duration::from_secs(60);

/// Limits under which the relay does not wait for a commit to be old enough.
fn at_once() -> RelayLimits {
    RelayLimits { min_age: Duration::ZERO, reserve: Duration::ZERO, ..RelayLimits::default() }
}

/// A bus that takes every commit except those that the test names. It remembers the taken commits in order.
#[derive(Default)]
struct Bus {
    taken: Mutex<Vec<(StreamId, u64)>>,
    refused: Mutex<HashSet<(StreamId, u64)>>,
    takes: Duration,
}

impl Bus {
    fn refuse(&self, commit: &Commit) {
        self.refused.lock().expect("no panic").insert(key(commit));
    }

    fn refuse_nothing(&self) {
        self.refused.lock().expect("no panic").clear();
    }

    fn taken(&self) -> Vec<(StreamId, u64)> {
        self.taken.lock().expect("no panic").clone()
    }
}

#[async_trait]
impl EventPublisher for Bus {
    async fn publish(&self, commit: &OpenedCommit) -> Result<(), PublishError> {
        tokio::time::sleep(self.takes).await;
        let key = key(commit.commit());
        if self.refused.lock().expect("no panic").contains(&key) {
            return Err(PublishError { source: "refused by the test".into() });
        }
        self.taken.lock().expect("no panic").push(key);
        Ok(())
    }
}

/// The bus behind what opens personal data. The commits of most tests have none.
async fn opening(bus: &Arc<Bus>, on_mongodb: &OnMongodb) -> OpeningPublisher {
    let keys = PersonalDataUnderTest::keys(on_mongodb).await;
    OpeningPublisher::new(bus.clone(), Arc::new(StreamKeys::new(keys, on_mongodb.protection())))
}

fn key(commit: &Commit) -> (StreamId, u64) {
    (commit.draft.stream_id, commit.draft.first_version)
}

/// Stores commits of some streams in this order: a round has one commit of each stream.
async fn store_rounds(store: &MongoEventStore, streams: usize, rounds: usize) -> Vec<Commit> {
    let mut ends: Vec<StreamEnd> = (0..streams).map(|_| StreamEnd::of_new_stream()).collect();
    let mut commits = Vec::new();
    for _ in 0..rounds {
        for end in &mut ends {
            let commit = end.push(2);
            store.append(&commit).await.expect("appends");
            commits.push(commit);
        }
    }
    commits
}

async fn marked(store: &MongoEventStore) -> usize {
    store.undelivered(Timestamp::now(), 10_000).await.expect("reads").commits.len()
}

/// The first versions of each stream's commits, in the order in which the bus took them.
fn by_stream(taken: &[(StreamId, u64)]) -> BTreeMap<StreamId, Vec<u64>> {
    let mut by_stream: BTreeMap<StreamId, Vec<u64>> = BTreeMap::new();
    for (stream_id, first_version) in taken {
        by_stream.entry(*stream_id).or_default().push(*first_version);
    }
    by_stream
}

#[tokio::test]
async fn everything_marked_is_published_each_stream_in_its_order_and_once() {
    let on_mongodb = OnMongodb::new();
    let store = Arc::new(on_mongodb.open().await);
    store_rounds(&store, 7, 5).await;
    let bus = Arc::new(Bus::default());
    // The pages are smaller than the number of commits.
    let relay = EventRelay::with_limits(
        store.clone(),
        opening(&bus, &on_mongodb).await,
        RelayLimits { page_commits: 10, ..at_once() },
    );
    let report = relay.run(A_MINUTE).await.expect("runs");
    assert_eq!(report, RelayReport { delivered: 35, ..RelayReport::default() });
    let taken = by_stream(&bus.taken());
    assert_eq!(taken.len(), 7);
    assert!(taken.values().all(|versions| *versions == [1, 3, 5, 7, 9]), "{taken:?}");
    crate::harness::eventually("the marks are gone", async || (marked(&store).await == 0).then_some(())).await;
    assert_eq!(relay.run(A_MINUTE).await.expect("runs"), RelayReport::default());
}

/// A bus that is away, as for a command whose process dies between its commit and the bus.
struct NoBus;

#[async_trait]
impl EventPublisher for NoBus {
    async fn publish(&self, _: &OpenedCommit) -> Result<(), PublishError> {
        Err(PublishError { source: "the process died".into() })
    }
}

#[tokio::test]
async fn a_transfer_that_was_stored_and_never_published_is_delivered_whole() {
    let on_mongodb = OnMongodb::new();
    let store = Arc::new(on_mongodb.open().await);
    let actor = Actor { caller: "ann".to_owned(), is_teller: false };
    let context = || CommandContext {
        caller: "ann".to_owned(),
        correlation_id: "a request".to_owned(),
        causation_id: "a request".to_owned(),
        idempotency: None,
        expected_version: None,
        issued_at: Timestamp::now(),
    };
    let keys = PersonalDataUnderTest::keys(&on_mongodb).await;
    let accounts = EventSourcingHandler::new(store.clone(), Arc::new(NoBus))
        .with_personal_data(Arc::new(StreamKeys::new(keys, on_mongodb.protection())));
    let open_account = OpenAccountHandler::new(accounts);
    let (from, to) = (AccountId::generate(), AccountId::generate());
    for account_id in [from, to] {
        let command = OpenAccount {
            actor: actor.clone(),
            account_id,
            holder: "Ann Lee".parse().expect("a holder"),
            kind: AccountKind::Checking,
            opening_balance: Money::new(500, "EUR".parse().expect("a code")).expect("within the limit"),
        };
        open_account.handle(&CommandEnvelope { command, context: context() }).await.expect("opens");
    }
    let transfer_id = TransferId::generate();
    let amount = "5".parse().expect("an amount");
    let command = TransferFunds { actor, transfer_id, from, to, amount, reference: None };
    let transfer_funds = TransferFundsHandler::new(JointEventSourcingHandler::new(EventSourcingHandler::new(
        store.clone(),
        Arc::new(NoBus),
    )));
    let envelope = CommandEnvelope { command, context: context() };
    // The command has succeeded, because its commits are durable.
    let outcome = transfer_funds.handle(&envelope).await.expect("moves the money");
    assert_eq!((outcome.transfer.version, outcome.payer.version), (1, 2));
    assert_eq!(marked(&store).await, 5);

    let bus = Arc::new(Bus::default());
    let relay = EventRelay::with_limits(store.clone(), opening(&bus, &on_mongodb).await, at_once());
    assert_eq!(relay.run(A_MINUTE).await.expect("runs"), RelayReport { delivered: 5, ..RelayReport::default() });
    let taken = by_stream(&bus.taken());
    assert_eq!(taken[&StreamId(transfer_id.as_uuid())], [1]);
    for account_id in [from, to] {
        assert_eq!(taken[&StreamId(account_id.as_uuid())], [1, 2]);
    }
}

#[tokio::test]
async fn a_commit_that_its_command_is_about_to_publish_is_left_to_it() {
    let on_mongodb = OnMongodb::new();
    let store = Arc::new(on_mongodb.open().await);
    for _ in 0..3 {
        let end = StreamEnd::of_new_stream();
        let commit = CommitDraft { occurred_at: Timestamp::now(), ..end.draft(counted(1)) }.seal();
        store.append(&commit).await.expect("appends");
    }
    let bus = Arc::new(Bus::default());
    let relay = EventRelay::new(store.clone(), opening(&bus, &on_mongodb).await);
    assert_eq!(relay.run(A_MINUTE).await.expect("runs"), RelayReport::default());
    assert_eq!((bus.taken(), marked(&store).await), (vec![], 3));
}

#[tokio::test]
async fn what_the_bus_refuses_holds_up_its_own_stream_and_no_other() {
    let on_mongodb = OnMongodb::new();
    let store = Arc::new(on_mongodb.open().await);
    let commits = store_rounds(&store, 4, 6).await;
    let bus = Arc::new(Bus::default());
    // The bus refuses the second commit of the first stream. The commits behind it must not overtake it, on whatever
    // page they are.
    bus.refuse(&commits[4]);
    let relay = EventRelay::with_limits(
        store.clone(),
        opening(&bus, &on_mongodb).await,
        RelayLimits { page_commits: 8, ..at_once() },
    );
    let report = relay.run(A_MINUTE).await.expect("runs");
    assert_eq!((report.delivered, report.failed), (3 * 6 + 1, 1));
    assert_eq!(by_stream(&bus.taken())[&commits[0].draft.stream_id], [1]);
    // A mark that has been taken away may be visible for a moment longer.
    crate::harness::eventually("five are left", async || (marked(&store).await == 5).then_some(())).await;
    bus.refuse_nothing();
    assert_eq!(relay.run(A_MINUTE).await.expect("runs").delivered, 5);
    assert_eq!(by_stream(&bus.taken())[&commits[0].draft.stream_id], [1, 3, 5, 7, 9, 11]);
}

#[tokio::test]
async fn a_bus_that_takes_nothing_ends_the_run_and_loses_nothing() {
    let on_mongodb = OnMongodb::new();
    let store = Arc::new(on_mongodb.open().await);
    let commits = store_rounds(&store, 30, 1).await;
    let bus = Arc::new(Bus::default());
    commits.iter().for_each(|commit| bus.refuse(commit));
    let relay = EventRelay::with_limits(
        store.clone(),
        opening(&bus, &on_mongodb).await,
        RelayLimits { page_commits: 10, ..at_once() },
    );
    let report = relay.run(A_MINUTE).await.expect("runs");
    assert_eq!((report.delivered, report.failed), (0, 10), "one page shows that nothing moves");
    bus.refuse_nothing();
    assert_eq!(relay.run(A_MINUTE).await.expect("runs").delivered, 30);
}

/// Stores a commit of a stream of its own with an age of so many seconds.
async fn store_of(age_s: i64, store: &MongoEventStore) -> Commit {
    let stored_at = Timestamp::from_unix_micros(Timestamp::now().unix_micros() - age_s * 1_000_000).expect("a time");
    let draft = CommitDraft { occurred_at: stored_at, ..StreamEnd::of_new_stream().draft(counted(1)) };
    let commit = draft.seal();
    store.append(&commit).await.expect("appends");
    commit
}

#[tokio::test]
async fn a_run_says_for_how_long_the_oldest_has_waited_that_is_marked_still() {
    let on_mongodb = OnMongodb::new();
    let store = Arc::new(on_mongodb.open().await);
    let (old, _, older) = (store_of(1_000, &store).await, store_of(500, &store).await, store_of(2_000, &store).await);
    let bus = Arc::new(Bus::default());
    // Each commit is then on a page of its own.
    let one_a_page = RelayLimits { page_commits: 1, ..at_once() };
    let relay = EventRelay::with_limits(store.clone(), opening(&bus, &on_mongodb).await, one_a_page);
    let waited = async |time_left: Duration| relay.run(time_left).await.expect("runs").oldest_marked_s;
    let without_time = waited(Duration::ZERO).await;
    assert!((2_000..2_100).contains(&without_time), "{without_time}");
    bus.refuse(&older);
    let with_it_in_the_way = waited(A_MINUTE).await;
    assert!((2_000..2_100).contains(&with_it_in_the_way), "{with_it_in_the_way}");

    bus.refuse_nothing();
    bus.refuse(&old);
    let relay = EventRelay::with_limits(store.clone(), opening(&bus, &on_mongodb).await, at_once());
    let report = relay.run(A_MINUTE).await.expect("runs");
    assert!(report.delivered == 2 && (1_000..1_100).contains(&report.oldest_marked_s), "{report:?}");
    bus.refuse_nothing();
    // Marks that vanish at this moment are seen and delivered once more. They do not count as waiting.
    let report = relay.run(A_MINUTE).await.expect("runs");
    assert!(report.delivered >= 1 && report.oldest_marked_s == 0, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_relays_at_once_deliver_everything_and_harm_nothing() {
    let on_mongodb = OnMongodb::new();
    let store = Arc::new(on_mongodb.open().await);
    let commits = store_rounds(&store, 20, 4).await;
    let bus = Arc::new(Bus::default());
    let limits = RelayLimits { page_commits: 15, ..at_once() };
    let relay = async || EventRelay::with_limits(store.clone(), opening(&bus, &on_mongodb).await, limits);
    let (one, other) = (relay().await, relay().await);
    let (one, other) = tokio::join!(one.run(A_MINUTE), other.run(A_MINUTE));
    one.expect("runs");
    other.expect("runs");
    let taken: HashSet<_> = bus.taken().into_iter().collect();
    assert_eq!(taken, commits.iter().map(key).collect());
    crate::harness::eventually("the marks are gone", async || (marked(&store).await == 0).then_some(())).await;
}

#[tokio::test]
async fn a_run_ends_with_its_time_and_the_next_one_goes_on() {
    let on_mongodb = OnMongodb::new();
    let store = Arc::new(on_mongodb.open().await);
    store_rounds(&store, 2, 40).await;
    let bus = Arc::new(Bus { takes: Duration::from_millis(20), ..Bus::default() });
    let relay = EventRelay::with_limits(store.clone(), opening(&bus, &on_mongodb).await, at_once());
    let report = relay.run(Duration::from_millis(200)).await.expect("runs");
    assert!(report.is_cut_short && (1..80).contains(&report.delivered), "{report:?}");
    let rest = relay.run(A_MINUTE).await.expect("runs");
    assert!(!rest.is_cut_short && rest.delivered >= 80 - report.delivered, "{rest:?}");
    let taken: HashSet<_> = bus.taken().into_iter().collect();
    assert_eq!(taken.len(), 80);
}

#[tokio::test]
async fn a_marked_document_that_is_no_commit_is_counted_and_holds_up_nothing() {
    let on_mongodb = OnMongodb::new();
    let store = Arc::new(on_mongodb.open().await);
    store_rounds(&store, 3, 2).await;
    let damage = doc! {
        "update": "commits", "bypassDocumentValidation": true,
        "updates": [{ "q": {}, "u": { "$set": { "hash": "none" } } }],
    };
    on_mongodb.database().await.run_command(damage).await.expect("updates");
    let bus = Arc::new(Bus::default());
    let relay = EventRelay::with_limits(store.clone(), opening(&bus, &on_mongodb).await, at_once());
    let report = relay.run(A_MINUTE).await.expect("runs");
    assert_eq!((report.delivered, report.unreadable), (5, 1), "{report:?}");
}

/// A bus that remembers the names that it could read.
#[derive(Default)]
struct Readers {
    names: Mutex<Vec<Value>>,
}

#[async_trait]
impl EventPublisher for Readers {
    async fn publish(&self, commit: &OpenedCommit) -> Result<(), PublishError> {
        self.names.lock().expect("no panic").extend(commit.envelopes().map(|event| event.data["name"].clone()));
        Ok(())
    }
}

#[tokio::test]
async fn names_are_published_open_once_they_are_erased_as_none_and_never_because_a_key_could_not_be_had() {
    let on_mongodb = OnMongodb::new();
    let store = Arc::new(on_mongodb.open().await);
    let keys = PersonalDataUnderTest::keys(&on_mongodb).await;
    let personal_data = Arc::new(StreamKeys::new(keys.clone(), on_mongodb.protection()));
    let readers = Arc::new(Readers::default());
    let run = async || {
        let bus = OpeningPublisher::new(readers.clone(), personal_data.clone());
        EventRelay::with_limits(store.clone(), bus, at_once()).run(A_MINUTE).await.expect("runs")
    };
    for is_erased in [false, true] {
        let commit = sealed(&*personal_data).await;
        store.append(&commit).await.expect("appends");
        if is_erased {
            keys.destroy(commit.draft.stream_id).await.expect("destroys");
        }
        let report = run().await;
        assert_eq!((report.failed, report.delivered), (0, 1));
        let expected = if is_erased { Value::Null } else { json!(crate::contract::SEALED_NAME) };
        assert_eq!(std::mem::take(&mut *readers.names.lock().expect("no panic")), [expected, Value::Null]);
    }
    // The key is lost, or its store cannot be reached.
    let mut commit = sealed(&*personal_data).await;
    commit.draft.stream_id = StreamEnd::of_new_stream().stream_id;
    store.append(&commit.draft.seal()).await.expect("appends");
    let report = run().await;
    assert_eq!((report.failed, report.delivered), (1, 0));
    assert_eq!(marked(&store).await, 1);
}
