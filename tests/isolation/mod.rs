//! Measures the effect on the write side of four times as many reads as the read side can take. Each side has a core of its
//! own: for its functions with their Runtime API and callers, and for its servers. `make isolation` measures with the
//! functions' artifacts and writes `target/isolation.json`.

mod core; // the processes of each core
mod load; // callers that come at a fixed rate, whatever happens to earlier callers
mod report; // target/isolation.json, and the table of docs/deploy.md

use std::sync::Arc;
use std::time::{Duration, Instant};

use core::{OnCore, PinnedServers, cores_of};
use kafka_events::KafkaConnection;
use load::{closed_loop, open_loop};
use local_aws::{EventSourceMapping, InvokeApi, InvokeClient, MappingSettings};
use report::{Report, ratio};
use serde_json::{Value, json};

use crate::harness::{MeasuredText, ServersStack, lag};
use crate::lambda_runtime::{FunctionPool, answer, event};

const THE_GUIDE_S_TABLE: MeasuredText = MeasuredText { document: "docs/deploy.md", written_by: "make isolation" };
/// The core that `make isolation` keeps free of all other tasks.
const WRITE_CORE: usize = 0;
const READ_CORE: usize = 1;
/// The number of processes of each function, enough to keep one core busy.
const PROCESSES: usize = 2;
const ACCOUNTS: usize = 50;
const CAPACITY_TIME: Duration = Duration::from_secs(10);
/// The time of each measurement. The first one finds a write side that is not warm yet, so it is not counted.
const MEASURED_TIME: Duration = Duration::from_secs(30);
/// The number of rounds, each without the reads and then with them. A single p99 would depend on a pause of MongoDB or of
/// Kafka's Java.
const ROUNDS: usize = 5;
/// How long to wait for the projector. It must catch up with the writes of the time when it had no core.
const PATIENCE: Duration = Duration::from_secs(120);
/// The reads come at this multiple of the rate that the read side can take.
const READ_OVERLOAD: f64 = 4.0;
/// The writes come at this share of the rate that the write side can take. So the write side has room to get worse.
const WRITE_SHARE: f64 = 0.5;

async fn pool(function: &'static str, stack: &ServersStack) -> Arc<FunctionPool> {
    let mut environment = stack.environment();
    // The processes' log lines are collected on the measured core, so they are kept few.
    environment.push(("PASSBOOK_LOG".to_owned(), "warn".to_owned()));
    Arc::new(FunctionPool::start(function, PROCESSES, &environment).await)
}

fn deposit(id: &str) -> Value {
    event("POST", &format!("/accounts/{id}/deposits"), Some(id), &json!({}), Some(&json!({"amount": "0.01"})))
}

fn query(id: &str) -> Value {
    event("GET", &format!("/accounts/{id}"), Some(id), &json!({}), None)
}

async fn open_accounts(open: &FunctionPool) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..ACCOUNTS {
        let body = json!({"holder": "Ann Lee", "kind": "checking", "currency": "EUR", "opening_balance": "1"});
        let opened = open.answer(event("POST", "/accounts", None, &json!({}), Some(&body))).await;
        let (status, account) = answer(&opened.expect("an answer"));
        assert_eq!(status, 201, "{account}");
        ids.push(account["account_id"].as_str().expect("an id").to_owned());
    }
    ids
}

