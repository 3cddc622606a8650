use serde_json::json;

use crate::harness::Server;

#[tokio::test]
async fn an_account_is_opened_used_looked_up_and_closed() {
    let server = Server::start();
    let client = server.client();
    let body = json!({"holder": "  Ann Lee ", "kind": "savings", "currency": "EUR", "opening_balance": "100"});
    let opened = client.post("/accounts", &body).await;
    opened.expect(201);
    let account_id = opened.text("account_id");
    assert_eq!(opened.header("location"), Some(format!("/accounts/{account_id}").as_str()));
    assert_eq!(opened.header("etag"), Some("\"1\""));
    assert_eq!(
        opened.body,
        json!({"account_id": account_id, "version": 1, "balance": "100.00", "currency": "EUR", "status": "active"})
    );

    let deposited = client
        .post(&format!("/accounts/{account_id}/deposits"), &json!({"amount": "25.5", "reference": "wages"}))
        .await;
    deposited.expect(200);
    assert_eq!((deposited.version(), deposited.text("balance")), (2, "125.50"));

    client.withdraw(account_id, "125.51").await.expect_problem(422, "insufficient_funds");
    client.close(account_id).await.expect_problem(422, "balance_not_zero");
    let withdrawn = client.withdraw(account_id, "125.50").await;
    assert_eq!((withdrawn.version(), withdrawn.text("balance")), (3, "0.00"));
    let closed = client.post(&format!("/accounts/{account_id}/close"), &json!({"reason": "moved away"})).await;
    assert_eq!((closed.version(), closed.text("status")), (4, "closed"));
    client.deposit(account_id, "1").await.expect_problem(409, "account_closed");
    client.close(account_id).await.expect_problem(409, "account_closed");

    let path = format!("/accounts/{account_id}");
    let account = client.get_at(&path, 4).await;
    account.expect(200);
    assert_eq!(
        (account.text("holder"), account.text("kind"), account.text("status")),
        ("Ann Lee", "savings", "closed")
    );
    assert_eq!((account.text("balance"), account.version(), account.header("etag")), ("0.00", 4, Some("\"4\"")));

    let statement = client.get_at(&format!("{path}/transactions"), 4).await;
    let lines: Vec<_> = statement.body["transactions"]
        .as_array()
        .expect("lines")
        .iter()
        .map(|line| {
            (
                line["version"].clone(),
                line["type"].clone(),
                line["amount"].clone(),
                line["balance_after"].clone(),
                line["reference"].clone(),
            )
        })
        .collect();
    let line = |version: u64, kind: &str, amount: &str, balance: &str, reference: Option<&str>| {
        (json!(version), json!(kind), json!(amount), json!(balance), json!(reference))
    };
    assert_eq!(
        lines,
        [
            line(3, "withdrawal", "125.50", "0.00", None),
            line(2, "deposit", "25.50", "125.50", Some("wages")),
            line(1, "opening", "100.00", "100.00", None),
        ]
    );

    let events = client.get(&format!("{path}/events")).await;
    let events: Vec<_> = events.body["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|event| (event["version"].clone(), event["type"].clone(), event["data"].clone()))
        .collect();
    assert_eq!(
        events,
        [
            (
                json!(1),
                json!("AccountOpened"),
                json!({"holder": "Ann Lee", "kind": "savings", "currency": "EUR", "opening_balance": "100.00"})
            ),
            (json!(2), json!("FundsDeposited"), json!({"amount": "25.50", "currency": "EUR", "reference": "wages"})),
            (json!(3), json!("FundsWithdrawn"), json!({"amount": "125.50", "currency": "EUR", "reference": null})),
            (json!(4), json!("AccountClosed"), json!({"reason": "moved away"})),
        ]
    );
}
