use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::harness::{Answer, Client, Server, TokenIssuer, claims, key_set, seconds_from_now};

const READ_WRITE: &str = "accounts:read accounts:write";
const ALL_SCOPES: &str = "accounts:read accounts:write teller admin";
/// A valid id of an account that no one has opened.
const UNKNOWN_ID: &str = "019cadd4-c179-752e-9a6a-3a456513270e";

fn issuer() -> TokenIssuer {
    TokenIssuer::ed25519("first", 1)
}

/// Starts a server that accepts tokens of `issuer()`, and of a second key.
pub fn start() -> Server {
    start_with(&[])
}

fn start_with(environment: &[(&str, &str)]) -> Server {
    let keys = key_set(&[&issuer(), &TokenIssuer::ed25519("second", 2)]);
    let environment: Vec<(&str, &str)> =
        [("PASSBOOK_JWKS", keys.as_str())].into_iter().chain(environment.iter().copied()).collect();
    Server::start_with(&environment)
}

pub fn caller(server: &Server, subject: &str, scopes: &str) -> Client {
    server.client().with_token(&issuer().token(subject, scopes))
}

/// Every operation that needs a token, on this account: method, path, body, and the required scope.
fn operations(account_id: &str) -> Vec<(Method, String, Option<Value>, &'static str)> {
    let account = format!("/accounts/{account_id}");
    let (read, write) = ("accounts:read", "accounts:write");
    let opening = json!({"holder": "Ann Lee", "kind": "savings", "currency": "EUR", "opening_balance": "0"});
    let transfer = json!({"from": account_id, "to": UNKNOWN_ID, "amount": "1"});
    vec![
        (Method::POST, "/accounts".to_owned(), Some(opening), write),
        (Method::POST, format!("{account}/deposits"), Some(json!({"amount": "1"})), write),
        (Method::POST, format!("{account}/withdrawals"), Some(json!({"amount": "1"})), write),
        (Method::POST, format!("{account}/close"), None, write),
        (Method::POST, "/transfers".to_owned(), Some(transfer), write),
        (Method::POST, format!("/transfers/{UNKNOWN_ID}/reversal"), None, write),
        (Method::POST, format!("/admin{account}/erase"), None, "admin"),
        (Method::GET, account.clone(), None, read),
        (Method::GET, "/accounts".to_owned(), None, read),
        (Method::GET, format!("{account}/transactions"), None, read),
        (Method::GET, format!("{account}/events"), None, read),
        (Method::GET, format!("{account}/as-of/2999-01-01T00:00:00Z"), None, read),
        (Method::GET, format!("/transfers?account={account_id}"), None, read),
    ]
}

async fn send(client: &Client, method: &Method, path: &str, body: Option<&Value>, headers: &[(&str, &str)]) -> Answer {
    let mut request = match body {
        Some(body) => client.post_request(path, body),
        None => client.request(method.clone(), path),
    };
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.send(request).await
}

fn with_authorization(client: &Client, value: &str) -> reqwest::RequestBuilder {
    client.request(Method::GET, "/accounts").header("Authorization", value)
}

#[tokio::test]
async fn every_operation_but_health_and_the_document_needs_a_token() {
    let server = start();
    let anyone = server.client();
    for (method, path, body, _) in operations(UNKNOWN_ID) {
        let answer = send(&anyone, &method, &path, body.as_ref(), &[]).await;
        answer.expect_problem(401, "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{method} {path}");
    }
    anyone.get("/health").await.expect(200);
    anyone.get("/openapi.yaml").await.expect(200);
}

