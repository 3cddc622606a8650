use serde_json::json;

use crate::harness::{Answer, Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_withdrawals_at_once_never_overdraw_the_account() {
    let server = Server::start();
    let client = server.client();
    // The balance is enough for 40 of the 64.
    let account_id = client.open("400").await;
    let withdrawals = (0..64).map(|_| client.withdraw(&account_id, "10"));
    let answers: Vec<Answer> = futures::future::join_all(withdrawals).await;
    let done: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert!(
            matches!((answer.status.as_u16(), answer.code()), (422, "insufficient_funds") | (409, "conflict")),
            "{answer:?}"
        );
    }
    // A request that lost every race may be tried again. But no request too many may succeed.
    let conflicts = answers.iter().filter(|answer| answer.status == 409).count();
    assert!(done.len() <= 40 && done.len() + conflicts >= 40, "{} done, {conflicts} conflicts", done.len());
    // Every answer belongs to a version of its own: no two share one.
    let mut versions: Vec<u64> = done.iter().map(|answer| answer.version()).collect();
    versions.sort_unstable();
    assert_eq!(versions, (2..2 + done.len() as u64).collect::<Vec<_>>());
    let account = client.get_at(&format!("/accounts/{account_id}"), 1 + done.len() as u64).await;
    assert_eq!(account.text("balance"), format!("{}.00", 400 - 10 * done.len()));
    assert_eq!(account.version(), 1 + done.len() as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_identical_requests_at_once_with_one_key_have_one_effect_and_one_answer() {
    let mut server = Server::start();
    let client = server.client();
    let account_id = client.open("100").await;
    let path = format!("/accounts/{account_id}/withdrawals");
    // The amount is the whole balance. A second decision on the remaining balance would be a refusal.
    let body = json!({"amount": "100", "reference": "rent"});
    let requests = (0..16).map(|_| client.post_with_key(&path, &body, "rent-2026-11"));
    let answers: Vec<Answer> = futures::future::join_all(requests).await;
    for answer in &answers {
        answer.expect(200);
        assert_eq!((&answer.body, answer.header("etag")), (&answers[0].body, Some("\"2\"")));
    }
    let replays = answers.iter().filter(|answer| answer.header("idempotency-replayed") == Some("true")).count();
    assert_eq!(replays, 15);

    client.deposit(&account_id, "7").await.expect(200);
    server = server.kill_and_restart();
    let again = server.client().post_with_key(&path, &body, "rent-2026-11").await;
    again.expect(200);
    assert_eq!((&again.body, again.header("idempotency-replayed")), (&answers[0].body, Some("true")));
    let account = server.client().get_at(&format!("/accounts/{account_id}"), 3).await;
    assert_eq!((account.version(), account.text("balance")), (3, "7.00"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_identical_openings_at_once_open_one_account() {
    let server = Server::start();
    let client = server.client();
    let body = json!({"holder": "Ann Lee", "kind": "checking", "currency": "EUR", "opening_balance": "1"});
    let requests = (0..16).map(|_| client.post_with_key("/accounts", &body, "my first account"));
    let answers: Vec<Answer> = futures::future::join_all(requests).await;
    for answer in &answers {
        answer.expect(201);
        assert_eq!((&answer.body, answer.header("location")), (&answers[0].body, answers[0].header("location")));
    }
    client.get_at(&format!("/accounts/{}", answers[0].text("account_id")), 1).await.expect(200);
    let accounts = client.get("/accounts").await;
    assert_eq!(accounts.body["accounts"].as_array().map(Vec::len), Some(1));
}
