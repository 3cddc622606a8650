//! Processes that die at any moment (SIGKILL): a command function around its insert and its publishing, the projector
//! around its commit and the mapping's commit. Every acknowledged command is stored once, and the rows are those that
//! the events give.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bank::AccountId;
use bank_read_model::{BankAccountRepository, StatementFilter, StatementPage};
use cqrs::{DeliveryMarks as _, EventStoreRepository as _, StreamId, Timestamp};
use kafka_events::KafkaConnection;
use local_aws::{EventFunction, EventSourceMapping, InvokeApi, InvokeClient, MappingSettings};
use mongo_stores::MongoEventStore;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::runtime_api::FunctionProcess;
use super::{answer, event};
use crate::contract::Dice;
use crate::harness::{ServersStack, eventually, eventually_within};

const KILLS: u64 = 200;
const ACCOUNTS: usize = 4;

/// A projector whose process is killed at a random moment of an invocation, repeatedly, and then left alone.
struct DyingProjector {
    environment: Vec<(String, String)>,
    process: Mutex<Option<FunctionProcess>>,
    dice: Mutex<Dice>,
    kills: AtomicU64,
}

#[async_trait]
impl EventFunction for DyingProjector {
    async fn invoke(&self, batch: Value) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let mut process = self.process.lock().await;
        let running = match process.take() {
            Some(running) => running,
            None => FunctionProcess::start_with("account-projector", &self.environment).await,
        };
        // The kill comes at any moment from before the batch is read to after it is answered.
        let lives = Duration::from_micros(500 * self.dice.lock().await.below(120) as u64);
        if self.kills.load(Ordering::Relaxed) < KILLS {
            let answered = tokio::time::timeout(lives, running.try_invoke(&batch)).await;
            // The process may have answered, but the mapping does not get the answer.
            drop((answered, running));
            self.kills.fetch_add(1, Ordering::Relaxed);
            return Err("the process was killed".into());
        }
        let answered = running.try_invoke(&batch).await;
        *process = Some(running);
        answered.map_err(|error| error.to_string().into())
    }
}

fn deposit(account_id: &str, key: &str) -> Value {
    let headers = json!({"idempotency-key": key});
    let body = json!({"amount": "0.01", "reference": key});
    event("POST", &format!("/accounts/{account_id}/deposits"), Some(account_id), &headers, Some(&body))
}

