use bank::{AccountAggregate, AccountEvent};
use cqrs::{AggregateRoot as _, CommitDraft, DomainEvent as _, RecordedState, Timestamp};
use serde_json::{Value, json};

use crate::contract::{AccountHistory, Dice};
use crate::harness::{Client, Server};

/// The time that is so many microseconds later.
fn later(time: Timestamp, micros: i64) -> Timestamp {
    Timestamp::from_unix_micros(time.unix_micros() + micros).expect("a time")
}

/// The account's members, without the id, as of this time.
async fn as_of(client: &Client, account_id: &str, time: &str) -> Value {
    client.get(&format!("/accounts/{account_id}/as-of/{time}")).await.expect(200).body.clone()
}

#[tokio::test]
async fn an_account_is_shown_as_it_stood_at_and_between_each_of_its_events() {
    // given
    let server = Server::start();
    let client = server.client();
    let account_id = client.open("100.00").await;
    client.deposit(&account_id, "25.50").await.expect(200);
    client.withdraw(&account_id, "125.50").await.expect(200);
    client.close(&account_id).await.expect(200);
    let path = format!("/accounts/{account_id}");
    let trail = client.get(&format!("{path}/events")).await;
    let times: Vec<Timestamp> = trail.body["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|event| event["occurred_at"].as_str().expect("text").parse().expect("a time"))
        .collect();

    // then each event is included at its own time, and not yet a microsecond before
    for (version, (balance, status)) in
        (1_u64..).zip([("100.00", "active"), ("125.50", "active"), ("0.00", "active"), ("0.00", "closed")])
    {
        let happened_at = times[usize::try_from(version).expect("small") - 1];
        let expected = json!({
            "account_id": account_id, "holder": "Ann Lee", "kind": "checking", "currency": "EUR", "balance": balance,
            "status": status, "version": version, "opened_at": times[0], "updated_at": happened_at,
        });
        assert_eq!(as_of(&client, &account_id, &happened_at.to_string()).await, expected);
        let before = client.get(&format!("{path}/as-of/{}", later(happened_at, -1))).await;
        if version == 1 {
            before.expect_problem(404, "account_not_found");
        } else {
            assert_eq!(before.expect(200).version(), version - 1);
        }
    }

    // and in the future it is the account as it is now
    let now = client.get_at(&path, 4).await;
    for time in ["2999-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"] {
        assert_eq!(as_of(&client, &account_id, time).await, now.body);
    }
}

#[tokio::test]
async fn a_time_may_be_written_as_rfc_3339_and_a_url_allow() {
    let server = Server::start();
    let client = server.client();
    let account_id = client.open("1").await;
    let opened = as_of(&client, &account_id, "2999-01-01T00:00:00Z").await;
    for time in [
        "2999-01-01T00%3A00%3A00Z",
        "2999-01-01T00%3a00%3a00.5z",
        "2999-01-01t00:00:00.123456789Z",
        "2999-01-01T00:00:00+02:00",
        "2999-01-01T00:00:00%2B02:00",
        "2999-01-01T00:00:00-11:59",
        "%32999-01-01T00:00:00Z",
    ] {
        assert_eq!(as_of(&client, &account_id, time).await, opened, "{time}");
    }
    // The offset counts, and digits finer than a microsecond are cut off.
    let opened_at: Timestamp = opened["opened_at"].as_str().expect("text").parse().expect("a time");
    let local = |micros: i64, end: &str| later(opened_at, micros).to_string().replace('Z', end);
    let two_hours = 7_200_000_000;
    assert_eq!(as_of(&client, &account_id, &local(two_hours, "%2B02:00")).await, opened);
    assert_eq!(as_of(&client, &account_id, &local(-two_hours, "-02:00")).await, opened);
    assert_eq!(as_of(&client, &account_id, &local(0, "999Z")).await, opened);
    for before in [local(two_hours - 1, "%2B02:00"), local(-1, "999Z"), "0001-01-01T00:00:00Z".to_owned()] {
        let answer = client.get(&format!("/accounts/{account_id}/as-of/{before}")).await;
        answer.expect_problem(404, "account_not_found");
    }
}

#[tokio::test]
async fn a_long_account_is_folded_page_by_page_up_to_the_time() {
    // given an account of several pages, whose kept states differ from its events
    let server = Server::start();
    let event_store = server.event_store().await;
    let mut dice = Dice::seeded(70);
    let history = AccountHistory::random(&mut dice, 2_600);
    let commits = history.commits();
    assert!(commits.len() > 1_000 && commits.len() < history.events.len(), "{} commits", commits.len());
    for commit in &commits {
        event_store.append(commit).await.expect("appends");
    }
    // then at any time it agrees with the statement
    let client = server.client();
    let account_id = history.account_id.to_string();
    let (first, last) = (history.row.opened_at, history.row.updated_at);
    let span_micros = last.unix_micros() - first.unix_micros();
    for _ in 0..40 {
        let time = later(first, dice.amount_up_to(span_micros) - 1);
        let line = history.statement.iter().find(|line| line.occurred_at <= time).expect("it has been opened");
        let account = client.get(&format!("/accounts/{account_id}/as-of/{time}")).await;
        assert_eq!(
            (account.expect(200).version(), account.text("balance"), account.text("updated_at")),
            (line.version, line.balance_after.to_string().as_str(), line.occurred_at.to_string().as_str()),
            "{time}"
        );
    }
    let whole = client.get(&format!("/accounts/{account_id}/as-of/{last}")).await;
    assert_eq!(
        (whole.expect(200).version(), whole.text("balance")),
        (history.row.version, history.row.balance.to_string().as_str())
    );
}

#[tokio::test]
async fn a_stream_with_a_gap_is_answered_up_to_the_gap_and_not_beyond() {
    let server = Server::start();
    let event_store = server.event_store().await;
    let mut history = AccountHistory::random(&mut Dice::seeded(71), 1);
    history.deposit(100, None).deposit(100, None);
    let commits = history.commits();
    assert_eq!(commits.len(), 3);
    event_store.append(&commits[0]).await.expect("appends");
    // The newest commit's state tells whether the holder has been erased since, as in every account.
    let mut now = AccountAggregate::default();
    for event in &history.events {
        let event = AccountEvent::from_data(&event.event_type, event.schema_version, &event.data);
        now.apply(&event.expect("an event"));
    }
    let data = serde_json::to_value(now).expect("plain JSON");
    let state = RecordedState { state_version: AccountAggregate::STATE_VERSION, data };
    let newest = CommitDraft { state, ..commits[2].draft.clone() };
    event_store.append(&newest.seal()).await.expect("appends");
    // This id belongs to a stream of another kind.
    let mut other = AccountHistory::random(&mut Dice::seeded(72), 1);
    other.deposit(1, None);
    let of_another_kind = CommitDraft { aggregate_type: "case".to_owned(), ..other.commits()[0].draft.clone() };
    event_store.append(&of_another_kind.seal()).await.expect("appends");

    let client = server.client();
    let path = format!("/accounts/{}/as-of", history.account_id);
    let opened = client.get(&format!("{path}/{}", commits[0].draft.occurred_at)).await;
    assert_eq!(opened.expect(200).version(), 1);
    let beyond = client.get(&format!("{path}/{}", commits[2].draft.occurred_at)).await;
    beyond.expect_problem(500, "internal_error");
    let other = client.get(&format!("/accounts/{}/as-of/2999-01-01T00:00:00Z", other.account_id)).await;
    other.expect_problem(404, "account_not_found");
}
