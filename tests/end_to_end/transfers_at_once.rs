//! Many transfers at once: none is lost, no client waits for ever, and no money is made or lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};

use crate::contract::Dice;
use crate::harness::{Answer, Client, Server};

const CLIENTS: u64 = 64;
const ACCOUNTS: usize = 8;
/// The opening balance of each account, in cents.
const OPENING_MINOR: i64 = 10_000;
/// How long the clients move money. `PASSBOOK_TRANSFER_SECONDS` sets another time.
const SECONDS: u64 = 4;

async fn make(client: &Client, from: &str, to: &str, amount: &str) -> Answer {
    client.post("/transfers", &json!({"from": from, "to": to, "amount": amount})).await
}

/// Sends the transfer until it is done or refused for want of money. A lost race is no answer.
async fn settle(client: &Client, from: &str, to: &str, amount: &str) -> Answer {
    loop {
        let answer = make(client, from, to, amount).await;
        match (answer.status.as_u16(), answer.code()) {
            (201, _) | (422, "insufficient_funds") => return answer,
            (409, "conflict") => {}
            other => panic!("{other:?}: {}", answer.body),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_crossing_transfers_are_both_done_a_thousand_times() {
    const TIMES: u32 = 1_000;
    let server = Server::start();
    let client = server.client();
    let (one, other) = (client.open("1000").await, client.open("1000").await);
    let alone_for = Instant::now();
    for _ in 0..TIMES / 10 {
        make(&client, &one, &other, "1").await.expect(201);
        make(&client, &other, &one, "1").await.expect(201);
    }
    let alone = alone_for.elapsed() / (2 * (TIMES / 10));
    let crossing_for = Instant::now();
    for _ in 0..TIMES {
        let (there, back) = tokio::join!(settle(&client, &one, &other, "1"), settle(&client, &other, &one, "1"));
        there.expect(201);
        back.expect(201);
    }
    let crossing = crossing_for.elapsed() / (2 * TIMES);
    println!("a transfer alone took {alone:?}, and a crossing transfer {crossing:?}");
    let version = u64::from(1 + 2 * (TIMES / 10) + 2 * TIMES);
    for account_id in [&one, &other] {
        let account = client.get_at(&format!("/accounts/{account_id}"), version).await;
        assert_eq!((account.expect(200).version(), account.text("balance")), (version, "1000.00"));
    }
    // Two crossing transfers exclude each other, so together they take as long as two in turn, and at most twice that.
    assert!(crossing <= 2 * alone, "{crossing:?} for a crossing transfer, {alone:?} for a transfer alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_clients_move_money_between_eight_accounts_and_none_is_made_or_lost() {
    let server = Server::start();
    let client = server.client();
    let mut accounts = Vec::new();
    for _ in 0..ACCOUNTS {
        accounts.push(client.open("100.00").await);
    }
    let accounts = Arc::new(accounts);
    let seconds = std::env::var("PASSBOOK_TRANSFER_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SECONDS);
    let ends_at = Instant::now() + Duration::from_secs(seconds);
    let done = Arc::new(AtomicU64::new(0));
    let clients = (0..CLIENTS).map(|number| {
        let (client, accounts, done) = (server.client(), accounts.clone(), done.clone());
        tokio::spawn(async move {
            let mut dice = Dice::seeded(number);
            let mut settled = 0_u64;
            while settled == 0 || Instant::now() < ends_at {
                let from = dice.below(ACCOUNTS);
                let to = (from + 1 + dice.below(ACCOUNTS - 1)) % ACCOUNTS;
                let amount = format!("{}.{:02}", dice.below(90), 1 + dice.below(99));
                let answer = settle(&client, &accounts[from], &accounts[to], &amount).await;
                settled += 1;
                done.fetch_add(u64::from(answer.status == 201), Ordering::SeqCst);
            }
            settled
        })
    });
    let clients = tokio::spawn(join_all(clients.collect::<Vec<_>>()));
    let sum = OPENING_MINOR * ACCOUNTS as i64;
    let mut snapshots = 0;
    while !clients.is_finished() {
        let balances = balances_in_one_snapshot(&server.data_environment(), server.home()).await;
        assert_eq!(balances.len(), ACCOUNTS);
        assert_eq!(balances.values().sum::<i64>(), sum, "{balances:?}");
        assert!(balances.values().all(|balance_minor| *balance_minor >= 0), "{balances:?}");
        snapshots += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let settled: Vec<u64> =
        clients.await.expect("no panic").into_iter().map(|settled| settled.expect("every client was served")).collect();
    let done = done.load(Ordering::SeqCst);
    println!("{done} transfers done of {} by {CLIENTS} clients, {snapshots} snapshots", settled.iter().sum::<u64>());
    assert!(done >= ACCOUNTS as u64 && snapshots > 3, "{done} transfers, {snapshots} snapshots");

    // The rows reach the same sum. Each transfer gave two accounts one event each.
    let balances = balances_in_one_snapshot(&server.data_environment(), server.home()).await;
    let mut events = 0;
    for account_id in accounts.iter() {
        let (version, account) = newest(&client, account_id).await;
        events += version - 1;
        assert_eq!(account, format!("{}.{:02}", balances[account_id] / 100, balances[account_id] % 100));
    }
    assert_eq!(events, 2 * done);
}

/// The version and balance of the account at the version of its last event.
async fn newest(client: &Client, account_id: &str) -> (u64, String) {
    let as_of = client.get(&format!("/accounts/{account_id}/as-of/2999-01-01T00:00:00Z")).await;
    let version = as_of.expect(200).version();
    let account = client.get_at(&format!("/accounts/{account_id}"), version).await;
    assert_eq!(account.expect(200).version(), version);
    (version, account.text("balance").to_owned())
}

/// The balance of each account in minor units, as one snapshot of the event store has them: from the state in the newest
/// commit of each stream.
async fn balances_in_one_snapshot(environment: &[(String, String)], home: &std::path::Path) -> BTreeMap<String, i64> {
    #[cfg(feature = "services")]
    if let Some((_, url)) = environment.iter().find(|(name, _)| name == "EVENT_STORE_URL") {
        return balances_on_mongodb(url).await;
    }
    let _ = environment;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(home.join("events.db")).read_only(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.expect("opens");
    // One statement reads one snapshot.
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT stream_id, state FROM commits AS newest WHERE aggregate_type = 'account' AND first_version = \
         (SELECT MAX(first_version) FROM commits WHERE stream_id = newest.stream_id)",
    )
    .fetch_all(&pool)
    .await
    .expect("reads");
    pool.close().await;
    let balance = |state: &str| {
        let state: Value = serde_json::from_str(state).expect("JSON");
        state["data"]["opened"]["balance_minor"].as_i64().expect("a balance")
    };
    rows.into_iter().map(|(stream_id, state)| (stream_id, balance(&state))).collect()
}

#[cfg(feature = "services")]
async fn balances_on_mongodb(url: &str) -> BTreeMap<String, i64> {
    use futures::TryStreamExt as _;
    use mongodb::bson::{Document, doc};

    let client = mongodb::Client::with_uri_str(url).await.expect("a URL");
    let commits = client.default_database().expect("a database in the URL").collection::<Document>("commits");
    let mut session = client.start_session().snapshot(true).await.expect("a session");
    let newest = vec![
        doc! { "$match": { "aggregate_type": "account" } },
        doc! { "$sort": { "_id": 1 } },
        doc! { "$group": { "_id": "$_id.stream_id", "balance_minor": { "$last": "$state.data.opened.balance_minor" } } },
    ];
    let mut cursor = commits.aggregate(newest).session(&mut session).await.expect("reads");
    let groups: Vec<Document> = cursor.stream(&mut session).try_collect().await.expect("reads");
    let stream_id = |group: &Document| match group.get("_id") {
        Some(mongodb::bson::Bson::Binary(binary)) => {
            uuid::Uuid::from_slice(&binary.bytes).expect("16 bytes").as_hyphenated().to_string()
        }
        other => panic!("{other:?}"),
    };
    let balance = |group: &Document| group.get_i64("balance_minor").expect("a balance");
    groups.iter().map(|group| (stream_id(group), balance(group))).collect()
}