/// The number of deposits with each reference, the stream's version, and the balance that its events give.
async fn folded(store: &MongoEventStore, account_id: AccountId) -> (BTreeMap<String, u64>, u64, i64) {
    let commits = store.commits_from(StreamId(account_id.as_uuid()), 1, 10_000).await.expect("reads");
    let (mut deposits, mut version, mut balance_minor) = (BTreeMap::new(), 0, 0);
    for commit in commits {
        for recorded in &commit.draft.events {
            version += 1;
            let number = |name: &str| recorded.data[name].as_i64().unwrap_or(0);
            balance_minor += number("opening_balance_minor") + number("amount_minor");
            if let Some(reference) = recorded.data["reference"].as_str() {
                *deposits.entry(reference.to_owned()).or_default() += 1;
            }
        }
    }
    (deposits, version, balance_minor)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_killed_200_times_each_lose_nothing_and_double_nothing() {
    let stack = Arc::new(tokio::task::spawn_blocking(ServersStack::new).await.expect("a stack"));
    let environment = stack.environment();
    let open = FunctionProcess::start_with("open-account", &environment).await;
    let mut account_ids = Vec::new();
    for _ in 0..ACCOUNTS {
        let body = json!({"holder": "Ann Lee", "kind": "checking", "currency": "EUR", "opening_balance": "1"});
        let (status, opened) = answer(&open.invoke(&event("POST", "/accounts", None, &json!({}), Some(&body))).await);
        assert_eq!(status, 201, "{opened}");
        account_ids.push(opened["account_id"].as_str().expect("an id").to_owned());
    }

    // The command function is killed at any moment from before it has read the request to after it has answered. Four
    // run at a time, each with an account of its own.
    let killing = account_ids.iter().enumerate().map(|(number, account_id)| {
        let environment = environment.clone();
        async move {
            let mut dice = Dice::seeded(200 + number as u64);
            let mut acknowledged = Vec::new();
            for round in 0..KILLS / ACCOUNTS as u64 {
                let key = format!("{number}-{round}");
                let process = FunctionProcess::start_with("deposit-funds", &environment).await;
                // The process is warmed up first, because the kill must hit the command and not the start. The first
                // search also measures the present speed of this machine: a search for a missing account is a part of
                // the time of a deposit.
                let nobodys = deposit("00000000-0000-7000-8000-000000000000", "warm");
                process.invoke(&nobodys).await;
                let started_at = Instant::now();
                process.invoke(&nobodys).await;
                let lives = started_at.elapsed() * u32::try_from(dice.below(80)).expect("small") / 10;
                let request = deposit(account_id, &key);
                if let Ok(answered) = tokio::time::timeout(lives, process.invoke(&request)).await
                    && answer(&answered).0 == 200
                {
                    acknowledged.push(key);
                }
                drop(process);
            }
            acknowledged
        }
    });
    let acknowledged = futures::future::join_all(killing).await;

    let store = MongoEventStore::connect(&stack.event_store_url()).await.expect("a URL");
    let ids: Vec<AccountId> = account_ids.iter().map(|id| id.parse().expect("an id")).collect();
    let mut expected = Vec::new();
    for (id, acknowledged) in ids.iter().zip(&acknowledged) {
        let (deposits, version, balance_minor) = folded(&store, *id).await;
        assert!(deposits.values().all(|times| *times == 1), "{deposits:?}");
        assert!(acknowledged.iter().all(|key| deposits.contains_key(key)), "an acknowledged deposit is lost");
        expected.push((version, balance_minor));
    }
    let stored: u64 = expected.iter().map(|(version, _)| version - 1).sum();
    let marked = store.undelivered(Timestamp::now(), 10_000).await.expect("reads").commits.len();
    println!("{stored} of {KILLS} commands were stored, {marked} of them not known to be published");
    assert!(marked > 0, "no kill came between an insert and the end of its publishing");
    assert!(
        (1..KILLS).contains(&stored),
        "{stored} of {KILLS} commands were stored: the kills came all too soon or too late"
    );

    // The relay runs once the marks are old enough for it.
    let relay = FunctionProcess::start_with("event-relay", &environment).await;
    eventually("the relay has published what was left", async || {
        relay.invoke(&json!({"source": "aws.scheduler"})).await;
        store.undelivered(Timestamp::now(), 1).await.expect("reads").commits.is_empty().then_some(())
    })
    .await;

    // Now the projector is killed.
    let projector = Arc::new(DyingProjector {
        environment: environment.clone(),
        process: Mutex::default(),
        dice: Mutex::new(Dice::seeded(300)),
        kills: AtomicU64::new(0),
    });
    let mapping = MappingSettings {
        batch_size: 10,
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(5),
        ..MappingSettings::new("account-projector", stack.topic())
    };
    let functions: [(String, Arc<dyn EventFunction>); 1] = [(mapping.function_name.clone(), projector.clone())];
    let invoke_api = InvokeApi::serve(functions).await.expect("a port");
    let client = InvokeClient::new(&invoke_api.base_url(), Duration::from_secs(20));
    let connection = KafkaConnection::connect(&stack.kafka_settings()).await.expect("brokers that are named");
    let running = EventSourceMapping::start(&connection, &client, &mapping).expect("starts");
    let read_db = mysql_read_db::connect(&stack.read_db_url()).expect("a URL");
    let accounts = BankAccountRepository::new(Arc::new(read_db.clone()));
    // On a busy machine a process starts slowly.
    eventually_within(Duration::from_secs(180), "the projector was killed so often", async || {
        (projector.kills.load(Ordering::Relaxed) >= KILLS).then_some(())
    })
    .await;
    for (id, (version, balance_minor)) in ids.iter().zip(&expected) {
        let row = eventually("the row has all events", async || {
            accounts.account(*id).await.expect("reads").filter(|row| row.version >= *version)
        })
        .await;
        assert_eq!((row.version, row.balance.amount_minor()), (*version, *balance_minor));
        let all = StatementPage { before_version: None, limit: 10_000 };
        let lines = accounts.statement(*id, StatementFilter::default(), all).await.expect("reads");
        let versions: Vec<u64> = lines.iter().rev().map(|line| line.version).collect();
        assert_eq!(versions, (1..=*version).collect::<Vec<_>>());
        assert_eq!(lines[0].balance_after.amount_minor(), *balance_minor);
    }
    running.stop().await;
    read_db.close().await;
}
