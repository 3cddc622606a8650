use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Client, Server, eventually, is_on_servers};

/// All events of an account, over all of its pages.
async fn all_events(client: &Client, account_id: &str) -> Vec<Value> {
    let mut events = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("/accounts/{account_id}/events?limit=200{cursor}")).await;
        page.expect(200);
        events.extend(page.body["events"].as_array().expect("events").clone());
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return events,
        }
    }
}

/// The number of times that each reference is in the account's events.
async fn deposits_by_reference(client: &Client, account_id: &str) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for event in all_events(client, account_id).await {
        if let Some(reference) = event["data"]["reference"].as_str() {
            *counts.entry(reference.to_owned()).or_default() += 1;
        }
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_every_acknowledged_deposit_is_there_once_and_the_read_side_catches_up() {
    let mut server = Server::start();
    let account_id = server.client().open("0").await;
    let path = format!("/accounts/{account_id}/deposits");
    // Every deposit that was ever sent, and whether it was acknowledged.
    let mut sent: BTreeMap<String, bool> = BTreeMap::new();
    for round in 0..8_u64 {
        let client = server.client();
        let mut streams = tokio::task::JoinSet::new();
        for stream in 0..4 {
            let (client, path) = (client.clone(), path.clone());
            streams.spawn(async move {
                let mut sent = Vec::new();
                for number in 0.. {
                    let reference = format!("{round}-{stream}-{number}");
                    let body = json!({"amount": "0.01", "reference": reference});
                    let request = client.post_request(&path, &body).header("Idempotency-Key", &reference);
                    let answer = client.try_send(request).await;
                    let is_gone = answer.is_err();
                    // A deposit that lost every race to the three others is no failure. It has had no effect.
                    let is_acknowledged = answer.is_ok_and(|answer| answer.status.is_success());
                    sent.push((reference, is_acknowledged));
                    if is_gone {
                        break;
                    }
                }
                sent
            });
        }
        // The kill comes at various moments within a stream of some hundreds of deposits.
        tokio::time::sleep(Duration::from_millis(40 + 37 * round)).await;
        server.kill();
        while let Some(stream) = streams.join_next().await {
            sent.extend(stream.expect("a stream"));
        }
        server = server.kill_and_restart();
        let client = server.client();
        let there = deposits_by_reference(&client, &account_id).await;
        for (reference, is_acknowledged) in &sent {
            let times = there.get(reference).copied().unwrap_or(0);
            assert!(times <= 1, "{reference} is there {times} times");
            assert!(!is_acknowledged || times == 1, "{reference} was acknowledged and is lost");
        }
        let version = 1 + there.values().map(|times| u64::from(*times)).sum::<u64>();
        let account = client.get_at(&format!("/accounts/{account_id}"), version).await;
        account.expect(200);
        assert_eq!(account.version(), version);
        assert_eq!(account.text("balance"), format!("{}.{:02}", (version - 1) / 100, (version - 1) % 100));
    }
    let acknowledged = sent.values().filter(|is_acknowledged| **is_acknowledged).count();
    assert!(acknowledged > 50, "only {acknowledged} deposits were acknowledged: the kills came too early to show much");

    // Deposits that were cut off are retried with their keys. Then every sent deposit is there exactly once.
    let client = server.client();
    for reference in sent.keys() {
        let body = json!({"amount": "0.01", "reference": reference});
        client.post_with_key(&path, &body, reference).await.expect(200);
    }
    let there = deposits_by_reference(&client, &account_id).await;
    assert_eq!(there.len(), sent.len());
    assert!(there.values().all(|times| *times == 1));
}

#[tokio::test]
async fn a_read_database_that_is_thrown_away_is_rebuilt_from_the_events() {
    let mut server = Server::start();
    let client = server.client();
    let account_id = client.open("5").await;
    client.deposit(&account_id, "1").await.expect(200);
    let path = format!("/accounts/{account_id}");
    let before = client.get_at(&path, 2).await;
    server.kill();
    server.throw_read_db_away();
    let server = server.kill_and_restart();
    let client = server.client();
    let after = client.get_at(&path, 2).await;
    assert_eq!(after.body, before.body);
    let lines = client.get(&format!("{path}/transactions")).await.body["transactions"].as_array().map(Vec::len);
    assert_eq!(lines, Some(2));
}

#[tokio::test]
async fn told_to_stop_it_finishes_and_leaves_cleanly() {
    let mut server = Server::start();
    let client = server.client();
    let account_id = client.open("5").await;
    if !is_on_servers() {
        assert!(server.greeting().contains(&server.home().display().to_string()), "{}", server.greeting());
    }
    assert_eq!(server.greeting().matches("curl ").count(), 3, "{}", server.greeting());
    assert!(server.terminate().success());
    assert!(!server.home().join("events.db-wal").exists(), "the log was not folded into the file");
    let server = server.kill_and_restart();
    server.client().deposit(&account_id, "1").await.expect(200);
}

#[tokio::test]
async fn every_log_line_of_a_request_carries_its_correlation_id() {
    let server = Server::start();
    let client = server.client();
    let request = client.request(http::Method::GET, "/accounts").header("X-Correlation-Id", "follow-me-42");
    let answer = client.send(request).await;
    assert_eq!(answer.header("x-correlation-id"), Some("follow-me-42"));
    let line = eventually("the request's log line", || async {
        server.log().lines().find(|line| line.contains("follow-me-42")).map(str::to_owned)
    })
    .await;
    let line: Value = serde_json::from_str(&line).expect("elsewhere than on a terminal the logs are JSON");
    assert_eq!((&line["span"]["correlation_id"], &line["status"]), (&json!("follow-me-42"), &json!(200)));
}
