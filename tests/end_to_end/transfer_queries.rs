use http::Method;
use serde_json::{Value, json};

use super::callers::{caller, start};
use crate::harness::{Answer, Client, Server};

/// A valid id of a transfer that no one has made.
const UNKNOWN_ID: &str = "019cc218-4a3a-7d0e-8b51-0d6a8c1f2e39";

/// Makes a transfer, and waits until the read side has it and both of its legs.
async fn transfer(client: &Client, from: &str, to: &str, amount: &str) -> Answer {
    let made = client.post("/transfers", &json!({"from": from, "to": to, "amount": amount, "reference": "rent"})).await;
    made.expect(201);
    client.get_at(&format!("/transfers/{}", made.text("transfer_id")), 1).await.expect(200);
    client
        .get_at(&format!("/accounts/{from}"), made.body["from_version"].as_u64().expect("a version"))
        .await
        .expect(200);
    made
}

async fn reverse(client: &Client, transfer_id: &str) {
    let reversed = client.post(&format!("/transfers/{transfer_id}/reversal"), &json!({"reason": "a mistake"})).await;
    reversed.expect(200);
    client.get_at(&format!("/transfers/{transfer_id}"), 2).await.expect(200);
}

fn ids(page: &Answer) -> Vec<&str> {
    let transfers = page.expect(200).body["transfers"].as_array().expect("a list");
    transfers.iter().map(|transfer| transfer["transfer_id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn a_transfer_and_its_reversal_are_shown_with_lines_in_both_statements() {
    let server = Server::start();
    let client = server.client();
    let (from, to) = (client.open("100").await, client.open("5").await);
    let made = transfer(&client, &from, &to, "40").await;
    let id = made.text("transfer_id").to_owned();
    let path = format!("/transfers/{id}");
    let shown = client.get(&path).await;
    assert_eq!(shown.expect(200).header("etag"), Some("\"1\""));
    let occurred_at = shown.text("occurred_at").to_owned();
    let mut expected = json!({
        "transfer_id": id, "version": 1, "status": "completed", "from": from, "to": to, "amount": "40.00",
        "currency": "EUR", "reference": "rent", "occurred_at": occurred_at, "reversed_at": null,
        "reversal_reason": null,
    });
    assert_eq!(shown.body, expected);
    assert_eq!(client.get("/transfers").await.expect(200).body, json!({"transfers": [expected], "next_cursor": null}));
    let unless = client.request(Method::GET, &path).header("If-None-Match", "\"1\"");
    client.send(unless).await.expect(304);

    reverse(&client, &id).await;
    let shown = client.get(&path).await;
    assert_eq!(shown.expect(200).header("etag"), Some("\"2\""));
    assert!(shown.text("reversed_at") >= occurred_at.as_str());
    expected["version"] = json!(2);
    expected["status"] = json!("reversed");
    expected["reversed_at"] = shown.body["reversed_at"].clone();
    expected["reversal_reason"] = json!("a mistake");
    assert_eq!(shown.body, expected);
    let unless = client.request(Method::GET, &path).header("If-None-Match", "\"1\"");
    client.send(unless).await.expect(200);

    // Newest first: the reversal's line, the transfer's line, and the opening, which has no transfer.
    for (account_id, other, kinds, balances) in [
        (&from, &to, ["transfer_in", "transfer_out"], ["100.00", "60.00"]),
        (&to, &from, ["transfer_out", "transfer_in"], ["5.00", "45.00"]),
    ] {
        let statement = client.get_at(&format!("/accounts/{account_id}/transactions"), 3).await;
        let lines = statement.expect(200).body["transactions"].as_array().expect("lines").clone();
        assert_eq!(lines.len(), 3);
        for (line, ((kind, balance), reference)) in
            lines.iter().zip(kinds.iter().zip(balances).zip(["a mistake", "rent"]))
        {
            let named = (&line["type"], &line["amount"], &line["balance_after"], &line["reference"]);
            assert_eq!(named, (&json!(kind), &json!("40.00"), &json!(balance), &json!(reference)));
            assert_eq!((&line["transfer_id"], &line["counterparty"]), (&json!(id), &json!(other)));
        }
        assert!(lines[2].get("transfer_id").is_none() && lines[2].get("counterparty").is_none(), "{}", lines[2]);
        // The same by the events alone.
        let account = client.get_at(&format!("/accounts/{account_id}"), 3).await;
        let as_of = client.get(&format!("/accounts/{account_id}/as-of/2999-01-01T00:00:00Z")).await;
        assert_eq!(as_of.expect(200).body, account.expect(200).body);
        let events = client.get(&format!("/accounts/{account_id}/events")).await;
        let data = &events.expect(200).body["events"][1]["data"];
        assert_eq!((&data["transfer_id"], &data["counterparty"]), (&json!(id), &json!(other)));
    }
}

#[tokio::test]
async fn an_accounts_transfers_come_newest_first_by_either_leg_and_by_every_filter() {
    let server = Server::start();
    let client = server.client();
    let (one, two, three) = (client.open("100").await, client.open("100").await, client.open("100").await);
    let mut made = Vec::new();
    for (from, to) in [(&one, &two), (&two, &one), (&one, &three), (&three, &two), (&two, &one), (&one, &two)] {
        made.push(transfer(&client, from, to, "1").await.text("transfer_id").to_owned());
    }
    reverse(&client, &made[1]).await;
    reverse(&client, &made[3]).await;
    let newest_first = |places: &[usize]| places.iter().map(|place| made[*place].as_str()).collect::<Vec<_>>();
    let times: Vec<String> = {
        let mut times = Vec::new();
        for id in &made {
            times.push(client.get(&format!("/transfers/{id}")).await.text("occurred_at").to_owned());
        }
        times
    };
    let of_one = format!("account={one}");
    for (query, places) in [
        (String::new(), vec![5, 4, 3, 2, 1, 0]),
        (of_one.clone(), vec![5, 4, 2, 1, 0]),
        (format!("account={two}"), vec![5, 4, 3, 1, 0]),
        (format!("account={three}"), vec![3, 2]),
        (format!("{of_one}&status=completed"), vec![5, 4, 2, 0]),
        (format!("{of_one}&status=reversed"), vec![1]),
        ("status=reversed".to_owned(), vec![3, 1]),
        (format!("{of_one}&since={}", times[2]), vec![5, 4, 2]),
        (format!("{of_one}&until={}", times[2]), vec![1, 0]),
        (format!("since={}&until={}", times[1], times[4]), vec![3, 2, 1]),
        (format!("{of_one}&since=2999-01-01T00:00:00Z"), vec![]),
    ] {
        let page = client.get(&format!("/transfers?{query}")).await;
        assert_eq!((ids(&page), &page.body["next_cursor"]), (newest_first(&places), &Value::Null), "{query}");
        for limit in 1..=3 {
            let (mut visited, mut cursor) = (Vec::new(), String::new());
            loop {
                let page = client.get(&format!("/transfers?{query}&limit={limit}{cursor}")).await;
                visited.extend(ids(&page).into_iter().map(ToOwned::to_owned));
                let Some(next) = page.body["next_cursor"].as_str() else { break };
                assert_eq!(ids(&page).len(), limit, "{query}: a page that is not full, and yet there is more");
                cursor = format!("&cursor={next}");
            }
            assert_eq!(visited, newest_first(&places), "{query} in pages of {limit}");
        }
    }
    // A transfer that is made or reversed between two pages neither repeats nor skips another.
    let first = client.get(&format!("/transfers?{of_one}&limit=2")).await;
    transfer(&client, &one, &three, "1").await;
    reverse(&client, &made[2]).await;
    let second = client.get(&format!("/transfers?{of_one}&limit=2&cursor={}", first.text("next_cursor"))).await;
    assert_eq!([ids(&first), ids(&second)].concat(), newest_first(&[5, 4, 2, 1]));
}

#[tokio::test]
async fn a_query_that_the_contract_does_not_know_is_refused() {
    let server = Server::start();
    let client = server.client();
    let account_id = client.open("1").await;
    for query in [
        "status=pending",
        "status=Completed",
        "since=yesterday",
        "until=2026-01-01",
        "limit=0",
        "limit=201",
        "cursor=x",
        "account=1",
        "from=2026-01-01T00:00:00Z",
        "colour=red",
        "status=completed&status=completed",
    ] {
        client.get(&format!("/transfers?{query}")).await.expect_problem(400, "malformed_request");
    }
    client.get(&format!("/transfers?account={account_id}&colour=red")).await.expect_problem(400, "malformed_request");
    client.get(&format!("/transfers?account={UNKNOWN_ID}")).await.expect_problem(404, "account_not_found");
    for id in [UNKNOWN_ID, "1", &account_id, &UNKNOWN_ID.to_uppercase()] {
        client.get(&format!("/transfers/{id}")).await.expect_problem(404, "transfer_not_found");
    }
    client.get(&format!("/transfers/{UNKNOWN_ID}?colour=red")).await.expect_problem(400, "malformed_request");
    client.get_once_at(&format!("/transfers/{UNKNOWN_ID}"), 1).await.expect_problem(503, "projection_behind");
}

#[tokio::test]
async fn both_owners_and_tellers_see_a_transfer_and_to_others_it_is_one_that_was_never_made() {
    let server = start();
    let scopes = "accounts:read accounts:write";
    let (ann, bob, eve) =
        (caller(&server, "ann", scopes), caller(&server, "bob", scopes), caller(&server, "eve", scopes));
    let teller = caller(&server, "tom", "accounts:read teller");
    let (from, to) = (ann.open("100").await, bob.open("0").await);
    let made = transfer(&ann, &from, &to, "40").await;
    let path = format!("/transfers/{}", made.text("transfer_id"));
    let shown = ann.get(&path).await.expect(200).body.clone();
    for client in [&bob, &teller] {
        assert_eq!(client.get(&path).await.expect(200).body, shown);
    }
    let strangers = eve.get(&path).await;
    let unknown = eve.get(&format!("/transfers/{UNKNOWN_ID}")).await;
    strangers.expect_problem(404, "transfer_not_found");
    let without_id = |answer: &Answer| {
        let mut body = answer.body.clone();
        body.as_object_mut().expect("a problem").remove("correlation_id");
        (answer.status, body)
    };
    assert_eq!(without_id(&strangers), without_id(&unknown));
    // The same with a version to wait for.
    let strangers = eve.get_once_at(&path, 1).await;
    let unknown = eve.get_once_at(&format!("/transfers/{UNKNOWN_ID}"), 1).await;
    strangers.expect_problem(503, "projection_behind");
    assert_eq!(without_id(&strangers), without_id(&unknown));
    caller(&server, "ann", "accounts:write").get(&path).await.expect_problem(403, "forbidden");

    // A list is of an account of one's own; only a teller may leave it out, or name another's.
    for client in [&ann, &bob, &eve] {
        client.get("/transfers").await.expect_problem(400, "malformed_request");
    }
    assert_eq!(ids(&teller.get("/transfers").await), [made.text("transfer_id")]);
    for (client, account_id) in [(&ann, &from), (&bob, &to), (&teller, &from), (&teller, &to)] {
        let page = client.get(&format!("/transfers?account={account_id}")).await;
        assert_eq!(ids(&page), [made.text("transfer_id")]);
    }
    let strangers = ann.get(&format!("/transfers?account={to}")).await;
    let unknown = ann.get(&format!("/transfers?account={UNKNOWN_ID}")).await;
    strangers.expect_problem(404, "account_not_found");
    assert_eq!(without_id(&strangers), without_id(&unknown));
}
