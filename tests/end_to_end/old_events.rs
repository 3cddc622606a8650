use bank::AccountId;
use cqrs::{Commit, CommitDraft, RecordedEvent, RecordedState, StreamId, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::Server;

/// The caller of all requests when tokens are not checked.
const DEVELOPER: &str = "developer";

/// One event in its stored form.
fn recorded(event_type: &str, schema_version: u32, data: Value) -> RecordedEvent {
    RecordedEvent { event_id: Uuid::now_v7(), event_type: event_type.to_owned(), schema_version, data, personal: None }
}

/// A commit as an old build may have written it, with a state that today's build does not read.
fn commit(account_id: AccountId, previous: Option<&Commit>, events: Vec<RecordedEvent>) -> Commit {
    CommitDraft {
        stream_id: StreamId(account_id.as_uuid()),
        aggregate_type: "account".to_owned(),
        first_version: previous.map_or(0, Commit::last_version) + 1,
        events,
        occurred_at: Timestamp::now(),
        caller: DEVELOPER.to_owned(),
        correlation_id: "old-request".to_owned(),
        causation_id: "old-request".to_owned(),
        idempotency: None,
        state: RecordedState { state_version: 0, data: json!({"balance": 7}) },
        previous_hash: previous.map(|previous| previous.hash),
    }
    .seal()
}

/// An account from the time when deposits and withdrawals had one event type: 100.00, then 25.50 more, 5.50 less and 1.00
/// less. The third and the fourth event are one commit.
fn old_account(account_id: AccountId) -> [Commit; 3] {
    let opened = recorded(
        "AccountOpened",
        1,
        json!({
            "owner": DEVELOPER, "holder": "Ann Lee", "kind": "checking", "currency": "EUR", "opening_balance_minor": 10_000,
        }),
    );
    let of_version_1 = recorded("FundsMoved", 1, json!({"amount_minor": 2_550, "currency": "EUR"}));
    let of_version_2 =
        recorded("FundsMoved", 2, json!({"amount_minor": -550, "currency": "EUR", "reference": "lunch"}));
    let of_version_1_again = recorded("FundsMoved", 1, json!({"amount_minor": -100, "currency": "EUR"}));
    let first = commit(account_id, None, vec![opened]);
    let second = commit(account_id, Some(&first), vec![of_version_1]);
    let third = commit(account_id, Some(&second), vec![of_version_2, of_version_1_again]);
    [first, second, third]
}

#[tokio::test]
async fn an_account_of_old_events_is_decided_on_audited_and_shown_as_one_of_todays() {
    // given an account that an old build has left
    let server = Server::start();
    let event_store = server.event_store().await;
    let account_id = AccountId::generate();
    for commit in old_account(account_id) {
        event_store.append(&commit).await.expect("appends");
    }
    let client = server.client();
    let path = format!("/accounts/{account_id}");

    // then commands decide on those events, and their commits follow the old commits
    client.withdraw(&account_id.to_string(), "119.01").await.expect_problem(422, "insufficient_funds");
    let withdrawn = client.withdraw(&account_id.to_string(), "19.00").await;
    withdrawn.expect(200);
    assert_eq!((withdrawn.version(), withdrawn.text("balance")), (5, "100.00"));

    // and the audit trail shows today's events
    let trail = client.get(&format!("{path}/events")).await;
    let events: Vec<_> = trail.expect(200).body["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|event| (event["version"].clone(), event["type"].clone(), event["data"].clone()))
        .collect();
    let movement = |version: u64, event_type: &str, amount: &str, reference: Option<&str>| {
        let data = json!({"amount": amount, "currency": "EUR", "reference": reference});
        (json!(version), json!(event_type), data)
    };
    assert_eq!(
        events[1..],
        [
            movement(2, "FundsDeposited", "25.50", None),
            movement(3, "FundsWithdrawn", "5.50", Some("lunch")),
            movement(4, "FundsWithdrawn", "1.00", None),
            movement(5, "FundsWithdrawn", "19.00", None),
        ]
    );

    // and the rows are those of today's events; the old events came over the bus in their stored form
    let account = client.get_at(&path, 5).await;
    assert_eq!((account.expect(200).text("balance"), account.version()), ("100.00", 5));
    let statement = client.get_at(&format!("{path}/transactions"), 5).await;
    let lines: Vec<_> = statement.expect(200).body["transactions"]
        .as_array()
        .expect("lines")
        .iter()
        .map(|line| {
            let text = |member: &str| line[member].as_str().map(str::to_owned);
            (text("type"), text("amount"), text("balance_after"), text("reference"))
        })
        .collect();
    let line = |kind: &str, amount: &str, balance: &str, reference: Option<&str>| {
        (Some(kind.to_owned()), Some(amount.to_owned()), Some(balance.to_owned()), reference.map(str::to_owned))
    };
    assert_eq!(
        lines,
        [
            line("withdrawal", "19.00", "100.00", None),
            line("withdrawal", "1.00", "119.00", None),
            line("withdrawal", "5.50", "120.00", Some("lunch")),
            line("deposit", "25.50", "125.50", None),
            line("opening", "100.00", "100.00", None),
        ]
    );
    #[cfg(feature = "services")]
    if crate::harness::is_on_servers() {
        on_kafka_each_is_in_the_form_that_is_stored(&server, account_id).await;
    }
}

/// Consumers upcast the events that they read: see the decision record on upcasters.
#[cfg(feature = "services")]
async fn on_kafka_each_is_in_the_form_that_is_stored(server: &Server, account_id: AccountId) {
    use crate::harness::{kafka_bootstrap_servers, read_cloud_events};

    let environment = server.data_environment();
    let topic = environment.iter().find(|(name, _)| name == "KAFKA_TOPIC").map(|(_, topic)| topic).expect("a topic");
    let records = read_cloud_events(&kafka_bootstrap_servers(), topic).await;
    let mut forms: Vec<_> = records
        .iter()
        .filter(|record| record["key"] == account_id.to_string())
        .map(|record| {
            let attribute = |name: &str| record["attributes"][name].as_str().expect("text").to_owned();
            (attribute("sequence"), attribute("type"), attribute("schemaversion"))
        })
        .collect();
    forms.sort();
    // Both the relay and the command may have published a commit.
    forms.dedup();
    let form = |version: &str, event_type: &str, schema_version: &str| {
        (version.to_owned(), format!("passbook.account.{event_type}"), schema_version.to_owned())
    };
    assert_eq!(
        forms,
        [
            form("1", "AccountOpened", "1"),
            form("2", "FundsMoved", "1"),
            form("3", "FundsMoved", "2"),
            form("4", "FundsMoved", "1"),
            form("5", "FundsWithdrawn", "1"),
        ]
    );
}

#[tokio::test]
async fn an_old_event_that_does_not_fit_its_form_stops_its_own_account_and_no_other() {
    let server = Server::start();
    let event_store = server.event_store().await;
    let account_id = AccountId::generate();
    let [first, second, _] = old_account(account_id);
    event_store.append(&first).await.expect("appends");
    event_store.append(&second).await.expect("appends");
    let nothing_moved = recorded("FundsMoved", 2, json!({"amount_minor": 0, "currency": "EUR", "reference": null}));
    event_store.append(&commit(account_id, Some(&second), vec![nothing_moved])).await.expect("appends");

    let client = server.client();
    let path = format!("/accounts/{account_id}");
    // The program does not guess about money. A person must look.
    assert_eq!(client.deposit(&account_id.to_string(), "1").await.status, 500);
    assert_eq!(client.get(&format!("{path}/events")).await.status, 500);
    let account = client.get_at(&path, 2).await;
    assert_eq!((account.expect(200).text("balance"), account.version()), ("125.50", 2));
    let other = client.open("5").await;
    client.deposit(&other, "1").await.expect(200);
    client.get_at(&format!("/accounts/{other}"), 2).await.expect(200);
}
