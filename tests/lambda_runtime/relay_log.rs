use cqrs::{CommitDraft, EventStoreRepository as _, Timestamp};
use mongo_stores::MongoEventStore;
use serde_json::{Value, json};

use super::runtime_api::FunctionProcess;
use crate::contract::{StreamEnd, counted};
use crate::harness::{ServersStack, eventually, workspace_folder};

/// The members of the log lines that have this member at their top.
fn lines_with(member: &str, log: &str) -> Vec<Value> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line.get(member).is_some()).collect()
}

/// The only such line of one run of the relay.
async fn line_of_a_run(environment: &[(String, String)], member: &str) -> Value {
    let relay = FunctionProcess::start_with("event-relay", environment).await;
    relay.invoke(&json!({"source": "aws.scheduler"})).await;
    let lines = eventually("the line is there", async || {
        let lines = lines_with(member, &relay.log());
        (!lines.is_empty()).then_some(lines)
    })
    .await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0].clone()
}

/// The member that the alarm's metric filter reads: `$.oldest_marked_s` at the top of a line.
fn member_of_the_metric() -> String {
    let template = std::fs::read_to_string(workspace_folder().join("template.yaml")).expect("the template");
    let value_of = |name: &str| {
        let line = template.lines().find_map(|line| line.trim_start().strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in the template")).trim().to_owned()
    };
    let member = value_of("MetricValue: $.");
    assert_eq!(value_of("FilterPattern:"), format!("'{{ $.{member} >= 0 }}'"), "the pattern takes every number");
    member
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_relay_ends_each_run_with_the_line_that_its_alarm_reads() {
    let stack = tokio::task::spawn_blocking(ServersStack::new).await.expect("a stack");
    let member = member_of_the_metric();
    let line = line_of_a_run(&stack.environment(), &member).await;
    assert_eq!((&line[&member], &line["level"]), (&json!(0), &json!("INFO")), "{line}");

    // The commit was stored 100 s ago, and no bus takes it.
    let store = MongoEventStore::connect(&stack.event_store_url()).await.expect("a URL");
    let stored_at = Timestamp::from_unix_micros(Timestamp::now().unix_micros() - 100_000_000).expect("a time");
    let draft = CommitDraft { occurred_at: stored_at, ..StreamEnd::of_new_stream().draft(counted(1)) };
    store.append(&draft.seal()).await.expect("appends");
    let mut without_kafka = stack.environment();
    without_kafka.retain(|(name, _)| name != "KAFKA_BOOTSTRAP_SERVERS");
    without_kafka.push(("KAFKA_BOOTSTRAP_SERVERS".to_owned(), "127.0.0.1:9".to_owned()));
    let line = line_of_a_run(&without_kafka, &member).await;
    let age_s = line[&member].as_u64().unwrap_or_else(|| panic!("no number in {line}"));
    assert!((100..160).contains(&age_s), "{line}");

    // Now Kafka takes the commit.
    let line = line_of_a_run(&stack.environment(), &member).await;
    assert_eq!((&line[&member], &line["delivered"]), (&json!(0), &json!(1)), "{line}");
}
