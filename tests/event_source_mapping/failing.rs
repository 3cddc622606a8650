use std::sync::Arc;

use cloud_events::to_record;
use cqrs::EventEnvelope;
use local_aws::MappingSettings;
use serde_json::{Value, json};

use super::projector::{Fails, Projector};
use super::topics::{PARTITIONS, Topics};
use crate::contract::{AccountHistory, Dice, OnServer, ReadDb, ReadDbUnderTest as _, assert_rows};
use crate::harness::eventually;
use crate::lambda_runtime::FunctionPool;

/// Accounts with at least one account on each partition, each with this number of events.
fn accounts(seed: u64, events_each: usize) -> Vec<AccountHistory> {
    let mut dice = Dice::seeded(seed);
    (0..12).map(|_| AccountHistory::random(&mut dice, events_each)).collect()
}

/// Publishes round by round, so that each account's neighbours are other accounts.
async fn publish(topics: &Topics, histories: &[AccountHistory]) {
    for round in 0..histories[0].events.len() {
        let events: Vec<EventEnvelope> = histories.iter().map(|history| history.events[round].clone()).collect();
        topics.publish(&events).await;
    }
}

async fn version(read_db: &ReadDb, history: &AccountHistory) -> u64 {
    read_db.repository.account(history.account_id).await.expect("reads").map_or(0, |row| row.version)
}

