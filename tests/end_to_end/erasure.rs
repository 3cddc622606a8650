use std::path::Path;
use std::sync::Arc;

use cqrs::{Commit, CommitDraft, EventStoreRepository, RecordedEvent, RecordedState, StreamId, Timestamp};
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use personal_data::KeyStore;
use serde_json::{Value, json};
use sqlite_embedded::{SqliteEventStore, SqliteKeyStore};
use uuid::Uuid;

use crate::harness::{Answer, Client, Server, TokenIssuer, eventually, is_on_servers, key_set};

const NAME: &str = "Zwetlana Quastenberg-Oyelaran";
/// A valid id of an account that no one has opened.
const UNKNOWN_ID: &str = "019cadd4-c179-752e-9a6a-3a456513270e";

fn opening(holder: &str) -> Value {
    json!({"holder": holder, "kind": "savings", "currency": "EUR", "opening_balance": "10"})
}

async fn open(client: &Client, holder: &str) -> String {
    client.post("/accounts", &opening(holder)).await.expect(201).text("account_id").to_owned()
}

pub async fn erase(client: &Client, account_id: &str) -> Answer {
    erase_with(client, account_id, &[]).await
}

async fn erase_with(client: &Client, account_id: &str, headers: &[(&str, &str)]) -> Answer {
    let request = client.request(Method::POST, &format!("/admin/accounts/{account_id}/erase"));
    client.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

async fn holder_at(client: &Client, account_id: &str, version: u64) -> Value {
    client.get_at(&format!("/accounts/{account_id}"), version).await.expect(200).body["holder"].clone()
}

async fn events(client: &Client, account_id: &str) -> Vec<Value> {
    let page = client.get(&format!("/accounts/{account_id}/events")).await;
    page.expect(200).body["events"].as_array().expect("events").clone()
}

/// As of when its first event happened.
async fn holder_when_opened(client: &Client, account_id: &str) -> Value {
    let opened = &events(client, account_id).await[0];
    let time = opened["occurred_at"].as_str().expect("a time");
    client.get(&format!("/accounts/{account_id}/as-of/{time}")).await.expect(200).body["holder"].clone()
}

async fn ids_of_holder(client: &Client, holder: &str) -> Vec<Value> {
    let page = client.get(&format!("/accounts?holder={}", utf8_percent_encode(holder, NON_ALPHANUMERIC))).await;
    let accounts = page.expect(200).body["accounts"].as_array().expect("accounts").clone();
    accounts.into_iter().map(|account| account["account_id"].clone()).collect()
}

fn stream(account_id: &str) -> StreamId {
    StreamId(account_id.parse().expect("a UUID"))
}

/// The server's own stores, as one more process opens them.
pub struct Stores {
    event_store: Arc<dyn EventStoreRepository>,
    keys: Arc<dyn KeyStore>,
}

impl Stores {
    pub async fn of(server: &Server) -> Self {
        #[cfg(feature = "services")]
        if let Some(url) = event_store_url(server) {
            let event_store = mongo_stores::MongoEventStore::connect(&url).await.expect("a URL");
            let keys = mongo_stores::MongoKeyStore::connect_beside(&url).await.expect("a URL");
            return Self { event_store: Arc::new(event_store), keys: Arc::new(keys) };
        }
        let event_store = SqliteEventStore::open(&server.home().join("events.db")).await.expect("opens");
        let keys = SqliteKeyStore::open(&server.home().join("keys.db")).await.expect("opens");
        Self { event_store: Arc::new(event_store), keys: Arc::new(keys) }
    }

    /// As far as an erasure comes that is killed before its event.
    pub async fn destroy_key(&self, account_id: &str) {
        self.keys.destroy(stream(account_id)).await.expect("destroys");
    }

    async fn commits(&self, account_id: &str) -> Vec<Commit> {
        self.event_store.commits_from(stream(account_id), 1, 100).await.expect("reads")
    }
}

#[cfg(feature = "services")]
fn event_store_url(server: &Server) -> Option<String> {
    server.data_environment().into_iter().find_map(|(name, value)| (name == "EVENT_STORE_URL").then_some(value))
}

/// Every byte of the event store that could hold a name: of its files, or of all of its documents.
async fn stored_bytes(server: &Server) -> Vec<u8> {
    #[cfg(feature = "services")]
    if let Some(url) = event_store_url(server) {
        use futures::TryStreamExt as _;
        let client = mongodb::Client::with_uri_str(url).await.expect("a URL");
        let commits =
            client.default_database().expect("a database").collection::<mongodb::bson::RawDocumentBuf>("commits");
        let documents: Vec<_> =
            commits.find(mongodb::bson::doc! {}).await.expect("finds").try_collect().await.expect("reads");
        return documents.iter().flat_map(|document| document.as_bytes().to_vec()).collect();
    }
    ["events.db", "events.db-wal"].iter().flat_map(|file| read(&server.home().join(file))).collect()
}

fn read(file: &Path) -> Vec<u8> {
    std::fs::read(file).unwrap_or_default()
}

fn is_in(text: &str, bytes: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erased_name_is_read_nowhere_any_more_and_everything_else_stays() {
    let server = Server::start();
    let client = server.client();
    let (account_id, other_id) = (open(&client, NAME).await, open(&client, "Ann Lee").await);
    client.deposit(&account_id, "5").await.expect(200);
    assert_eq!(holder_at(&client, &account_id, 2).await, json!(NAME));
    assert_eq!(ids_of_holder(&client, NAME).await, [json!(account_id)]);
    let before = events(&client, &account_id).await;
    assert_eq!(before[0]["data"]["holder"], json!(NAME));
    assert_eq!(holder_when_opened(&client, &account_id).await, json!(NAME));
    // The names are not even now in the event store; what was paid is.
    let stored = stored_bytes(&server).await;
    assert!(is_in("FundsDeposited", &stored));
    assert!(!is_in(NAME, &stored) && !is_in("Ann Lee", &stored));

    let erased = erase(&client, &account_id).await;
    let expected = json!({
        "account_id": account_id, "version": 3, "balance": "15.00", "currency": "EUR", "status": "active",
    });
    assert_eq!((&erased.expect(200).body, erased.header("etag")), (&expected, Some("\"3\"")));
    let account = client.get_at(&format!("/accounts/{account_id}"), 3).await;
    assert_eq!((account.text("holder"), account.text("balance"), account.version()), ("[erased]", "15.00", 3));
    assert_eq!(ids_of_holder(&client, NAME).await, Vec::<Value>::new());
    let after = events(&client, &account_id).await;
    assert_eq!(after[0]["data"]["holder"], json!("[erased]"));
    assert_eq!(holder_when_opened(&client, &account_id).await, json!("[erased]"));
    assert_eq!(after[1..2], before[1..2]);
    assert_eq!((&after[2]["type"], &after[2]["data"]), (&json!("AccountHolderErased"), &json!({})));
    let statement = client.get(&format!("/accounts/{account_id}/transactions")).await;
    let lines = statement.expect(200).body["transactions"].as_array().expect("lines").len();
    assert_eq!(lines, 2, "an erasure moves no money");

    // The account is used as ever, and can be closed; others' names are untouched.
    client.withdraw(&account_id, "15").await.expect(200);
    client.close(&account_id).await.expect(200);
    assert_eq!(holder_at(&client, &account_id, 5).await, json!("[erased]"));
    assert_eq!(holder_at(&client, &other_id, 1).await, json!("Ann Lee"));
    for commit in Stores::of(&server).await.commits(&account_id).await {
        assert_eq!(commit.draft.hash(), commit.hash);
    }
    assert!(!is_in(NAME, &server.log().into_bytes()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_account_can_be_erased_and_erasing_again_changes_nothing_and_answers_the_same() {
    let server = Server::start();
    let client = server.client();
    let account_id = open(&client, NAME).await;
    client.withdraw(&account_id, "10").await.expect(200);
    client.close(&account_id).await.expect(200);
    let first = erase_with(&client, &account_id, &[("Idempotency-Key", "erase")]).await;
    assert_eq!((first.expect(200).version(), first.text("status")), (4, "closed"));
    let again = erase(&client, &account_id).await;
    assert_eq!((&again.expect(200).body, again.header("idempotency-replayed")), (&first.body, None));
    let replayed = erase_with(&client, &account_id, &[("Idempotency-Key", "erase")]).await;
    assert_eq!((&replayed.expect(200).body, replayed.header("idempotency-replayed")), (&first.body, Some("true")));
    let empty = client.post(&format!("/admin/accounts/{account_id}/erase"), &json!({})).await;
    assert_eq!(&empty.expect(200).body, &first.body);
    assert_eq!(holder_at(&client, &account_id, 4).await, json!("[erased]"));
    assert_eq!(events(&client, &account_id).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_erasure_erases_nothing() {
    let keys = key_set(&[&TokenIssuer::ed25519("first", 1)]);
    let server = Server::start_with(&[("PASSBOOK_JWKS", &keys)]);
    let caller = |subject: &str, scopes: &str| {
        server.client().with_token(&TokenIssuer::ed25519("first", 1).token(subject, scopes))
    };
    let owner = caller("ann", "accounts:read accounts:write teller");
    let officer = caller("officer", "admin");
    let account_id = open(&owner, NAME).await;
    owner.deposit(&account_id, "1").await.expect(200);

    erase(&owner, &account_id).await.expect_problem(403, "forbidden");
    erase(&server.client(), &account_id).await.expect_problem(401, "unauthenticated");
    erase(&officer, UNKNOWN_ID).await.expect_problem(404, "account_not_found");
    erase(&officer, "no-id").await.expect_problem(404, "account_not_found");
    erase_with(&officer, &account_id, &[("If-Match", "\"1\"")]).await.expect_problem(412, "version_mismatch");
    let body = json!({"reason": "asked for"});
    let answer = officer.post(&format!("/admin/accounts/{account_id}/erase"), &body).await;
    answer.expect_problem(400, "malformed_request");
    assert_eq!(holder_at(&owner, &account_id, 2).await, json!(NAME));
    assert_eq!(events(&owner, &account_id).await[0]["data"]["holder"], json!(NAME));
    let stored = Stores::of(&server).await.keys.get_many(&[stream(UNKNOWN_ID)]).await.expect("reads");
    assert!(stored.is_empty(), "a mark was left for an account that is not there");

    // The account is another caller's, and the officer may do nothing else with it.
    erase_with(&officer, &account_id, &[("If-Match", "\"2\"")]).await.expect(200);
    assert_eq!(holder_at(&owner, &account_id, 3).await, json!("[erased]"));
    officer.get(&format!("/accounts/{account_id}")).await.expect_problem(403, "forbidden");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destroyed_key_does_not_come_back_when_the_opening_is_sent_again() {
    let server = Server::start();
    let client = server.client();
    let first = client.post_with_key("/accounts", &opening(NAME), "opening").await;
    let account_id = first.expect(201).text("account_id").to_owned();
    let reused = client.post_with_key("/accounts", &opening("Ann Lee"), "opening").await;
    reused.expect_problem(422, "idempotency_key_reused");
    erase(&client, &account_id).await.expect(200);
    for holder in [NAME, "Ann Lee"] {
        let again = client.post_with_key("/accounts", &opening(holder), "opening").await;
        assert_eq!((again.status.as_u16(), &again.body), (201, &first.body), "{holder}");
        assert_eq!(again.header("idempotency-replayed"), Some("true"), "{holder}");
    }
    assert_eq!(holder_at(&client, &account_id, 2).await, json!("[erased]"));
    assert_eq!(events(&client, &account_id).await[0]["data"]["holder"], json!("[erased]"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_are_built_anew_honour_an_erasure() {
    let mut server = Server::start();
    let client = server.client();
    let (erased, kept) = (open(&client, NAME).await, open(&client, "Ann Lee").await);
    client.deposit(&erased, "5").await.expect(200);
    erase(&client, &erased).await.expect(200);
    let mut rows = Vec::new();
    for (account_id, version) in [(&erased, 3), (&kept, 1)] {
        rows.push(client.get_at(&format!("/accounts/{account_id}"), version).await.expect(200).body.clone());
    }
    server.kill();
    server.throw_read_db_away();
    let server = server.kill_and_restart();
    let client = server.client();
    for (account_id, row) in [&erased, &kept].into_iter().zip(rows) {
        let version = row["version"].as_u64().expect("a version");
        assert_eq!(client.get_at(&format!("/accounts/{account_id}"), version).await.expect(200).body, row);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_that_died_between_key_and_event_is_finished_by_the_next_whatever_version_it_names() {
    let server = Server::start();
    let client = server.client();
    let account_id = open(&client, NAME).await;
    holder_at(&client, &account_id, 1).await;
    Stores::of(&server).await.destroy_key(&account_id).await;
    assert_eq!(events(&client, &account_id).await[0]["data"]["holder"], json!("[erased]"));
    client.deposit(&account_id, "5").await.expect(200);
    let finished = erase_with(&client, &account_id, &[("If-Match", "\"1\"")]).await;
    assert_eq!(finished.expect(200).version(), 3);
    assert_eq!(holder_at(&client, &account_id, 3).await, json!("[erased]"));
    // Once it is done, a version counts again.
    erase_with(&client, &account_id, &[("If-Match", "\"1\"")]).await.expect_problem(412, "version_mismatch");
    erase_with(&client, &account_id, &[("If-Match", "\"3\"")]).await.expect(200);
    assert_eq!(events(&client, &account_id).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_erasures_at_once_one_happens_and_all_succeed() {
    let server = Server::start();
    let client = server.client();
    let account_id = open(&client, NAME).await;
    let mut at_once = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (client, account_id) = (client.clone(), account_id.clone());
        at_once.spawn(async move { erase(&client, &account_id).await });
    }
    while let Some(answer) = at_once.join_next().await {
        assert_eq!(answer.expect("an answer").expect(200).version(), 2);
    }
    assert_eq!(events(&client, &account_id).await.len(), 2);
}

/// Embedded alone: the log of an older build is the same on the servers, and there it would have to be published too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_name_on_an_account_of_before_names_were_sealed_is_not_shown_any_more() {
    if is_on_servers() {
        return;
    }
    let server = Server::start();
    let client = server.client();
    let account_id = Uuid::now_v7().to_string();
    let caller = passbook::gateway::DEVELOPMENT_CALLER;
    let data = json!({
        "owner": caller, "holder": NAME, "kind": "savings", "currency": "EUR", "opening_balance_minor": 1_000,
    });
    let state = json!({"opened": {"owner": caller, "currency": "EUR", "balance_minor": 1_000, "status": "active"}});
    let opened = RecordedEvent {
        event_id: Uuid::now_v7(),
        event_type: "AccountOpened".to_owned(),
        schema_version: 1,
        data,
        personal: None,
    };
    let commit = CommitDraft {
        stream_id: stream(&account_id),
        aggregate_type: "account".to_owned(),
        first_version: 1,
        events: vec![opened],
        occurred_at: Timestamp::now(),
        caller: caller.to_owned(),
        correlation_id: "before".to_owned(),
        causation_id: "before".to_owned(),
        idempotency: None,
        state: RecordedState { state_version: 1, data: state },
        previous_hash: None,
    };
    let stores = Stores::of(&server).await;
    stores.event_store.append(&commit.seal()).await.expect("appends");
    eventually("its row is there", || async { Some(ids_of_holder(&client, NAME).await).filter(|ids| !ids.is_empty()) })
        .await;
    assert_eq!(events(&client, &account_id).await[0]["data"]["holder"], json!(NAME));
    assert_eq!(holder_when_opened(&client, &account_id).await, json!(NAME));
    client.deposit(&account_id, "5").await.expect(200);

    erase(&client, &account_id).await.expect(200);
    assert_eq!(holder_at(&client, &account_id, 3).await, json!("[erased]"));
    assert_eq!(events(&client, &account_id).await[0]["data"]["holder"], json!("[erased]"));
    assert_eq!(holder_when_opened(&client, &account_id).await, json!("[erased]"));
    assert_eq!(ids_of_holder(&client, NAME).await, Vec::<Value>::new());
    let commits = stores.commits(&account_id).await;
    assert_eq!(commits.len(), 3);
    for commit in commits {
        assert_eq!(commit.draft.hash(), commit.hash);
    }
}

/// Embedded alone: on the servers a publisher keeps such a commit's mark, and names it in its log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_cannot_be_opened_holds_up_its_own_account_alone_until_it_can() {
    if is_on_servers() {
        return;
    }
    let mut server = Server::start();
    let client = server.client();
    let (damaged, other) = (open(&client, NAME).await, open(&client, "Ann Lee").await);
    holder_at(&client, &other, 1).await;
    server.kill();
    let keys = sqlx::sqlite::SqliteConnectOptions::new().filename(server.home().join("keys.db"));
    let change = async |statement: &str| {
        let mut connection = sqlx::ConnectOptions::connect(&keys).await.expect("opens");
        let statement = sqlx::AssertSqlSafe(format!("{statement} WHERE stream_id = '{damaged}'"));
        sqlx::query(statement).execute(&mut connection).await.expect("runs").rows_affected()
    };
    // Too short for a key, as only somebody would do it who has taken away what forbids it.
    let trigger = "DROP TRIGGER keys_are_only_destroyed";
    let mut connection = sqlx::ConnectOptions::connect(&keys).await.expect("opens");
    sqlx::query(trigger).execute(&mut connection).await.expect("runs");
    assert_eq!(change("UPDATE keys SET key = x'0102'").await, 1);
    server.throw_read_db_away();

    let mut server = server.kill_and_restart();
    let client = server.client();
    assert_eq!(holder_at(&client, &other, 1).await, json!("Ann Lee"));
    client.deposit(&damaged, "5").await.expect(200);
    client.get(&format!("/accounts/{damaged}")).await.expect_problem(404, "account_not_found");
    client.get(&format!("/accounts/{damaged}/events")).await.expect_problem(500, "internal_error");
    server.kill();
    assert!(server.log().contains("kept as a dead letter"), "{}", server.log());
    assert!(!is_in(NAME, &read(&server.home().join("read.db"))));

    // A key that is gone for good is destroyed, and the account is there again.
    let destroy = "UPDATE keys SET key = NULL, wrapping = NULL, destroyed_at_us = 1";
    assert_eq!(change(destroy).await, 1);
    let server = server.kill_and_restart();
    assert_eq!(holder_at(&server.client(), &damaged, 2).await, json!("[erased]"));
}
