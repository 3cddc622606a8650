//! Transfers of money between accounts of different callers, and their reversals.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Client, Server, TokenIssuer, key_set};

const READ_WRITE: &str = "accounts:read accounts:write";
/// A valid id of an account, or of a transfer, that no caller has made.
const UNKNOWN_ID: &str = "019cadd4-c179-752e-9a6a-3a456513270e";

fn issuer() -> TokenIssuer {
    TokenIssuer::ed25519("first", 1)
}

fn start() -> Server {
    Server::start_with(&[("PASSBOOK_JWKS", &key_set(&[&issuer()]))])
}

/// Ann pays, Bob is paid, Eve has nothing to do with it, and Tom is a teller.
struct Callers {
    ann: Client,
    bob: Client,
    eve: Client,
    tom: Client,
}

impl Callers {
    fn of(server: &Server) -> Self {
        let caller = |subject: &str, scopes: &str| server.client().with_token(&issuer().token(subject, scopes));
        Self {
            ann: caller("ann", READ_WRITE),
            bob: caller("bob", READ_WRITE),
            eve: caller("eve", READ_WRITE),
            tom: caller("tom", &format!("{READ_WRITE} teller")),
        }
    }
}

fn transfer(from: &str, to: &str, amount: &str) -> Value {
    json!({"from": from, "to": to, "amount": amount})
}

async fn make(client: &Client, from: &str, to: &str, amount: &str) -> Answer {
    client.post("/transfers", &transfer(from, to, amount)).await
}

async fn reverse(client: &Client, transfer_id: &str) -> Answer {
    client.send(client.request(Method::POST, &format!("/transfers/{transfer_id}/reversal"))).await
}

/// The account's version and balance once the read side is at this version.
async fn seen(client: &Client, account_id: &str, version: u64) -> (u64, String) {
    let account = client.get_at(&format!("/accounts/{account_id}"), version).await;
    (account.expect(200).version(), account.text("balance").to_owned())
}

#[tokio::test]
async fn money_moves_from_one_callers_account_to_anothers_and_back() {
    let server = start();
    let Callers { ann, bob, .. } = Callers::of(&server);
    let (hers, his) = (ann.open("100").await, bob.open("5").await);
    let body = json!({"from": hers, "to": his, "amount": "40.5", "reference": "Rent March"});
    let made = ann.post("/transfers", &body).await;
    let transfer_id = made.expect(201).text("transfer_id").to_owned();
    assert_eq!(
        made.body,
        json!({
            "transfer_id": transfer_id, "version": 1, "status": "completed", "from": hers, "to": his,
            "amount": "40.50", "currency": "EUR", "from_version": 2, "from_balance": "59.50",
        })
    );
    assert_eq!(made.header("location"), Some(format!("/transfers/{transfer_id}").as_str()));
    assert_eq!((made.header("etag"), made.header("idempotency-replayed")), (Some("\"1\""), None));
    assert_eq!(seen(&ann, &hers, 2).await, (2, "59.50".to_owned()));
    assert_eq!(seen(&bob, &his, 2).await, (2, "45.50".to_owned()));

    let path = format!("/transfers/{transfer_id}/reversal");
    let request = bob.post_request(&path, &json!({"reason": "Sent twice"})).header("If-Match", "\"1\"");
    let reversed = bob.send(request).await;
    reversed.expect(200);
    assert_eq!(
        reversed.body,
        json!({
            "transfer_id": transfer_id, "version": 2, "status": "reversed", "from": hers, "to": his,
            "amount": "40.50", "currency": "EUR", "to_version": 3, "to_balance": "5.00",
        })
    );
    assert_eq!((reversed.header("etag"), reversed.header("location")), (Some("\"2\""), None));
    assert_eq!(seen(&ann, &hers, 3).await, (3, "100.00".to_owned()));
    assert_eq!(seen(&bob, &his, 3).await, (3, "5.00".to_owned()));

    // Each account's audit trail has its own leg, and the other account's id.
    for (client, account_id, counterparty, types) in [
        (&ann, &hers, &his, ["AccountOpened", "TransferSent", "ReversalReceived"]),
        (&bob, &his, &hers, ["AccountOpened", "TransferReceived", "ReversalSent"]),
    ] {
        let trail = client.get(&format!("/accounts/{account_id}/events")).await;
        let events = trail.expect(200).body["events"].as_array().expect("events").clone();
        assert_eq!(events.iter().map(|event| event["type"].as_str().expect("text")).collect::<Vec<_>>(), types);
        for event in &events[1..] {
            assert_eq!(event["data"]["transfer_id"], json!(transfer_id), "{event}");
            assert_eq!(event["data"]["counterparty"], json!(counterparty), "{event}");
        }
        assert_eq!(events[1]["data"]["reference"], json!("Rent March"));
        assert_eq!(events[2]["data"]["reference"], json!("Sent twice"));
    }
}

