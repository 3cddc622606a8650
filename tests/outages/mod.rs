//! The real servers are killed and started again under the running program. All tests share the servers, so `make
//! tests` runs these tests last and one after the other.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use serde_json::json;

use crate::harness::{
    Client, Server, ServersStack, eventually_within, passbook_program, service_process, without_settings,
    workspace_folder,
};

/// How long to wait for a server that starts on a busy machine, and for the recovery after it.
const PATIENCE: Duration = Duration::from_secs(90);

/// A server of `make services`.
#[derive(Clone, Copy)]
struct Service(&'static str);

impl Service {
    /// `kill -9`.
    fn kill(self) {
        let killed = Command::new("kill").args(["-KILL", &service_process(self.0)]).status().expect("kill starts");
        assert!(killed.success(), "{} did not run", self.0);
    }

    /// Starts the server, and returns once it answers.
    fn start(self) {
        let script = workspace_folder().join("tests/services").join(format!("{}.sh", self.0));
        let started = Command::new(script).arg("start").stdin(Stdio::null()).output().expect("the script starts");
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    }
}

/// A server that is down. It is started again when this value is dropped, even after a failed test, because later tests
/// need it.
struct Down(Service);

impl Down {
    fn kill(service: Service) -> Self {
        service.kill();
        Self(service)
    }

    fn start_again(self) {
        drop(self);
    }
}

impl Drop for Down {
    fn drop(&mut self) {
        self.0.start();
    }
}

fn server_on(stack: &ServersStack) -> Server {
    let environment = stack.environment();
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Server::start_with(&environment)
}

async fn open_accounts(client: &Client, number: usize) -> Vec<String> {
    let mut account_ids = Vec::new();
    for _ in 0..number {
        let account_id = client.open("0").await;
        assert_row(client, &account_id, 1, "0.00").await;
        account_ids.push(account_id);
    }
    account_ids
}

/// Checks the row and the statement once the read side is at this version. No event may be lost or doubled.
async fn assert_row(client: &Client, account_id: &str, version: u64, balance: &str) {
    let path = format!("/accounts/{account_id}");
    let account = eventually_within(PATIENCE, "the read side has caught up", async || {
        let answer = client.get_once_at(&path, version).await;
        (answer.status == 200).then_some(answer)
    })
    .await;
    assert_eq!((account.version(), account.text("balance")), (version, balance));
    let statement = client.get(&format!("{path}/transactions?limit=200")).await;
    let lines = statement.expect(200).body["transactions"].as_array().map_or(0, Vec::len);
    assert_eq!(lines as u64, version);
}

/// Makes deposits of 0.01 over all accounts in turn. Each must succeed.
async fn deposit(client: &Client, account_ids: &[String], number: usize) {
    let deposits = (0..number).map(|turn| client.deposit(&account_ids[turn % account_ids.len()], "0.01"));
    let mut answers = futures::stream::iter(deposits).buffer_unordered(8);
    while let Some(answer) = answers.next().await {
        answer.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes Kafka down; make tests runs it alone"]
async fn kafka_down_during_1000_commands_loses_none_of_them() {
    let stack = ServersStack::new();
    let server = server_on(&stack);
    let client = server.client();
    let account_ids = open_accounts(&client, 10).await;
    let down = Down::kill(Service("kafka"));
    deposit(&client, &account_ids, 1_000).await;
    down.start_again();
    for account_id in &account_ids {
        assert_row(&client, account_id, 101, "1.00").await;
    }
    // Later commits are published at once again.
    deposit(&client, &account_ids, 10).await;
    for account_id in &account_ids {
        assert_row(&client, account_id, 102, "1.01").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes MySQL down; make tests runs it alone"]
async fn mysql_down_keeps_every_event_for_later_and_none_among_the_dead_letters() {
    let stack = ServersStack::new();
    let server = server_on(&stack);
    let client = server.client();
    let account_ids = open_accounts(&client, 5).await;
    let down = Down::kill(Service("mysql"));
    // The write side does not need MySQL.
    deposit(&client, &account_ids, 200).await;
    let query = client.get(&format!("/accounts/{}", account_ids[0])).await;
    query.expect_problem(503, "unavailable");
    assert!(query.header("retry-after").is_some());
    // The time is long enough for the mapping to try many times.
    tokio::time::sleep(Duration::from_secs(3)).await;
    down.start_again();
    for account_id in &account_ids {
        assert_row(&client, account_id, 41, "0.40").await;
    }
    let listed = without_settings(&mut Command::new(passbook_program()))
        .args(["dead-letters", "list", "--json"])
        .envs(stack.environment())
        .output()
        .expect("the program starts");
    assert_eq!((listed.status.success(), String::from_utf8_lossy(&listed.stdout).trim()), (true, ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes MongoDB down; make tests runs it alone"]
async fn mongodb_down_is_503_in_time_and_a_retry_with_its_key_has_one_effect() {
    let stack = ServersStack::new();
    let server = server_on(&stack);
    let client = server.client();
    let account_ids = open_accounts(&client, 1).await;
    let path = format!("/accounts/{}/deposits", account_ids[0]);
    let body = json!({"amount": "0.01"});
    let down = Down::kill(Service("mongodb"));
    for _ in 0..3 {
        let started_at = Instant::now();
        let answer = client.post_with_key(&path, &body, "once").await;
        answer.expect_problem(503, "unavailable");
        assert!(answer.header("retry-after").is_some());
        assert!(started_at.elapsed() < Duration::from_secs(11), "{:?}", started_at.elapsed());
    }
    // Reads go on meanwhile.
    assert_row(&client, &account_ids[0], 1, "0.00").await;
    down.start_again();
    let answer = eventually_within(PATIENCE, "the event store has a primary again", async || {
        let answer = client.post_with_key(&path, &body, "once").await;
        (answer.status == 200).then_some(answer)
    })
    .await;
    assert_eq!(answer.version(), 2);
    assert_row(&client, &account_ids[0], 2, "0.01").await;
}