async fn assert_versions(read_db: &ReadDb, histories: &[AccountHistory], expected: u64) {
    for history in histories {
        assert_eq!(version(read_db, history).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_fails_ends_as_a_dead_letter_and_once_mended_is_redriven_with_what_waited_behind_it() {
    // given: the function cannot apply the second of an account's five events
    let (topics, on_server) = (Topics::new().await, OnServer::new("READ_DB_URL").await);
    let histories = accounts(200, 5);
    let poison = histories[0].events[1].clone();
    let (projector, read_db) = Projector::on(&on_server, Fails::Reports(poison.clone())).await;
    publish(&topics, &histories).await;
    // when
    let running = topics.start(&topics.settings(), projector.clone()).await;
    topics.all_are_committed().await;
    // then: the other events are applied, the account stands still, and the letter describes the event
    assert_versions(&read_db, &histories[1..], 5).await;
    assert_eq!(version(&read_db, &histories[0]).await, 1);
    assert_eq!(on_server.kept_early().await, 3);
    let letters = topics.open_letters().await;
    let [letter] = letters.as_slice() else { panic!("one letter: {letters:?}") };
    assert_eq!(letter["event_type"], format!("passbook.account.{}", poison.event_type));
    assert_eq!(letter["stream_id"], json!(poison.stream_id.to_string()));
    assert_eq!(letter["version"], "2");
    let reason = letter["reason"].as_str().expect("a text");
    assert!(reason.starts_with("RetriesExhausted after 3 invocations"), "{reason}");

    // when: the function works again, and the letter is redriven
    projector.fails(Fails::Never);
    let place = letter["letter"].as_str().expect("a place");
    let (success, output, log) = topics.dead_letters(&["redrive", "--offset", place]).await;
    assert!(success && output.ends_with("1 redriven\n"), "{output}{log}");
    // then
    eventually("what waited is applied", async || (version(&read_db, &histories[0]).await == 5).then_some(())).await;
    topics.all_are_committed().await;
    assert_rows(&on_server, &read_db, &histories).await;
    assert_eq!(topics.open_letters().await, Vec::<Value>::new());
    running.stop().await;
    projector.assert_in_order();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_records_amid_good_ones_end_as_dead_letters_with_their_reasons() {
    // given: between good records on two partitions, one record without a header and one whose data does not fit its
    // type
    let (topics, on_server) = (Topics::new().await, OnServer::new("READ_DB_URL").await);
    let environment = [("READ_DB_URL".to_owned(), on_server.url())];
    let pool = FunctionPool::start("account-projector", 2, &environment).await;
    let histories = accounts(201, 6);
    let other = AccountHistory::random(&mut Dice::seeded(202), 1);
    publish(&topics, &histories[..6]).await;
    let mut headless = to_record(&other.events[0]);
    headless.headers.retain(|(name, _)| *name != "ce_sequence");
    topics.publish_record(0, &headless).await;
    let no_data = to_record(&EventEnvelope { data: json!({"wrong": true}), ..other.events[0].clone() });
    topics.publish_record(1, &no_data).await;
    publish(&topics, &histories[6..]).await;
    // when
    let running = topics.start(&topics.settings(), Arc::new(pool)).await;
    topics.all_are_committed().await;
    running.stop().await;
    // then
    let read_db = on_server.open().await;
    assert_rows(&on_server, &read_db, &histories).await;
    let mut letters = topics.open_letters().await;
    letters.sort_by_key(|letter| letter["partition"].as_i64());
    let reason = |index: usize| letters[index]["reason"].as_str().unwrap_or_default().to_owned();
    assert_eq!(letters.len(), 2, "{letters:?}");
    assert!(reason(0).contains("the record's ce_sequence is missing"), "{}", reason(0));
    assert!(reason(1).contains("after 3 invocations: ") && !reason(1).contains("log"), "{}", reason(1));
    assert_eq!((&letters[0]["partition"], &letters[1]["partition"]), (&json!(0), &json!(1)));
    let (success, table, _) = topics.dead_letters(&["list"]).await;
    assert!(success && table.starts_with("LETTER") && table.lines().count() == 3, "{table}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_the_function_panics_over_is_found_and_its_neighbours_are_applied() {
    let (topics, on_server) = (Topics::new().await, OnServer::new("READ_DB_URL").await);
    let histories = accounts(203, 5);
    let poison = histories[0].events[4].clone();
    let (projector, read_db) = Projector::on(&on_server, Fails::PanicsOver(poison)).await;
    publish(&topics, &histories).await;
    let settings = MappingSettings { max_retries: Some(1), ..topics.settings() };
    let running = topics.start(&settings, projector.clone()).await;
    topics.all_are_committed().await;
    running.stop().await;
    assert_versions(&read_db, &histories[1..], 5).await;
    assert_eq!(version(&read_db, &histories[0]).await, 4);
    let letters = topics.open_letters().await;
    let [letter] = letters.as_slice() else { panic!("one letter: {letters:?}") };
    assert!(letter["reason"].as_str().is_some_and(|reason| reason.contains("Unhandled")), "{letter}");
    projector.assert_in_order();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_is_tried_without_an_end_holds_up_no_other() {
    let (topics, on_server) = (Topics::new().await, OnServer::new("READ_DB_URL").await);
    let histories = accounts(204, 5);
    let poison = histories[0].events[0].clone();
    let (projector, read_db) = Projector::on(&on_server, Fails::PanicsOver(poison.clone())).await;
    publish(&topics, &histories).await;
    let settings = MappingSettings { pollers: 1, ..topics.settings() };
    let running = topics.start(&settings, projector.clone()).await;
    let partition_of = |history: &AccountHistory| i32::from(history.account_id.as_uuid().as_bytes()[15]) % PARTITIONS;
    let (stuck, free): (Vec<_>, Vec<_>) =
        histories.iter().cloned().partition(|history| partition_of(history) == partition_of(&histories[0]));
    eventually("the other partitions are done", async || {
        for history in &free {
            (version(&read_db, history).await == 5).then_some(())?;
        }
        Some(())
    })
    .await;
    assert_eq!(version(&read_db, &histories[0]).await, 0);
    assert!(!free.is_empty() && !stuck.is_empty());
    // No record is given up, and all are applied once the function works.
    assert_eq!(topics.open_letters().await, Vec::<Value>::new());
    projector.fails(Fails::Never);
    topics.all_are_committed().await;
    assert_rows(&on_server, &read_db, &histories).await;
    running.stop().await;
    projector.assert_in_order();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_are_too_old_are_dead_letters_and_redriven_are_young() {
    let (topics, on_server) = (Topics::new().await, OnServer::new("READ_DB_URL").await);
    let (projector, read_db) = Projector::on(&on_server, Fails::Never).await;
    let histories = accounts(205, 2);
    publish(&topics, &histories).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    let settings = MappingSettings { max_record_age: Some(std::time::Duration::from_secs(1)), ..topics.settings() };
    let running = topics.start(&settings, projector.clone()).await;
    topics.all_are_committed().await;
    running.stop().await;
    assert_eq!((projector.number_of_batches(), topics.open_letters().await.len()), (0, 24));

    let settings = MappingSettings { max_record_age: Some(std::time::Duration::from_secs(60)), ..settings };
    let running = topics.start(&settings, projector.clone()).await;
    let (success, output, log) = topics.dead_letters(&["redrive", "--all"]).await;
    assert!(success && output.ends_with("24 redriven\n"), "{output}{log}");
    topics.all_are_committed().await;
    assert_rows(&on_server, &read_db, &histories).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_open_letter_is_refused() {
    let topics = Topics::new().await;
    let (success, _, log) = topics.dead_letters(&["redrive", "--offset", "0:5"]).await;
    assert!(!success && log.contains("0:5 is no open letter"), "{log}");
    for arguments in [&["redrive"][..], &["redrive", "--offset", "five"], &["redrive", "--all", "--offset", "0:5"]] {
        let (success, _, log) = topics.dead_letters(arguments).await;
        assert!(!success && log.contains("error:"), "{arguments:?}: {log}");
    }
    let (success, output, _) = topics.dead_letters(&["list"]).await;
    assert!(success && output.starts_with("No open dead letters"), "{output}");
    let (success, output, _) = topics.dead_letters(&["redrive", "--all"]).await;
    assert!(success && output == "0 redriven\n", "{output}");
}