/// A request of one caller, and the required status and problem code.
struct Row<'a> {
    name: &'static str,
    client: &'a Client,
    body: Value,
    status: u16,
    code: &'static str,
}

#[tokio::test]
async fn a_transfer_that_may_not_be_is_refused_exactly_and_moves_nothing() {
    let server = start();
    let Callers { ann, bob, eve, tom } = Callers::of(&server);
    let (hers, his) = (ann.open("100").await, bob.open("5").await);
    let (hers_closed, his_closed) = (ann.open("0").await, bob.open("0").await);
    ann.close(&hers_closed).await.expect(200);
    bob.close(&his_closed).await.expect(200);
    let his_full = bob.open("10000000000000.00").await;
    let his_yen = bob.open_in("JPY", "100").await;
    let row = |name, client, from: &str, to: &str, amount: &str, status, code| Row {
        name,
        client,
        body: transfer(from, to, amount),
        status,
        code,
    };
    let rows = [
        row("to the same account", &ann, &hers, &hers, "1", 422, "same_account"),
        row("to the same account, of all the money and more", &ann, &hers, &hers, "1000", 422, "same_account"),
        row(
            "to a closed account of her own, which is the sender too",
            &ann,
            &hers_closed,
            &hers_closed,
            "1",
            422,
            "same_account",
        ),
        row("to another currency", &ann, &hers, &his_yen, "1", 422, "currency_mismatch"),
        row("to another currency, of more than there is", &ann, &hers, &his_yen, "1000", 422, "currency_mismatch"),
        row("to an unknown account", &ann, &hers, UNKNOWN_ID, "1", 422, "recipient_not_found"),
        row("to a closed account", &ann, &hers, &his_closed, "1", 422, "recipient_not_found"),
        row("to an account that would pass the limit", &ann, &hers, &his_full, "0.01", 422, "recipient_not_found"),
        row("to a text that is no id", &ann, &hers, "his account", "1", 422, "recipient_not_found"),
        row(
            "to a UUID of another version",
            &ann,
            &hers,
            "0192f0c1-7a5b-4c3d-8e9f-0a1b2c3d4e5f",
            "1",
            422,
            "recipient_not_found",
        ),
        row("to an id in capitals", &ann, &hers, &his.to_uppercase(), "1", 422, "recipient_not_found"),
        row("of a cent too much", &ann, &hers, &his, "100.01", 422, "insufficient_funds"),
        row("of more decimals than the currency has", &ann, &hers, &his, "1.001", 422, "validation_failed"),
        row("of more than an amount can be", &ann, &hers, &his, "10000000000000.01", 422, "validation_failed"),
        row("of nothing", &ann, &hers, &his, "0.00", 422, "validation_failed"),
        row("of less than nothing", &ann, &hers, &his, "-1", 422, "validation_failed"),
        row("from a closed account", &ann, &hers_closed, &his, "1", 409, "account_closed"),
        row("from an unknown account", &ann, UNKNOWN_ID, &his, "1", 404, "account_not_found"),
        row("from a text that is no id", &ann, "", &his, "1", 404, "account_not_found"),
        row("from another caller's account", &eve, &hers, &his, "1", 404, "account_not_found"),
        row("from another caller's account to one's own", &bob, &hers, &his, "1", 404, "account_not_found"),
        row("from another caller's account to itself", &eve, &hers, &hers, "1", 404, "account_not_found"),
        row("from another caller's closed account", &eve, &hers_closed, &his, "1", 404, "account_not_found"),
        row("from another caller's account to an unknown one", &eve, &hers, UNKNOWN_ID, "1", 404, "account_not_found"),
        row("from an unknown account, by a teller", &tom, UNKNOWN_ID, &his, "1", 404, "account_not_found"),
    ];
    for Row { name, client, body, status, code } in rows {
        // A retry is judged anew, and so is refused in the same way.
        for key in [None, Some("a key"), Some("a key")] {
            let mut request = client.post_request("/transfers", &body);
            if let Some(key) = key {
                request = request.header("Idempotency-Key", key);
            }
            let answer = client.send(request).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{name}: {}", answer.body);
        }
    }
    let malformed = [
        json!({"from": hers, "to": his, "amount": 1}),
        json!({"from": hers, "to": null, "amount": "1"}),
        json!({"from": hers, "to": his, "amount": "1", "currency": "EUR"}),
        json!([hers, his, "1"]),
    ];
    for body in malformed {
        ann.post("/transfers", &body).await.expect_problem(400, "malformed_request");
    }
    let nothing = ann.post("/transfers", &json!({})).await;
    nothing.expect_problem(422, "validation_failed");
    assert_eq!(nothing.wrong_fields(), ["from: required", "to: required", "amount: required"]);
    for reference in ["x".repeat(141), "x".repeat(65_000), "a\tb".to_owned()] {
        let body = json!({"from": hers, "to": his, "amount": "1", "reference": reference});
        ann.post("/transfers", &body).await.expect_problem(422, "validation_failed");
    }
    let huge = json!({"from": hers, "to": his, "amount": "1", "reference": "x".repeat(65_536)});
    ann.post("/transfers", &huge).await.expect_problem(413, "payload_too_large");
    for tag in ["\"1\"", "*", "no tag"] {
        let request = ann.post_request("/transfers", &transfer(&hers, &his, "1")).header("If-Match", tag);
        ann.send(request).await.expect_problem(400, "malformed_request");
    }
    ann.post("/transfers?from=now", &transfer(&hers, &his, "1")).await.expect_problem(400, "malformed_request");

    // Nothing of this has had an effect: the next event of each account is at its next version.
    assert_eq!(make(&tom, &hers, &his, "100").await.expect(201).body["from_version"], json!(2));
    assert_eq!(seen(&bob, &his, 2).await, (2, "105.00".to_owned()));
    assert_eq!(seen(&bob, &his_full, 1).await.0, 1);
    assert_eq!(seen(&bob, &his_yen, 1).await.0, 1);
}