#[tokio::test]
async fn a_token_that_does_not_count_is_401_whatever_is_wrong_with_it() {
    let server = start();
    let client = server.client();
    let good = issuer().token("ann", ALL_SCOPES);
    client.send(with_authorization(&client, &format!("Bearer {good}"))).await.expect(200);
    // The scheme's name is not case-sensitive (RFC 9110, section 11.1).
    client.send(with_authorization(&client, &format!("bearer {good}"))).await.expect(200);

    let with_claim = |name: &str, value: Value| {
        let mut claims = claims("ann", ALL_SCOPES);
        claims[name] = value;
        issuer().sign(&claims)
    };
    let without_claim = |name: &str| {
        let mut claims = claims("ann", ALL_SCOPES);
        claims.as_object_mut().expect("claims").remove(name);
        issuer().sign(&claims)
    };
    let (signed, signature) = good.rsplit_once('.').expect("three parts");
    let (header, _) = signed.split_once('.').expect("two parts");
    let payload_of = |claims: Value| URL_SAFE_NO_PAD.encode(claims.to_string());
    let unsigned = |algorithm: &str, kid: &str| {
        let header = payload_of(json!({"alg": algorithm, "typ": "JWT", "kid": kid}));
        format!("{header}.{}.", payload_of(claims("ann", ALL_SCOPES)))
    };
    let mut rows: Vec<(String, String)> = [
        ("no token", String::new()),
        ("no token after the scheme", "Bearer".to_owned()),
        ("another scheme", "Basic YW5uOnNlY3JldA==".to_owned()),
        ("a token without a scheme", good.clone()),
        ("two tokens", format!("Bearer {good} {good}")),
        ("text", "Bearer token".to_owned()),
        ("two parts", format!("Bearer {signed}")),
        ("four parts", format!("Bearer {good}.{signature}")),
        ("no signature", format!("Bearer {signed}.")),
        ("half a signature", format!("Bearer {signed}.{}", &signature[..43])),
        ("another token's signature", {
            let other = issuer().token("bob", ALL_SCOPES);
            format!("Bearer {signed}.{}", other.rsplit_once('.').expect("three parts").1)
        }),
        ("another payload", format!("Bearer {header}.{}.{signature}", payload_of(claims("bob", ALL_SCOPES)))),
        ("another key under this key's id", {
            format!("Bearer {}", TokenIssuer::ed25519("first", 9).token("ann", ALL_SCOPES))
        }),
        ("the second key under the first one's id", {
            let second = TokenIssuer::ed25519("second", 2);
            format!("Bearer {}", second.sign_under(Some("first"), &claims("ann", ALL_SCOPES)))
        }),
        ("an unknown key", format!("Bearer {}", issuer().sign_under(Some("third"), &claims("ann", ALL_SCOPES)))),
        ("no key named where there are two", {
            format!("Bearer {}", issuer().sign_under(None, &claims("ann", ALL_SCOPES)))
        }),
        ("expired", format!("Bearer {}", with_claim("exp", json!(seconds_from_now(-3_600))))),
        ("expired long ago", format!("Bearer {}", with_claim("exp", json!(0)))),
        ("never expiring", format!("Bearer {}", without_claim("exp"))),
        ("an expiry that is text", format!("Bearer {}", with_claim("exp", json!("tomorrow")))),
        ("not valid yet", format!("Bearer {}", with_claim("nbf", json!(seconds_from_now(3_600))))),
        ("no subject", format!("Bearer {}", without_claim("sub"))),
        ("an empty subject", format!("Bearer {}", with_claim("sub", json!("")))),
        ("a subject that is null", format!("Bearer {}", with_claim("sub", Value::Null))),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    for algorithm in ["none", "None", "NONE", "", "HS256", "EdDSA"] {
        rows.push((format!("{algorithm} without a signature"), format!("Bearer {}", unsigned(algorithm, "first"))));
    }
    for (name, authorization) in rows {
        let answer = client.send(with_authorization(&client, &authorization)).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (401, "unauthenticated"), "{name}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{name}");
    }
}

