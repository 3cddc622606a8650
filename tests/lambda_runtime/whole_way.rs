//! One account's way through all parts, each hop in a process of its own: an HTTP event in, the document in MongoDB,
//! the records on Kafka as a client in another language reads them, the projector behind its event source mapping, the
//! rows in MySQL, an HTTP answer out.

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt as _;
use kafka_events::KafkaConnection;
use local_aws::{EventFunction, EventSourceMapping, InvokeApi, InvokeClient, MappingSettings};
use mongodb::Client;
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use super::function_pool::FunctionPool;
use super::runtime_api::FunctionProcess;
use super::{answer, event};
use crate::harness::{Server, ServersStack, eventually, kafka_bootstrap_servers, read_cloud_events};

async fn commits(stack: &ServersStack) -> Vec<Document> {
    let client = Client::with_uri_str(stack.event_store_url()).await.expect("a URL");
    let database = client.default_database().expect("named in the URL");
    let found = database.collection::<Document>("commits").find(doc! {}).sort(doc! { "_id": 1 }).await.expect("reads");
    found.try_collect().await.expect("reads")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_becomes_a_document_a_record_a_row_and_an_answer_each_hop_a_process() {
    let stack = tokio::task::spawn_blocking(ServersStack::new).await.expect("a stack");
    let environment = stack.environment();
    let headers = json!({"x-correlation-id": "4bf92f3577b34da6a3ce929d0e0e4736"});

    // HTTP in.
    let open = FunctionProcess::start_with("open-account", &environment).await;
    let body = json!({"holder": "Ann Lee", "kind": "checking", "currency": "EUR", "opening_balance": "100"});
    let (status, opened) = answer(&open.invoke(&event("POST", "/accounts", None, &headers, Some(&body))).await);
    assert_eq!(status, 201, "{opened}");
    let id = opened["account_id"].as_str().expect("an id");
    let deposit = FunctionProcess::start_with("deposit-funds", &environment).await;
    let body = json!({"amount": "25.5", "reference": "wages"});
    let path = format!("/accounts/{id}");
    let request = event("POST", &format!("{path}/deposits"), Some(id), &headers, Some(&body));
    let (status, deposited) = answer(&deposit.invoke(&request).await);
    assert_eq!((status, &deposited["version"]), (200, &json!(2)), "{deposited}");

    // MongoDB has one document for each command, and neither is marked any more.
    let is_published = |commit: &Document| !commit.contains_key("undelivered");
    let stored = eventually("both commits are there and published", async || {
        let stored = commits(&stack).await;
        stored.iter().all(is_published).then_some(stored)
    })
    .await;
    let first_versions: Vec<i64> = stored
        .iter()
        .map(|commit| commit.get_document("_id").expect("an id").get_i64("first_version").expect("a version"))
        .collect();
    assert_eq!(first_versions, [1, 2]);

    // Kafka has CloudEvents, as another client reads them.
    let records = read_cloud_events(&kafka_bootstrap_servers(), &stack.topic()).await;
    let seen: Vec<(&Value, &Value, &Value)> = records
        .iter()
        .map(|record| (&record["key"], &record["attributes"]["type"], &record["attributes"]["sequence"]))
        .collect();
    assert_eq!(
        seen,
        [
            (&json!(id), &json!("passbook.account.AccountOpened"), &json!("1")),
            (&json!(id), &json!("passbook.account.FundsDeposited"), &json!("2")),
        ]
    );
    assert_eq!(records[1]["data"], json!({"amount_minor": 2_550, "currency": "EUR", "reference": "wages"}));
    let trace = records[1]["attributes"]["traceparent"].as_str().expect("text");
    assert!(trace.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"), "{trace}");

    // The projector runs in two processes, behind the mapping.
    let pool = FunctionPool::start("account-projector", 2, &environment).await;
    let mapping = MappingSettings::new("account-projector", stack.topic());
    let invoke_api = InvokeApi::serve([(mapping.function_name.clone(), Arc::new(pool) as _)]).await.expect("a port");
    let connection = KafkaConnection::connect(&stack.kafka_settings()).await.expect("brokers that are named");
    let client = InvokeClient::new(&invoke_api.base_url(), Duration::from_secs(20));
    let running = EventSourceMapping::start(&connection, &client, &mapping).expect("starts");

    // HTTP out, once MySQL has the rows.
    let get = FunctionProcess::start_with("get-account", &environment).await;
    let wait = json!({"passbook-min-version": "2"});
    let account = eventually("the row is there", async || {
        let (status, account) = answer(&get.invoke(&event("GET", &path, Some(id), &wait, None)).await);
        (status == 200).then_some(account)
    })
    .await;
    assert_eq!((&account["balance"], &account["holder"]), (&json!("125.50"), &json!("Ann Lee")), "{account}");
    let list = FunctionProcess::start_with("list-transactions", &environment).await;
    let request = event("GET", &format!("{path}/transactions"), Some(id), &wait, None);
    let (status, statement) = answer(&list.invoke(&request).await);
    let amounts: Vec<&Value> =
        statement["transactions"].as_array().expect("lines").iter().map(|line| &line["amount"]).collect();
    assert_eq!((status, amounts), (200, vec![&json!("25.50"), &json!("100.00")]), "{statement}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_hands_requests_to_functions_that_are_processes_behind_an_invoke_api() {
    let stack = tokio::task::spawn_blocking(ServersStack::new).await.expect("a stack");
    let mut environment = stack.environment();
    let mut functions: Vec<(String, Arc<dyn EventFunction>)> = Vec::new();
    for name in ["open-account", "get-account", "list-transactions", "account-projector", "event-relay"] {
        functions.push((name.to_owned(), Arc::new(FunctionPool::start(name, 1, &environment).await)));
    }
    let invoke_api = InvokeApi::serve(functions).await.expect("a port");
    environment.push(("PASSBOOK_INVOKE_URL".to_owned(), invoke_api.base_url()));
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    let server = tokio::task::block_in_place(|| Server::start_with(&environment));
    let client = server.client();

    // The claims come from the gateway, the answer with its headers from the function, the row from the projector.
    let body = json!({"holder": "Zoë 李", "kind": "checking", "currency": "EUR", "opening_balance": "100"});
    let opened = client.post("/accounts", &body).await;
    opened.expect(201);
    let path = opened.header("location").expect("where it is").to_owned();
    let account = eventually("the row is there", async || {
        let account = client.get(&path).await;
        (account.status == 200).then_some(account)
    })
    .await;
    assert_eq!((account.text("holder"), account.header("etag")), ("Zoë 李", Some("\"1\"")));
    let refused = client.get(&format!("{path}/transactions?limit=0")).await;
    refused.expect_problem(400, "malformed_request");
    // The first route has no running function, and the second path has no route.
    client.get("/accounts").await.expect_problem(503, "unavailable");
    client.get("/nowhere").await.expect_problem(404, "not_found");
}
