use http::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Client, Server};

/// A command with a key, with its first request and its first answer.
struct FirstTry {
    path: String,
    body: Option<Value>,
    key: &'static str,
    if_match: Option<&'static str>,
    answer: Answer,
}

impl FirstTry {
    async fn send(
        client: &Client,
        path: String,
        body: Option<Value>,
        key: &'static str,
        if_match: Option<&'static str>,
    ) -> Self {
        let answer = post(client, &path, body.as_ref(), key, if_match).await;
        assert_eq!(answer.header("idempotency-replayed"), None, "{key}");
        Self { path, body, key, if_match, answer }
    }

    /// Sends exactly the same request again, which must get exactly the same answer.
    async fn retry(&self, client: &Client, when: &str) {
        let again = post(client, &self.path, self.body.as_ref(), self.key, self.if_match).await;
        assert_replays(&again, &self.answer, &format!("{} {when}", self.key));
        // The version in If-Match makes no difference, whether it is the first try's or another.
        for if_match in [None, Some("\"0\""), Some("\"99\""), Some("*")] {
            let again = post(client, &self.path, self.body.as_ref(), self.key, if_match).await;
            assert_replays(&again, &self.answer, &format!("{} {when}, If-Match: {if_match:?}", self.key));
        }
    }
}

#[track_caller]
fn assert_replays(again: &Answer, first: &Answer, what: &str) {
    assert_eq!((again.status, &again.body), (first.status, &first.body), "{what}");
    for name in ["etag", "location", "content-type", "cache-control"] {
        assert_eq!(again.header(name), first.header(name), "{what}: {name}");
    }
    assert_eq!(again.header("idempotency-replayed"), Some("true"), "{what}");
}

async fn post(client: &Client, path: &str, body: Option<&Value>, key: &str, if_match: Option<&str>) -> Answer {
    let mut request = match body {
        Some(body) => client.post_request(path, body),
        None => client.request(Method::POST, path),
    };
    request = request.header("Idempotency-Key", key);
    if let Some(if_match) = if_match {
        request = request.header("If-Match", if_match);
    }
    client.send(request).await
}

/// Posts a body with exactly these bytes.
async fn post_text(client: &Client, path: &str, body: &str, key: &str) -> Answer {
    let request = client.request(Method::POST, path).header("Content-Type", "application/json");
    client.send(request.header("Idempotency-Key", key).body(body.to_owned())).await
}

fn opening() -> Value {
    json!({"holder": "Ann Lee", "kind": "checking", "currency": "EUR", "opening_balance": "100.00"})
}