/// The classic confusion: the public key, which everyone has, is used as the secret of an HMAC.
#[tokio::test]
async fn a_token_signed_with_the_public_key_as_a_secret_is_401() {
    let rsa = TokenIssuer::rsa("rsa", Algorithm::RS256);
    let keys = [&issuer(), &TokenIssuer::p256("p256", 1), &rsa].map(|issuer| issuer.public_key());
    let server = Server::start_with(&[("PASSBOOK_JWKS", &json!({ "keys": keys }).to_string())]);
    let client = server.client();
    for key in keys {
        let text = key.to_string();
        let members = ["x", "y", "n"].iter().filter_map(|member| key[*member].as_str());
        let secrets: Vec<Vec<u8>> = members
            .flat_map(|member| [member.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(member).expect("base64url")])
            .chain([text.into_bytes(), Vec::new()])
            .collect();
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            for secret in &secrets {
                let header = Header { kid: key["kid"].as_str().map(str::to_owned), ..Header::new(algorithm) };
                let token = encode(&header, &claims("ann", ALL_SCOPES), &EncodingKey::from_secret(secret));
                let client = client.with_token(&token.expect("a token"));
                client.get("/accounts").await.expect_problem(401, "unauthenticated");
            }
        }
    }
    // A token of one key is also not accepted under another key, or under an algorithm that the key is not for.
    for (issuer, key_id) in [(&issuer(), "rsa"), (&rsa, "first"), (&rsa, "p256")] {
        let token = issuer.sign_under(Some(key_id), &claims("ann", ALL_SCOPES));
        client.with_token(&token).get("/accounts").await.expect_problem(401, "unauthenticated");
    }
    let other_algorithm = TokenIssuer::rsa("rsa", Algorithm::RS512).token("ann", ALL_SCOPES);
    client.with_token(&other_algorithm).get("/accounts").await.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn tokens_of_every_kind_of_key_count_and_the_key_set_may_be_a_file() {
    let issuers = [
        issuer(),
        TokenIssuer::p256("p256", 1),
        TokenIssuer::rsa("rs256", Algorithm::RS256),
        TokenIssuer::rsa("ps384", Algorithm::PS384),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("jwks.json");
    std::fs::write(&path, key_set(&issuers.each_ref())).expect("a file");
    let server = Server::start_with(&[("PASSBOOK_JWKS", path.to_str().expect("Unicode"))]);
    for issuer in &issuers {
        let client = server.client().with_token(&issuer.token("ann", READ_WRITE));
        let account_id = client.open("1").await;
        client.get_at(&format!("/accounts/{account_id}"), 1).await.expect(200);
    }
    // The keys differ, but the caller is the same.
    let ann = server.client().with_token(&issuers[1].token("ann", READ_WRITE));
    assert_eq!(ids(&ann.get("/accounts").await).len(), issuers.len());
}

#[tokio::test]
async fn with_one_key_that_can_be_used_in_the_set_a_token_need_not_name_it() {
    // A set may hold more than this program understands (RFC 7517, section 5).
    let keys = json!({"keys": [{"kty": "future", "kid": "x"}, issuer().public_key(), {"kty": "EC", "kid": "y"}]});
    let server = Server::start_with(&[("PASSBOOK_JWKS", &keys.to_string())]);
    let token = issuer().sign_under(None, &claims("ann", READ_WRITE));
    server.client().with_token(&token).get("/accounts").await.expect(200);
    let foreign = TokenIssuer::ed25519("first", 9).sign_under(None, &claims("ann", READ_WRITE));
    server.client().with_token(&foreign).get("/accounts").await.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn issuer_and_audience_must_be_right_where_they_are_configured() {
    let server = start_with(&[("PASSBOOK_JWT_ISSUER", "https://id.example"), ("PASSBOOK_JWT_AUDIENCE", "passbook")]);
    for (issued_by, audience, status) in [
        (json!("https://id.example"), json!("passbook"), 200),
        (json!("https://id.example"), json!(["other", "passbook"]), 200),
        (json!("https://id.example/"), json!("passbook"), 401),
        (json!("https://evil.example"), json!("passbook"), 401),
        (json!("https://id.example"), json!("other"), 401),
        (json!("https://id.example"), json!(["other"]), 401),
        (json!("https://id.example"), json!([]), 401),
        (json!("https://id.example"), Value::Null, 401),
        (Value::Null, json!("passbook"), 401),
        (Value::Null, Value::Null, 401),
    ] {
        let mut claims = claims("ann", READ_WRITE);
        for (name, value) in [("iss", &issued_by), ("aud", &audience)] {
            // Null stands for a missing claim.
            if !value.is_null() {
                claims[name] = value.clone();
            }
        }
        let answer = server.client().with_token(&issuer().sign(&claims)).get("/accounts").await;
        assert_eq!(answer.status.as_u16(), status, "{claims}");
    }
}

#[tokio::test]
async fn each_operation_asks_for_its_scope_and_no_other() {
    let server = start();
    let account_id = caller(&server, "ann", READ_WRITE).open("10").await;
    for (method, path, body, scope) in operations(&account_id) {
        let what = format!("{method} {path}");
        let all_others: Vec<&str> = ALL_SCOPES.split(' ').filter(|other| *other != scope).collect();
        // The scopes include near misses, because only a scope's whole name counts.
        let near_misses = format!("{} accounts ACCOUNTS:READ accounts:read2 accounts:writer", all_others.join(" "));
        let without_it = ["", "admin", "teller", &all_others.join(" "), &near_misses];
        for scopes in without_it.into_iter().filter(|scopes| *scopes != scope) {
            let answer = send(&caller(&server, "ann", scopes), &method, &path, body.as_ref(), &[]).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (403, "forbidden"), "{what} with {scopes:?}");
        }
        let answer = send(&caller(&server, "ann", scope), &method, &path, body.as_ref(), &[]).await;
        assert_ne!(answer.status, 403, "{what} with {scope} alone: {}", answer.body);
        assert_ne!(answer.status, 401, "{what} with {scope} alone: {}", answer.body);
    }
    // Some identity providers give a list in `scp`.
    let mut claims = claims("ann", "");
    claims.as_object_mut().expect("claims").remove("scope");
    for (scopes, status) in [
        (json!(["accounts:read"]), 200),
        (json!(["accounts:write", "accounts:read"]), 200),
        (json!(["accounts:write"]), 403),
        (json!([]), 403),
        (json!("accounts:read"), 200),
    ] {
        claims["scp"] = scopes;
        let answer = server.client().with_token(&issuer().sign(&claims)).get("/accounts").await;
        assert_eq!(answer.status.as_u16(), status, "{claims}");
    }
    // Without the scope, the answer says nothing about the rest of the request.
    let without = caller(&server, "ann", "admin");
    for path in [format!("/accounts/{UNKNOWN_ID}/deposits"), "/accounts/1/deposits".to_owned()] {
        without.post(&path, &json!({"amount": 1})).await.expect_problem(403, "forbidden");
    }
}

#[tokio::test]
async fn health_is_for_everyone_and_its_details_for_administrators() {
    let server = start();
    let has_details = |answer: &Answer| {
        let dependencies = answer.expect(200).body["dependencies"].as_array().expect("dependencies").clone();
        assert_eq!(dependencies.len(), 4);
        dependencies.iter().any(|dependency| dependency.get("detail").is_some())
    };
    assert!(!has_details(&server.client().get("/health").await));
    assert!(!has_details(&server.client().with_token("no token").get("/health").await));
    let forged = TokenIssuer::ed25519("first", 9).token("ann", "admin");
    assert!(!has_details(&server.client().with_token(&forged).get("/health").await));
    assert!(!has_details(&caller(&server, "ann", "accounts:read accounts:write teller").get("/health").await));
    assert!(has_details(&caller(&server, "ann", "admin").get("/health").await));
}

/// All parts of an answer by which a caller can tell two answers apart.
fn comparable(answer: &Answer) -> (u16, BTreeMap<String, String>, Value) {
    let mut headers: BTreeMap<String, String> = answer
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().expect("ASCII").to_owned()))
        .collect();
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
async fn another_callers_account_is_answered_like_one_that_does_not_exist() {
    let server = start();
    let ann = caller(&server, "ann", READ_WRITE);
    let hers = ann.open("100").await;
    let closed = ann.open("0").await;
    ann.deposit(&hers, "5").await.expect(200);
    ann.close(&closed).await.expect(200);
    for id in [&hers, &closed] {
        ann.get_at(&format!("/accounts/{id}"), 2).await.expect(200);
    }

    let bob = caller(&server, "bob", READ_WRITE);
    let commands = [
        ("deposits", Some(json!({"amount": "1"}))),
        ("deposits", Some(json!({"amount": "1.001"}))),
        ("deposits", Some(json!({"amount": "10000000000000.00"}))),
        ("deposits", Some(json!({"amount": "0"}))),
        ("deposits", Some(json!({"amount": 1}))),
        ("deposits", None),
        ("withdrawals", Some(json!({"amount": "1"}))),
        ("withdrawals", Some(json!({"amount": "1000"}))),
        ("close", None),
        ("close", Some(json!({"reason": "bored"}))),
    ];
    let command_headers: [&[(&str, &str)]; 8] = [
        &[],
        &[("If-Match", "\"2\"")],
        &[("If-Match", "\"7\"")],
        &[("If-Match", "*")],
        &[("If-Match", "no tag")],
        &[("Idempotency-Key", "k")],
        &[("Idempotency-Key", "k"), ("If-Match", "\"2\"")],
        &[("Passbook-Min-Version", "1")],
    ];
    for (command, body) in &commands {
        for headers in command_headers {
            let mut answers = Vec::new();
            for id in [UNKNOWN_ID, &hers, &closed] {
                let path = format!("/accounts/{id}/{command}");
                answers.push(comparable(&send(&bob, &Method::POST, &path, body.as_ref(), headers).await));
            }
            assert!(!(200..300).contains(&answers[0].0), "{command} {body:?} {headers:?}");
            assert_eq!(answers[1], answers[0], "{command} {body:?} {headers:?}");
            assert_eq!(answers[2], answers[0], "{command} {body:?} {headers:?}, closed");
        }
    }
    let query_headers: [&[(&str, &str)]; 5] = [
        &[],
        &[("If-None-Match", "\"2\"")],
        &[("If-None-Match", "*")],
        &[("If-None-Match", "no tag")],
        &[("Passbook-Min-Version", "0")],
    ];
    for (method, query) in [
        (Method::GET, ""),
        (Method::HEAD, ""),
        (Method::GET, "/transactions"),
        (Method::GET, "/transactions?from=2026-01-01T00:00:00Z&limit=1"),
        (Method::GET, "/transactions?limit=0"),
        (Method::HEAD, "/transactions"),
        (Method::GET, "/events"),
        (Method::GET, "/events?limit=1"),
        (Method::HEAD, "/events"),
        (Method::GET, "/as-of/2999-01-01T00:00:00Z"),
        (Method::GET, "/as-of/now"),
        (Method::HEAD, "/as-of/2999-01-01T00:00:00Z"),
    ] {
        for headers in query_headers {
            let mut answers = Vec::new();
            for id in [UNKNOWN_ID, &hers, &closed] {
                let path = format!("/accounts/{id}{query}");
                answers.push(comparable(&send(&bob, &method, &path, None, headers).await));
            }
            assert!(!(200..400).contains(&answers[0].0), "{method} {query} {headers:?}");
            assert_eq!(answers[1], answers[0], "{method} {query} {headers:?}");
            assert_eq!(answers[2], answers[0], "{method} {query} {headers:?}, closed");
        }
    }
    // None of these requests has changed the account.
    let account = ann.get(&format!("/accounts/{hers}")).await;
    assert_eq!((account.version(), account.text("balance")), (2, "105.00"));
}

