use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cloud_events::{KafkaRecord, to_record};
use cqrs::EventEnvelope;
use local_aws::MappingSettings;

use super::projector::{Fails, Projector};
use super::topics::{PARTITIONS, Topics};
use crate::contract::{AccountHistory, Dice, OnServer, ReadDb, ReadDbUnderTest as _, assert_rows};
use crate::harness::eventually;
use crate::lambda_runtime::FunctionPool;

/// Accounts and all their events. Each account's events are in order, and the accounts are mixed.
fn accounts(seed: u64, number: usize, events_each: usize) -> (Vec<AccountHistory>, Vec<EventEnvelope>) {
    let mut dice = Dice::seeded(seed);
    let histories: Vec<_> = (0..number).map(|_| AccountHistory::random(&mut dice, events_each)).collect();
    let mut turns: Vec<usize> = (0..number).flat_map(|account| vec![account; events_each]).collect();
    dice.shuffle(&mut turns);
    let mut next = vec![0; number];
    let events = turns.into_iter().map(|account| {
        next[account] += 1;
        histories[account].events[next[account] - 1].clone()
    });
    let events = events.collect();
    (histories, events)
}

async fn assert_arrived(topics: &Topics, on_server: &OnServer, read_db: &ReadDb, histories: &[AccountHistory]) {
    topics.all_are_committed().await;
    assert_rows(on_server, read_db, histories).await;
    assert_eq!(topics.open_letters().await, Vec::<serde_json::Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_arrive_through_the_projector_in_this_process() {
    let (topics, on_server) = (Topics::new().await, OnServer::new("READ_DB_URL").await);
    let (projector, read_db) = Projector::on(&on_server, Fails::Never).await;
    let (histories, events) = accounts(100, 10, 8);
    // Some events are there before the mapping, and some come while it runs.
    topics.publish(&events[..40]).await;
    let running = topics.start(&topics.settings(), projector.clone()).await;
    topics.publish(&events[40..]).await;
    assert_arrived(&topics, &on_server, &read_db, &histories).await;
    running.stop().await;
    projector.assert_in_order();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_arrive_through_the_functions_own_processes() {
    let (topics, on_server) = (Topics::new().await, OnServer::new("READ_DB_URL").await);
    let environment = [("READ_DB_URL".to_owned(), on_server.url())];
    let pool = FunctionPool::start("account-projector", 2, &environment).await;
    let (histories, events) = accounts(101, 10, 8);
    topics.publish(&events).await;
    let running = topics.start(&topics.settings(), Arc::new(pool)).await;
    let read_db = on_server.open().await;
    assert_arrived(&topics, &on_server, &read_db, &histories).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_twice_in_disorder_and_with_gaps_end_in_the_same_rows_over_12_partitions_and_4_processes() {
    const EVENTS_EACH: usize = 25;
    let (topics, on_server) = (Topics::with_partitions(12).await, OnServer::new("READ_DB_URL").await);
    let environment = [("READ_DB_URL".to_owned(), on_server.url())];
    let pool = FunctionPool::start("account-projector", 4, &environment).await;
    let (histories, events) = accounts(108, 40, EVENTS_EACH);
    let mut dice = Dice::seeded(109);
    // Every event comes twice and in any order, except a tenth that comes last and backwards. Until then nearly every
    // account has a gap. The events go to any partition, so that all four processes write the same accounts at once.
    let (mut first, mut last): (Vec<EventEnvelope>, Vec<EventEnvelope>) =
        events.into_iter().partition(|_| !dice.once_in(10));
    first.extend(first.clone());
    dice.shuffle(&mut first);
    last.reverse();
    last.extend(last.clone());
    let settings = MappingSettings { pollers: 4, ..topics.settings() };
    let running = topics.start(&settings, Arc::new(pool)).await;
    for events in [&first, &last] {
        let published = events.iter().map(|event| (i32::try_from(dice.below(12)).expect("small"), to_record(event)));
        let published: Vec<_> = published.collect();
        futures::future::join_all(
            published.iter().map(|(partition, record)| topics.publish_record(*partition, record)),
        )
        .await;
        topics.all_are_committed().await;
    }
    let read_db = on_server.open().await;
    assert_arrived(&topics, &on_server, &read_db, &histories).await;
    running.stop().await;
    assert_eq!(first.len() + last.len(), 2 * 40 * EVENTS_EACH);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_errs_for_a_while_loses_nothing_and_keeps_the_order() {
    let (topics, on_server) = (Topics::new().await, OnServer::new("READ_DB_URL").await);
    let (projector, read_db) = Projector::on(&on_server, Fails::Times(25)).await;
    let (histories, events) = accounts(102, 10, 8);
    topics.publish(&events).await;
    let running = topics.start(&topics.settings(), projector.clone()).await;
    assert_arrived(&topics, &on_server, &read_db, &histories).await;
    running.stop().await;
    projector.assert_in_order();
    assert!(projector.number_of_batches() > 25);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_applied_and_not_committed_is_delivered_again_and_changes_nothing() {
    let (topics, on_server) = (Topics::new().await, OnServer::new("READ_DB_URL").await);
    let (projector, read_db) = Projector::on(&on_server, Fails::FallsSilent).await;
    let (histories, events) = accounts(103, 6, 5);
    topics.publish(&events).await;
    // The batch size is large enough for all records of a partition.
    let settings = MappingSettings { batch_size: 100, pollers: 1, ..topics.settings() };
    let killed = topics.start(&settings, projector.clone()).await;
    eventually("a batch was delivered", async || (projector.number_of_batches() > 0).then_some(())).await;
    drop(killed);
    assert!(topics.lag() > 0, "nothing of it was committed");

    projector.fails(Fails::Never);
    let running = topics.start(&settings, projector.clone()).await;
    assert_arrived(&topics, &on_server, &read_db, &histories).await;
    running.stop().await;
    assert!(projector.deliveries().values().any(|times| *times > 1), "some came again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_being_tried_again_when_the_mapping_was_killed_is_not_lost() {
    let (topics, on_server) = (Topics::new().await, OnServer::new("READ_DB_URL").await);
    let (projector, read_db) = Projector::on(&on_server, Fails::Times(1_000_000)).await;
    let (histories, events) = accounts(107, 6, 5);
    topics.publish(&events).await;
    let killed = topics.start(&topics.settings(), projector.clone()).await;
    eventually("it is tried again", async || (projector.number_of_batches() > 20).then_some(())).await;
    drop(killed);
    projector.fails(Fails::Never);
    let running = topics.start(&topics.settings(), projector.clone()).await;
    assert_arrived(&topics, &on_server, &read_db, &histories).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_that_was_stopped_goes_on_where_it_was() {
    let (topics, on_server) = (Topics::new().await, OnServer::new("READ_DB_URL").await);
    let (projector, read_db) = Projector::on(&on_server, Fails::Never).await;
    let (histories, events) = accounts(104, 6, 10);
    topics.publish(&events[..30]).await;
    // There is one poller, so that partitions change hands only by the stop.
    let settings = MappingSettings { pollers: 1, ..topics.settings() };
    let running = topics.start(&settings, projector.clone()).await;
    eventually("some were delivered", async || (projector.number_of_batches() > 0).then_some(())).await;
    running.stop().await;
    topics.publish(&events[30..]).await;
    let running = topics.start(&settings, projector.clone()).await;
    assert_arrived(&topics, &on_server, &read_db, &histories).await;
    running.stop().await;
    assert!(projector.deliveries().values().all(|times| *times == 1), "what was done was committed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_mappings_of_one_group_share_the_partitions_and_one_takes_over() {
    let (topics, on_server) = (Topics::new().await, OnServer::new("READ_DB_URL").await);
    let (one, read_db) = Projector::on(&on_server, Fails::Never).await;
    let (other, _) = Projector::on(&on_server, Fails::Never).await;
    let settings = MappingSettings { pollers: 1, ..topics.settings() };
    let (histories, events) = accounts(105, 12, 10);
    let running_one = topics.start(&settings, one.clone()).await;
    let running_other = topics.start(&settings, other.clone()).await;
    // Both get work, once the group has settled.
    let mut published = 0;
    while one.number_of_batches().min(other.number_of_batches()) == 0 && published < events.len() {
        topics.publish(&events[published..published + 6]).await;
        published += 6;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    topics.all_are_committed().await;
    let before = one.deliveries().len();
    running_other.stop().await;
    topics.publish(&events[published..]).await;
    // Each partition gets one more record. A member that has left the group must not leave a partition unserved.
    for partition in 0..PARTITIONS {
        topics.publish_record(partition, &foreign(10)).await;
    }
    assert_arrived(&topics, &on_server, &read_db, &histories).await;
    running_one.stop().await;
    assert!(other.number_of_batches() > 0, "the other had its share");
    let partitions: BTreeSet<i32> = one.deliveries().keys().map(|(partition, _)| *partition).collect();
    assert_eq!(partitions.len(), 3, "one took over");
    assert!(one.deliveries().len() > before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_that_change_hands_again_and_again_lose_nothing() {
    let (topics, on_server) = (Topics::new().await, OnServer::new("READ_DB_URL").await);
    let (projector, read_db) = Projector::on(&on_server, Fails::Never).await;
    let (histories, events) = accounts(106, 20, 20);
    // Batches wait long, so that some work is always under way when the partitions go.
    let settings = MappingSettings { batching_window: Duration::from_millis(150), pollers: 1, ..topics.settings() };
    let running = topics.start(&settings, projector.clone()).await;
    let publish = async {
        for events in events.chunks(10) {
            topics.publish(events).await;
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    };
    let come_and_go = async {
        for turn in 0..6 {
            let guest = topics.start(&settings, projector.clone()).await;
            tokio::time::sleep(Duration::from_millis(1_700)).await;
            // Every second guest ends as if it were killed.
            if turn % 2 == 0 { guest.stop().await } else { drop(guest) }
        }
    };
    tokio::join!(publish, come_and_go);
    assert_arrived(&topics, &on_server, &read_db, &histories).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_are_too_large_together_come_in_several_events() {
    let (topics, on_server) = (Topics::new().await, OnServer::new("READ_DB_URL").await);
    let (projector, _) = Projector::on(&on_server, Fails::Never).await;
    // The records are 10.7 MB in Base64.
    for _ in 0..10 {
        topics.publish_record(1, &foreign(800_000)).await;
    }
    let running = topics.start(&MappingSettings { batch_size: 100, ..topics.settings() }, projector.clone()).await;
    topics.all_are_committed().await;
    running.stop().await;
    let lengths = projector.lengths.lock().expect("no panic").clone();
    assert!(lengths.len() >= 2 && lengths.iter().all(|length| *length <= 6_291_556), "{lengths:?}");
    assert!(lengths.iter().any(|length| *length > 4_000_000), "batches are filled: {lengths:?}");
    assert_eq!(projector.deliveries().len(), 10);
}

/// Another system's event of this size.
fn foreign(bytes: usize) -> KafkaRecord {
    KafkaRecord {
        key: "k".to_owned(),
        headers: vec![("ce_specversion", "1.0".to_owned()), ("ce_type", "shop.order".to_owned())],
        value: vec![b'x'; bytes],
    }
}