#[tokio::test]
async fn each_command_is_answered_the_same_again_whatever_has_happened_since() {
    let mut server = Server::start();
    let client = server.client();
    let mut tries = Vec::new();
    let opened = FirstTry::send(&client, "/accounts".to_owned(), Some(opening()), "open", Some("\"0\"")).await;
    let id = opened.answer.expect(201).text("account_id").to_owned();
    assert_eq!(opened.answer.header("location"), Some(format!("/accounts/{id}").as_str()));
    tries.push(opened);
    let account = format!("/accounts/{id}");
    let steps = [
        ("deposits", Some(json!({"amount": "20", "reference": "wages"})), "deposit", "\"1\""),
        ("withdrawals", Some(json!({"amount": "120"})), "withdraw", "\"2\""),
        ("close", Some(json!({"reason": "moved away"})), "close", "\"3\""),
    ];
    for (command, body, key, if_match) in steps {
        let first = FirstTry::send(&client, format!("{account}/{command}"), body, key, Some(if_match)).await;
        first.answer.expect(200);
        tries.push(first);
        for first in &tries {
            first.retry(&client, &format!("after {key}")).await;
        }
    }
    let versions: Vec<u64> = tries.iter().map(|first| first.answer.version()).collect();
    assert_eq!(versions, [1, 2, 3, 4]);

    server = server.kill_and_restart();
    let client = server.client();
    for first in &tries {
        first.retry(&client, "after a restart").await;
    }
    let events = client.get(&format!("{account}/events")).await;
    assert_eq!(events.body["events"].as_array().map(Vec::len), Some(4));
    client.get_at(&account, 4).await.expect(200);
    let accounts = client.get("/accounts").await;
    assert_eq!(accounts.body["accounts"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_body_that_is_written_otherwise_and_means_the_same_is_the_same_request() {
    let server = Server::start();
    let client = server.client();
    let opened = post(&client, "/accounts", Some(&opening()), "k", None).await;
    for body in [
        r#"{"opening_balance":"100","currency":"EUR","kind":"checking","holder":"Ann Lee"}"#,
        r#"{ "holder" : "  Ann Lee\t", "kind":"checking",
            "currency":"EUR", "opening_balance":"00100.0" }"#,
        r#"{"h\u006flder":"Ann\u0020Lee","kind":"checking","currency":"\u0045UR","opening_balance":"100.00"}"#,
    ] {
        assert_replays(&post_text(&client, "/accounts", body, "k").await, &opened, body);
    }
    let account = format!("/accounts/{}", opened.text("account_id"));
    for command in ["deposits", "withdrawals"] {
        let path = format!("{account}/{command}");
        let first = post_text(&client, &path, r#"{"amount":"1.50","reference":"Café"}"#, "k").await;
        first.expect(200);
        for body in [
            r#"{"amount":"1.5","reference":"Café"}"#,
            r#"{"reference":"Caf\u00e9","amount":"01.50"}"#,
            "\r\n{\t\"reference\" : \"Café\" , \"amount\" : \"1.5\" }\n",
        ] {
            assert_replays(&post_text(&client, &path, body, "k").await, &first, body);
        }
        // The path may also be written in another way: a digit or letter and its percent-code are the same (RFC
        // 3986).
        let id = opened.text("account_id");
        let encoded = format!("/accounts/%{:02X}{}/{command}", id.as_bytes()[0], &id[1..]);
        let again = post_text(&client, &encoded, r#"{"amount":"1.50","reference":"Café"}"#, "k").await;
        assert_replays(&again, &first, &encoded);
    }
    client.withdraw(opened.text("account_id"), "100").await.expect(200);
    let path = format!("{account}/close");
    let closed = post(&client, &path, None, "k", None).await;
    closed.expect(200);
    assert_replays(&post_text(&client, &path, "{}", "k").await, &closed, "an empty object for no body");
    assert_replays(&post_text(&client, &path, " { } ", "k").await, &closed, "an empty object, spaced");
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused_and_has_no_effect() {
    let server = Server::start();
    let client = server.client();
    let opened = post(&client, "/accounts", Some(&opening()), "k", None).await;
    for (field, value) in
        [("holder", "ann lee"), ("kind", "savings"), ("currency", "USD"), ("opening_balance", "100.01")]
    {
        let mut body = opening();
        body[field] = json!(value);
        let answer = post(&client, "/accounts", Some(&body), "k", None).await;
        answer.expect_problem(422, "idempotency_key_reused");
        assert_eq!(answer.header("idempotency-replayed"), None);
    }
    let id = opened.text("account_id");
    for command in ["deposits", "withdrawals"] {
        let path = format!("/accounts/{id}/{command}");
        let first = json!({"amount": "1.50", "reference": "rent"});
        post(&client, &path, Some(&first), "k", None).await.expect(200);
        for other in [
            json!({"amount": "1.51", "reference": "rent"}),
            json!({"amount": "1.50", "reference": "Rent"}),
            json!({"amount": "1.50", "reference": ""}),
            json!({"amount": "1.50"}),
            // This body would be refused by itself. But the used key is refused first.
            json!({"amount": "1000000", "reference": "rent"}),
        ] {
            for if_match in [None, Some("\"1\"")] {
                let answer = post(&client, &path, Some(&other), "k", if_match).await;
                answer.expect_problem(422, "idempotency_key_reused");
            }
        }
    }
    client.withdraw(id, "100").await.expect(200);
    let path = format!("/accounts/{id}/close");
    post(&client, &path, Some(&json!({"reason": "bored"})), "k", None).await.expect(200);
    for other in [None, Some(json!({})), Some(json!({"reason": ""})), Some(json!({"reason": "Bored"}))] {
        post(&client, &path, other.as_ref(), "k", None).await.expect_problem(422, "idempotency_key_reused");
    }
    let account = client.get_at(&format!("/accounts/{id}"), 5).await;
    assert_eq!((account.expect(200).version(), account.text("balance")), (5, "0.00"));
}

#[tokio::test]
async fn the_same_key_on_another_path_is_another_key() {
    let server = Server::start();
    let client = server.client();
    let body = json!({"amount": "1"});
    let ids = [client.open("10").await, client.open("10").await];
    for id in &ids {
        for (command, version) in [("deposits", 2), ("withdrawals", 3)] {
            let path = format!("/accounts/{id}/{command}");
            let first = post(&client, &path, Some(&body), "k", None).await;
            assert_eq!((first.expect(200).version(), first.header("idempotency-replayed")), (version, None));
        }
    }
    // Keys that are nearly the same are also different keys.
    let path = format!("/accounts/{}/deposits", ids[0]);
    let long = "k".repeat(255);
    let near = ["K", "k k", "k1", &long[..254], &long, &format!("{}l", &long[..254])];
    for (key, version) in near.into_iter().zip(4..) {
        let first = post(&client, &path, Some(&body), key, None).await;
        assert_eq!((first.expect(200).version(), first.header("idempotency-replayed")), (version, None), "{key}");
    }
    // White space around a header's value is not part of the value (RFC 9110, section 5.5).
    assert_eq!(post(&client, &path, Some(&body), " k ", None).await.expect(200).version(), 2);
}

#[tokio::test]
async fn without_a_key_the_same_request_has_its_effect_each_time() {
    let server = Server::start();
    let client = server.client();
    assert_ne!(client.open("10").await, client.open("10").await);
    let id = client.open("10").await;
    for version in 2..5 {
        let answer = client.deposit(&id, "1").await;
        assert_eq!((answer.expect(200).version(), answer.header("idempotency-replayed")), (version, None));
    }
}

#[tokio::test]
async fn a_refusal_is_not_remembered() {
    let server = Server::start();
    let client = server.client();
    let id = client.open("10").await;
    let withdrawals = format!("/accounts/{id}/withdrawals");
    let body = json!({"amount": "50"});
    for _ in 0..2 {
        post(&client, &withdrawals, Some(&body), "k", None).await.expect_problem(422, "insufficient_funds");
    }
    client.deposit(&id, "100").await.expect(200);
    let done = post(&client, &withdrawals, Some(&body), "k", None).await;
    assert_eq!((done.expect(200).version(), done.header("idempotency-replayed")), (3, None));
    // The command has taken effect, so its answer is remembered, even if the money would not suffice for a second
    // one.
    assert_replays(&post(&client, &withdrawals, Some(&body), "k", None).await, &done, "done");

    // A refused key may come with another body, because nothing has been done with it.
    let deposits = format!("/accounts/{id}/deposits");
    for (body, status, code) in [
        (json!({"amount": "0"}), 422, "validation_failed"),
        (json!({"amount": "1.001"}), 422, "validation_failed"),
        (json!({"amount": "10000000000000.00"}), 422, "balance_limit_exceeded"),
        (json!({"amount": 1}), 400, "malformed_request"),
    ] {
        post(&client, &deposits, Some(&body), "k2", None).await.expect_problem(status, code);
    }
    let body = json!({"amount": "1"});
    post(&client, &deposits, Some(&body), "k2", Some("\"1\"")).await.expect_problem(412, "version_mismatch");
    let done = post(&client, &deposits, Some(&body), "k2", Some("\"3\"")).await;
    assert_eq!((done.expect(200).version(), done.header("idempotency-replayed")), (4, None));

    let close = format!("/accounts/{id}/close");
    post(&client, &close, None, "k", None).await.expect_problem(422, "balance_not_zero");
    client.withdraw(&id, "61").await.expect(200);
    let closed = post(&client, &close, None, "k", None).await;
    assert_eq!((closed.expect(200).version(), closed.header("idempotency-replayed")), (6, None));
    post(&client, &deposits, Some(&body), "k3", None).await.expect_problem(409, "account_closed");

    let mut too_fine = opening();
    too_fine["opening_balance"] = json!("0.001");
    post(&client, "/accounts", Some(&too_fine), "k", None).await.expect_problem(422, "validation_failed");
    post(&client, "/accounts", Some(&opening()), "k", Some("\"7\"")).await.expect_problem(412, "version_mismatch");
    let opened = post(&client, "/accounts", Some(&opening()), "k", None).await;
    assert_eq!(opened.expect(201).header("idempotency-replayed"), None);
}

/// Racing withdrawals and openings are tested in `concurrency`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_identical_deposits_or_closings_at_once_have_one_effect_and_one_answer() {
    let server = Server::start();
    let client = server.client();
    let id = client.open("0").await;
    let body = json!({"amount": "7", "reference": "once"});
    let drained = async || client.withdraw(&id, "7").await.expect(200).version();
    for (command, body, version) in [("deposits", Some(body), 2), ("close", None, 4)] {
        let path = format!("/accounts/{id}/{command}");
        let requests = (0..16).map(|_| post(&client, &path, body.as_ref(), "once", None));
        let answers = futures::future::join_all(requests).await;
        let replayed = |answer: &&Answer| answer.header("idempotency-replayed").is_some();
        let first: Vec<&Answer> = answers.iter().filter(|answer| !replayed(answer)).collect();
        assert_eq!(first.len(), 1, "{command}: {} had an effect", first.len());
        assert_eq!(first[0].expect(200).version(), version);
        for again in answers.iter().filter(replayed) {
            assert_replays(again, first[0], command);
        }
        if command == "deposits" {
            assert_eq!(drained().await, 3);
        }
    }
    let events = client.get(&format!("/accounts/{id}/events")).await;
    assert_eq!(events.body["events"].as_array().map(Vec::len), Some(4));
}

#[tokio::test]
async fn if_match_lets_a_command_through_at_its_version_only() {
    let server = Server::start();
    let client = server.client();
    let id = client.open("10").await;
    client.deposit(&id, "1").await.expect(200);
    let send = async |path: &str, body: Option<&Value>, if_match: &str| {
        let request = match body {
            Some(body) => client.post_request(path, body),
            None => client.request(Method::POST, path),
        };
        client.send(request.header("If-Match", if_match)).await
    };
    let account = format!("/accounts/{id}");
    let amount = json!({"amount": "1"});
    let commands = [("deposits", Some(&amount)), ("withdrawals", Some(&amount)), ("close", None)];
    for (command, body) in commands {
        for wrong in ["\"0\"", "\"1\"", "\"3\"", "\"18446744073709551615\""] {
            let answer = send(&format!("{account}/{command}"), body, wrong).await;
            answer.expect_problem(412, "version_mismatch");
            assert_eq!(answer.header("etag"), Some("\"2\""), "the version to decide on anew");
        }
    }
    let deposited = send(&format!("{account}/deposits"), Some(&amount), "\"2\"").await;
    assert_eq!(deposited.expect(200).header("etag"), Some("\"3\""));
    // The tag of one answer is the condition of the next request.
    let withdrawn = send(
        &format!("{account}/withdrawals"),
        Some(&json!({"amount": "12"})),
        deposited.header("etag").expect("a tag"),
    )
    .await;
    assert_eq!(withdrawn.expect(200).version(), 4);
    assert_eq!(send(&format!("{account}/deposits"), Some(&amount), "*").await.expect(200).version(), 5);
    // The right version does not make a refused command succeed.
    send(&format!("{account}/close"), None, "\"5\"").await.expect_problem(422, "balance_not_zero");
    client.withdraw(&id, "1").await.expect(200);
    assert_eq!(send(&format!("{account}/close"), None, "\"6\"").await.expect(200).version(), 7);
    send(&format!("{account}/deposits"), Some(&amount), "\"7\"").await.expect_problem(409, "account_closed");
    send(&format!("{account}/deposits"), Some(&amount), "\"6\"").await.expect_problem(412, "version_mismatch");

    // An account that has not been opened has no events.
    let body = opening();
    for (if_match, status) in [("\"0\"", 201), ("*", 201), ("\"1\"", 412), ("\"2\"", 412)] {
        let answer = send("/accounts", Some(&body), if_match).await;
        assert_eq!(answer.status.as_u16(), status, "{if_match}: {}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_decided_on_one_version_one_gets_through() {
    let server = Server::start();
    let client = server.client();
    let id = client.open("10").await;
    let path = format!("/accounts/{id}/deposits");
    let amount = json!({"amount": "1"});
    let requests = (0..16).map(|_| client.send(client.post_request(&path, &amount).header("If-Match", "\"1\"")));
    let answers = futures::future::join_all(requests).await;
    let done = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(done, 1);
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        refused.expect_problem(412, "version_mismatch");
    }
    assert_eq!(client.get_at(&format!("/accounts/{id}"), 2).await.version(), 2);
}