#[tokio::test]
async fn waiting_for_a_version_of_another_callers_account_takes_as_long_as_for_none() {
    let server = start();
    let ann = caller(&server, "ann", READ_WRITE);
    let hers = ann.open("100").await;
    ann.get_at(&format!("/accounts/{hers}"), 1).await.expect(200);
    let bob = caller(&server, "bob", READ_WRITE);
    // The account has version 1 but not version 2. For both, Bob waits as long as for an account that does not exist.
    let waits = ["", "/transactions"].into_iter().flat_map(|query| {
        [UNKNOWN_ID, &hers].into_iter().flat_map(move |id| [1, 2].map(|version| (query, id.to_owned(), version)))
    });
    let answers = futures::future::join_all(waits.map(async |(query, id, version)| {
        let started_at = Instant::now();
        let answer = bob.get_once_at(&format!("/accounts/{id}{query}"), version).await;
        answer.expect_problem(503, "projection_behind");
        assert_eq!(answer.header("retry-after"), Some("1"));
        let waited = started_at.elapsed();
        assert!((1_900..4_000).contains(&waited.as_millis()), "{query} {id} {version}: {waited:?}");
        ((query, version), comparable(&answer))
    }))
    .await;
    for (what, answer) in &answers {
        let (_, first) = answers.iter().find(|(first, _)| first == what).expect("itself at least");
        assert_eq!(answer, first, "{what:?}");
    }
}