/// All parts of an answer by which a caller can tell two answers apart.
fn comparable(answer: &Answer) -> (u16, BTreeMap<String, String>, Value) {
    let text = |value: &http::HeaderValue| value.to_str().expect("ASCII").to_owned();
    let mut headers: BTreeMap<String, String> =
        answer.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    for name in ["date", "x-correlation-id", "content-length"] {
        headers.remove(name);
    }
    let mut body = answer.body.clone();
    if let Some(body) = body.as_object_mut() {
        body.remove("correlation_id");
    }
    (answer.status.as_u16(), headers, body)
}

#[tokio::test]
async fn what_is_hidden_is_answered_letter_by_letter_like_what_is_not_there() {
    let server = start();
    let Callers { ann, bob, eve, .. } = Callers::of(&server);
    let (hers, his) = (ann.open("100").await, bob.open("5").await);
    let his_closed = bob.open("0").await;
    bob.close(&his_closed).await.expect(200);
    let his_full = bob.open("10000000000000.00").await;
    let hers_closed = ann.open("0").await;
    ann.close(&hers_closed).await.expect(200);
    let same = async |client: &Client, bodies: Vec<Value>| {
        let mut answers = Vec::new();
        for body in &bodies {
            answers.push(comparable(&client.post("/transfers", body).await));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{bodies:?}: {answers:?}");
        assert!(answers[0].0 >= 400, "{answers:?}");
    };
    let of_one = |to: &str| transfer(&hers, to, "1");
    same(&ann, [UNKNOWN_ID, &his_closed, &his_full, "no id"].map(of_one).to_vec()).await;
    for (to, amount) in [(&his, "1"), (&his, "1000"), (&his, "1.001"), (&hers, "1"), (&his_closed, "1")] {
        let from_each = [UNKNOWN_ID, &hers, &hers_closed].map(|from| transfer(from, to, amount));
        same(&eve, from_each.to_vec()).await;
    }

    let transfer_id = make(&ann, &hers, &his, "1").await.expect(201).text("transfer_id").to_owned();
    for headers in [&[][..], &[("If-Match", "\"1\"")], &[("If-Match", "\"7\"")], &[("Idempotency-Key", "k")]] {
        let mut answers = Vec::new();
        for id in [UNKNOWN_ID, "no id", &transfer_id] {
            let mut request = eve.request(Method::POST, &format!("/transfers/{id}/reversal"));
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            answers.push(eve.send(request).await);
        }
        answers[0].expect_problem(404, "transfer_not_found");
        assert!(answers.iter().all(|answer| comparable(answer) == comparable(&answers[0])), "{answers:?}");
    }
    // An account's id is no transfer's id, also not to its owner.
    reverse(&bob, &his).await.expect_problem(404, "transfer_not_found");
}

#[tokio::test]
async fn a_reversal_that_may_not_be_is_refused_exactly_and_moves_nothing() {
    let server = start();
    let Callers { ann, bob, eve, tom } = Callers::of(&server);
    let (hers, his) = (ann.open("100").await, bob.open("0").await);
    let transfer_id = make(&ann, &hers, &his, "60").await.expect(201).text("transfer_id").to_owned();
    let path = format!("/transfers/{transfer_id}/reversal");
    reverse(&ann, &transfer_id).await.expect_problem(403, "forbidden");
    reverse(&eve, &transfer_id).await.expect_problem(404, "transfer_not_found");
    let stale = bob.send(bob.request(Method::POST, &path).header("If-Match", "\"2\"")).await;
    stale.expect_problem(412, "version_mismatch");
    assert_eq!(stale.header("etag"), Some("\"1\""));
    // The sender's owner learns that reversing is not for her before she learns of the version.
    ann.send(ann.request(Method::POST, &path).header("If-Match", "\"2\"")).await.expect_problem(403, "forbidden");
    bob.post(&path, &json!({"reason": "x".repeat(141)})).await.expect_problem(422, "validation_failed");
    bob.post(&path, &json!({"because": "of it"})).await.expect_problem(400, "malformed_request");

    // The recipient has spent the money.
    bob.withdraw(&his, "0.01").await.expect(200);
    reverse(&bob, &transfer_id).await.expect_problem(422, "insufficient_funds");
    reverse(&tom, &transfer_id).await.expect_problem(422, "insufficient_funds");
    bob.deposit(&his, "0.01").await.expect(200);

    // A teller reverses, and then nobody may do it again.
    let reversed = reverse(&tom, &transfer_id).await;
    assert_eq!((reversed.expect(200).text("to_balance"), reversed.version()), ("0.00", 2));
    reverse(&bob, &transfer_id).await.expect_problem(409, "already_reversed");
    reverse(&tom, &transfer_id).await.expect_problem(409, "already_reversed");
    reverse(&ann, &transfer_id).await.expect_problem(403, "forbidden");
    let stale = bob.send(bob.request(Method::POST, &path).header("If-Match", "\"1\"")).await;
    stale.expect_problem(412, "version_mismatch");
    assert_eq!(seen(&ann, &hers, 3).await, (3, "100.00".to_owned()));

    // The sender's account is closed, or could not hold the money.
    let spent = ann.open("10").await;
    let of_all = make(&ann, &spent, &his, "10").await.expect(201).text("transfer_id").to_owned();
    ann.close(&spent).await.expect(200);
    let to_closed = reverse(&bob, &of_all).await;
    to_closed.expect_problem(409, "account_closed");
    let full = ann.open("10000000000000.00").await;
    let of_some = make(&ann, &full, &his, "10").await.expect(201).text("transfer_id").to_owned();
    ann.deposit(&full, "5").await.expect(200);
    let to_full = reverse(&bob, &of_some).await;
    assert_eq!(comparable(&to_full), comparable(&to_closed));
    // The recipient's account is closed.
    bob.withdraw(&his, "20").await.expect(200);
    bob.close(&his).await.expect(200);
    reverse(&bob, &of_some).await.expect_problem(409, "account_closed");
}

#[tokio::test]
async fn a_repeated_key_brings_the_first_answer_again_whatever_has_happened_since() {
    let server = start();
    let Callers { ann, bob, tom, .. } = Callers::of(&server);
    let (hers, his) = (ann.open("100").await, bob.open("0").await);
    let body = transfer(&hers, &his, "100");
    let first = ann.post_with_key("/transfers", &body, "rent").await;
    let transfer_id = first.expect(201).text("transfer_id").to_owned();
    let replays = |answer: &Answer, first: &Answer| {
        assert_eq!(answer.header("idempotency-replayed"), Some("true"), "{}", answer.body);
        assert_eq!((&answer.body, answer.status), (&first.body, first.status));
        for name in ["etag", "location"] {
            assert_eq!(answer.header(name), first.header(name), "{name}");
        }
    };
    // The sender has too little *because* the first request moved the money.
    replays(&ann.post_with_key("/transfers", &body, "rent").await, &first);
    // `100` and `100.00` are one amount.
    replays(&ann.post_with_key("/transfers", &transfer(&hers, &his, "100.00"), "rent").await, &first);
    for other in [transfer(&hers, &his, "1"), transfer(&hers, &hers, "100"), transfer(&his, &hers, "100")] {
        let answer = ann.post_with_key("/transfers", &other, "rent").await;
        assert!(matches!(answer.code(), "idempotency_key_reused"), "{other}: {}", answer.body);
    }
    // Another caller's key is another key, and so is the key on another path.
    ann.deposit(&hers, "1").await.expect(200);
    let by_teller = tom.post_with_key("/transfers", &transfer(&hers, &his, "1"), "rent").await;
    assert_ne!(by_teller.expect(201).text("transfer_id"), transfer_id);
    let path = format!("/transfers/{transfer_id}/reversal");
    let reversed = bob.post_with_key(&path, &json!({"reason": "Sent twice"}), "rent").await;
    assert_eq!((reversed.expect(200).header("idempotency-replayed"), reversed.text("to_balance")), (None, "1.00"));

    bob.withdraw(&his, "1").await.expect(200);
    bob.close(&his).await.expect(200);
    replays(&ann.post_with_key("/transfers", &body, "rent").await, &first);
    replays(&bob.post_with_key(&path, &json!({"reason": "Sent twice"}), "rent").await, &reversed);
    bob.post_with_key(&path, &json!({"reason": "Sent thrice"}), "rent")
        .await
        .expect_problem(422, "idempotency_key_reused");
    bob.post_with_key(&path, &json!({"reason": "Sent twice"}), "another").await.expect_problem(409, "already_reversed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_identical_transfers_at_once_with_one_key_have_one_effect_and_one_answer() {
    let mut server = Server::start();
    let client = server.client();
    let (from, to) = (client.open("100").await, client.open("0").await);
    let body = transfer(&from, &to, "100");
    let requests = (0..16).map(|_| client.post_with_key("/transfers", &body, "rent-2026-11"));
    let answers: Vec<Answer> = futures::future::join_all(requests).await;
    for answer in &answers {
        answer.expect(201);
        assert_eq!((&answer.body, answer.header("location")), (&answers[0].body, answers[0].header("location")));
    }
    let replayed = answers.iter().filter(|answer| answer.header("idempotency-replayed") == Some("true")).count();
    assert_eq!(replayed, 15);
    server = server.kill_and_restart();
    let again = server.client().post_with_key("/transfers", &body, "rent-2026-11").await;
    assert_eq!((&again.expect(201).body, again.header("idempotency-replayed")), (&answers[0].body, Some("true")));
    assert_eq!(seen(&server.client(), &to, 2).await, (2, "100.00".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transfers_of_one_account_at_once_never_overdraw_it() {
    let server = Server::start();
    let client = server.client();
    let (from, to) = (client.open("40").await, client.open("0").await);
    let requests = (0..16).map(|_| make(&client, &from, &to, "10"));
    let answers: Vec<Answer> = futures::future::join_all(requests).await;
    let done = answers.iter().filter(|answer| answer.status == 201).count();
    let conflicts = answers.iter().filter(|answer| answer.status == 409).count();
    assert!(done <= 4 && done + conflicts >= 4, "{done} done, {conflicts} conflicts");
    let version = 1 + done as u64;
    assert_eq!(seen(&client, &from, version).await, (version, format!("{}.00", 40 - 10 * done)));
    assert_eq!(seen(&client, &to, version).await, (version, format!("{}.00", 10 * done)));
}