#[test]
#[ignore = "measures for six minutes, alone on the machine: make isolation"]
fn reads_that_are_four_times_too_many_and_what_writes_notice_of_it() {
    let may_run_on = cores_of("thread-self");
    assert!(
        !may_run_on.split([',', '-']).any(|core| core == WRITE_CORE.to_string()),
        "make isolation keeps core 0 free"
    );
    let stack = Arc::new(ServersStack::new());
    let (write_side, read_side) = (OnCore::start(WRITE_CORE), OnCore::start(READ_CORE));
    let _pinned = PinnedServers::pin(&[("mongodb", WRITE_CORE), ("kafka", WRITE_CORE), ("mysql", READ_CORE)]);

    let (ids, deposits) = write_side.run({
        let stack = stack.clone();
        async move {
            let open = pool("open-account", &stack).await;
            (Arc::new(open_accounts(&open).await), pool("deposit-funds", &stack).await)
        }
    });
    let (queries, projecting) = read_side.run({
        let (stack, ids) = (stack.clone(), ids.clone());
        async move {
            let mapping = MappingSettings::new("account-projector", stack.mapping_group());
            let projector = pool("account-projector", &stack).await;
            let invoke_api = InvokeApi::serve([(mapping.function_name.clone(), projector as _)]).await.expect("a port");
            let connection = KafkaConnection::connect(&stack.kafka_settings()).await.expect("brokers");
            let client = InvokeClient::new(&invoke_api.base_url(), Duration::from_secs(20));
            let projecting = EventSourceMapping::start(&connection, &client, &mapping).expect("starts");
            let queries = pool("get-account", &stack).await;
            for id in ids.iter() {
                crate::harness::eventually("the row is there", async || {
                    let row = queries.answer(query(id)).await.expect("an answer");
                    (answer(&row).0 == 200).then_some(())
                })
                .await;
            }
            (queries, (projecting, invoke_api))
        }
    });

    let writes = {
        let (deposits, ids) = (deposits.clone(), ids.clone());
        move |index: usize| {
            let (deposits, event) = (deposits.clone(), deposit(&ids[index % ids.len()]));
            async move { answer(&deposits.answer(event).await.expect("an answer")).0 == 200 }
        }
    };
    let reads = {
        let (queries, ids) = (queries.clone(), ids.clone());
        move |index: usize| {
            let (queries, event) = (queries.clone(), query(&ids[index % ids.len()]));
            async move { answer(&queries.answer(event).await.expect("an answer")).0 == 200 }
        }
    };
    let write_capacity = write_side.run(closed_loop(PROCESSES, CAPACITY_TIME, writes.clone()));
    let read_capacity = read_side.run(closed_loop(PROCESSES, CAPACITY_TIME, reads.clone()));
    let write_rate = write_capacity * WRITE_SHARE;
    let connection = write_side.run({
        let stack = stack.clone();
        async move { KafkaConnection::connect(&stack.kafka_settings()).await.expect("brokers") }
    });
    let (mut quiet, mut saturated, mut read) = (Vec::new(), Vec::new(), Vec::new());
    write_side.run(open_loop(write_rate, MEASURED_TIME, writes.clone()));
    for _ in 0..ROUNDS {
        until_projected(&connection, &stack.mapping_group());
        quiet.push(write_side.run(open_loop(write_rate, MEASURED_TIME, writes.clone())));
        until_projected(&connection, &stack.mapping_group());
        let saturating = read_side.begin(open_loop(read_capacity * READ_OVERLOAD, MEASURED_TIME, reads.clone()));
        saturated.push(write_side.run(open_loop(write_rate, MEASURED_TIME, writes.clone())));
        read.push(saturating.join().expect("does not panic"));
    }
    read_side.run(async move {
        let (projecting, _invoke_api) = projecting;
        projecting.stop().await;
    });

    let writes = || quiet.iter().chain(&saturated);
    assert_eq!(writes().map(|figures| figures.failed + figures.turned_away).sum::<usize>(), 0, "writes failed");
    assert!(read.iter().all(|figures| figures.turned_away > 0), "the read side was not saturated: {read:?}");
    let report = Report {
        seconds: MEASURED_TIME.as_secs(),
        processes_of_each_function: PROCESSES,
        read_capacity_per_s: read_capacity,
        read_offered_per_s: read_capacity * READ_OVERLOAD,
        write_capacity_per_s: write_capacity,
        write_offered_per_s: write_rate,
        write_p50_ratio: ratio(&saturated, &quiet, |of| of.p50_ms),
        write_p99_ratio: ratio(&saturated, &quiet, |of| of.p99_ms),
        writes_quiet: quiet,
        writes_while_reads_are_saturated: saturated,
        saturated_reads: read,
    };
    let path = format!("{}/../isolation.json", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&path, serde_json::to_string_pretty(&report).expect("plain JSON") + "\n").expect("written");
    THE_GUIDE_S_TABLE.write(&report.text());
    println!("{}", report.text());
    println!("written to {path}");
}

#[test]
fn the_guide_tells_what_writes_notice_of_too_many_reads_in_figures() {
    let rows = THE_GUIDE_S_TABLE.rows();
    let names: Vec<&str> = rows.iter().map(|row| &*row[0]).collect();
    assert_eq!(names, ["writes", "writes while the reads are saturated", "reads, saturated"]);
    for row in rows {
        let figures: Vec<&str> = row.iter().skip(1).filter_map(|cell| cell.split(' ').next()).collect();
        assert!(figures.len() == 4 && figures.iter().all(|cell| cell.parse::<f64>().is_ok_and(|f| f > 0.0)), "{row:?}");
    }
}

/// Waits until the projector has applied all writes.
fn until_projected(connection: &KafkaConnection, group_id: &str) {
    let give_up_at = Instant::now() + PATIENCE;
    while lag(connection, group_id) > 0 {
        assert!(Instant::now() < give_up_at, "the projector is behind for {} s", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_secs(1));
    }
}