fn ids(list: &Answer) -> Vec<String> {
    let accounts = list.expect(200).body["accounts"].as_array().expect("accounts");
    accounts.iter().map(|account| account["account_id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn callers_list_their_own_accounts_and_a_teller_everyones() {
    let server = start();
    let (ann, bob) = (caller(&server, "ann", READ_WRITE), caller(&server, "bob", READ_WRITE));
    let hers = [ann.open("1").await, ann.open_in("JPY", "2").await];
    let his = [bob.open("3").await];
    bob.get_at(&format!("/accounts/{}", his[0]), 1).await.expect(200);
    assert_eq!(ids(&ann.get("/accounts").await), hers);
    assert_eq!(ids(&bob.get("/accounts").await), his);
    // These callers' names are near hers, but not hers. They get nothing, even with a cursor of hers.
    for name in ["Ann", "ann ", "an", "ann%", "a_n", "' OR 1=1 --"] {
        assert!(ids(&caller(&server, name, READ_WRITE).get("/accounts").await).is_empty(), "{name}");
    }
    let cursor = ann.get("/accounts?limit=1").await.text("next_cursor").to_owned();
    assert_eq!(ids(&bob.get(&format!("/accounts?cursor={cursor}")).await), his);

    let teller = caller(&server, "tom", "accounts:read teller");
    assert_eq!(ids(&teller.get("/accounts").await), [&hers[..], &his[..]].concat());
    assert_eq!(ids(&teller.get("/accounts?currency=EUR").await), [&hers[..1], &his[..]].concat());
    assert!(ids(&caller(&server, "tom", "accounts:read").get("/accounts").await).is_empty());
}

#[tokio::test]
async fn a_teller_sees_and_uses_any_callers_account() {
    let server = start();
    let ann = caller(&server, "ann", READ_WRITE);
    let hers = ann.open("100").await;
    let teller = caller(&server, "tom", &format!("{READ_WRITE} teller"));
    let deposited = teller.deposit(&hers, "5").await;
    assert_eq!((deposited.expect(200).version(), deposited.text("balance")), (2, "105.00"));
    teller.withdraw(&hers, "105").await.expect(200);
    teller.close(&hers).await.expect(200);
    let path = format!("/accounts/{hers}");
    let seen_by_teller = teller.get_at(&path, 4).await;
    let seen_by_ann = ann.get_at(&path, 4).await;
    assert_eq!(seen_by_teller.expect(200).body, seen_by_ann.body);
    for query in ["/transactions", "/events", "/as-of/2999-01-01T00:00:00Z"] {
        let path = format!("{path}{query}");
        assert_eq!(teller.get(&path).await.expect(200).body, ann.get(&path).await.body);
    }
    // No answer tells the owner's token name, not even to a teller.
    assert!(!teller.get(&format!("{path}/events")).await.body.to_string().contains("\"ann\""));
}

#[tokio::test]
async fn an_idempotency_key_belongs_to_its_caller() {
    let server = start();
    let (ann, bob) = (caller(&server, "ann", READ_WRITE), caller(&server, "bob", READ_WRITE));
    let body = json!({"holder": "Lee", "kind": "checking", "currency": "EUR", "opening_balance": "1"});
    let hers = ann.post_with_key("/accounts", &body, "my first account").await;
    let his = bob.post_with_key("/accounts", &body, "my first account").await;
    assert_eq!(
        (hers.expect(201).header("idempotency-replayed"), his.expect(201).header("idempotency-replayed")),
        (None, None)
    );
    assert_ne!(hers.text("account_id"), his.text("account_id"));
    // Callers and keys that give the same text when joined are still told apart.
    let ann1 = caller(&server, "ann1", READ_WRITE).post_with_key("/accounts", &body, "2").await;
    let ann = caller(&server, "ann", READ_WRITE).post_with_key("/accounts", &body, "12").await;
    assert_ne!(ann1.expect(201).text("account_id"), ann.expect(201).text("account_id"));

    // This holds on one account too: a teller's key is not the owner's key.
    let teller = caller(&server, "tom", &format!("{READ_WRITE} teller"));
    let path = format!("/accounts/{}/deposits", hers.text("account_id"));
    let amount = json!({"amount": "1"});
    let owner = caller(&server, "ann", READ_WRITE);
    assert_eq!(owner.post_with_key(&path, &amount, "k").await.expect(200).version(), 2);
    assert_eq!(teller.post_with_key(&path, &amount, "k").await.expect(200).version(), 3);
    assert_eq!(owner.post_with_key(&path, &amount, "k").await.expect(200).version(), 2);
    assert_eq!(teller.post_with_key(&path, &amount, "k").await.expect(200).version(), 3);
    // A caller that is not a teller learns nothing by guessing the key of another caller's account.
    bob.post_with_key(&path, &amount, "k").await.expect_problem(404, "account_not_found");
}

#[test]
fn an_environment_that_would_let_anyone_in_is_refused_by_name() {
    for address in ["0.0.0.0", "::", "192.0.2.1"] {
        let said = Server::refuses_to_start_with(&[("PASSBOOK_BIND", address)]);
        assert!(said.contains("PASSBOOK_BIND") && said.contains("PASSBOOK_JWKS"), "{address}: {said}");
    }
    let key = issuer().public_key();
    let without_material = json!({"keys": [{"kty": "EC", "kid": "first"}]}).to_string();
    let mut for_encryption = key.clone();
    for_encryption["use"] = json!("enc");
    let for_encryption = json!({ "keys": [for_encryption] }).to_string();
    for (variable, value) in [
        ("PASSBOOK_BIND", "localhost"),
        ("PASSBOOK_BIND", "127.0.0.1:9000"),
        ("PORT", "http"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", "9000 "),
        ("PASSBOOK_JWKS", "{"),
        ("PASSBOOK_JWKS", "{}"),
        ("PASSBOOK_JWKS", r#"{"keys":[]}"#),
        ("PASSBOOK_JWKS", r#"{"keys":{}}"#),
        ("PASSBOOK_JWKS", &key.to_string()),
        ("PASSBOOK_JWKS", &without_material),
        ("PASSBOOK_JWKS", &for_encryption),
        ("PASSBOOK_JWKS", "no such file.json"),
        ("PASSBOOK_JWKS", "/"),
    ] {
        let said = Server::refuses_to_start_with(&[(variable, value)]);
        assert!(said.contains(variable), "{variable}={value}: {said}");
    }
}

#[tokio::test]
async fn without_a_key_set_the_one_developer_has_every_scope_and_the_greeting_says_so() {
    let server = Server::start();
    assert!(server.greeting().contains("PASSBOOK_JWKS is not set"), "{}", server.greeting());
    assert!(server.base_url().starts_with("http://127.0.0.1:"), "{}", server.base_url());
    let account_id = server.client().open("1").await;
    // No token is looked at.
    let client = server.client().with_token("whatever");
    assert_eq!(client.deposit(&account_id, "1").await.expect(200).version(), 2);
    let health = client.get("/health").await;
    let dependencies = health.body["dependencies"].as_array().expect("dependencies");
    assert!(dependencies.iter().any(|dependency| dependency.get("detail").is_some()), "{}", health.body);

    let with_keys = start();
    assert!(with_keys.greeting().contains("tokens are checked"), "{}", with_keys.greeting());
    // With keys the server may be reached from other machines.
    let open_to_all = start_with(&[("PASSBOOK_BIND", "0.0.0.0")]);
    assert!(open_to_all.base_url().starts_with("http://0.0.0.0:"), "{}", open_to_all.base_url());
}

#[tokio::test]
async fn a_token_is_good_within_a_minute_of_its_times_for_clocks_that_differ() {
    let server = start();
    for (name, seconds, status) in [("exp", -30, 200), ("exp", -90, 401), ("nbf", 30, 200), ("nbf", 90, 401)] {
        let mut claims = claims("ann", READ_WRITE);
        claims[name] = json!(seconds_from_now(seconds));
        let started_at = Instant::now();
        let answer = server.client().with_token(&issuer().sign(&claims)).get("/accounts").await;
        assert!(started_at.elapsed() < Duration::from_secs(20), "too slow to tell");
        assert_eq!(answer.status.as_u16(), status, "{name} {seconds}");
    }
}
