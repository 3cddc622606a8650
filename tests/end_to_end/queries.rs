use std::time::{Duration, Instant};

use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::harness::{Answer, Client, Server};

/// The entries of a page.
fn items<'a>(page: &'a Answer, list: &str) -> &'a Vec<Value> {
    page.expect(200).body[list].as_array().unwrap_or_else(|| panic!("no {list} in {}", page.body))
}

/// Every entry of a list, page by page. `path` ends with its first parameters.
async fn all_pages(client: &Client, path: &str, list: &str, limit: usize) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("{path}limit={limit}{cursor}")).await;
        let on_page = items(&page, list);
        assert!(on_page.len() <= limit, "{} on a page of {limit}", on_page.len());
        all.extend(on_page.iter().cloned());
        match page.body["next_cursor"].as_str() {
            // A page that is not the last is full, so that nobody asks for an empty page.
            Some(next) => {
                assert_eq!(on_page.len(), limit, "a page that is not full, and yet there is more");
                cursor = format!("&cursor={next}");
            }
            None => return all,
        }
    }
}

fn texts<'a>(items: &'a [Value], member: &str) -> Vec<&'a str> {
    items.iter().map(|item| item[member].as_str().expect("a text")).collect()
}

/// A few accounts that differ in every filtered member. All are projected.
async fn open_a_few(client: &Client) -> Vec<Value> {
    let mut versions = Vec::new();
    for (holder, kind, currency, balance) in [
        ("Ann Lee", "checking", "EUR", "100.00"),
        ("Ann Lee", "savings", "EUR", "0"),
        ("Ann Lee", "savings", "JPY", "5000"),
        ("ann lee", "checking", "EUR", "50.00"),
        ("Bo Ek & Söhne", "checking", "EUR", "99.99"),
        ("Bo Ek & Söhne", "savings", "JPY", "0"),
        ("Bo Ek & Söhne", "checking", "KWD", "100.000"),
        ("100% +1", "checking", "EUR", "100.01"),
    ] {
        let body = json!({"holder": holder, "kind": kind, "currency": currency, "opening_balance": balance});
        let opened = client.post("/accounts", &body).await;
        let id = opened.expect(201).text("account_id").to_owned();
        let version = if balance == "0" { client.close(&id).await.expect(200).version() } else { opened.version() };
        versions.push((id, version));
    }
    let mut accounts = Vec::new();
    for (id, version) in versions {
        accounts.push(client.get_at(&format!("/accounts/{id}"), version).await.expect(200).body.clone());
    }
    accounts
}

#[tokio::test]
async fn every_combination_of_filters_lists_exactly_the_accounts_that_fit() {
    let server = Server::start();
    let client = server.client();
    let accounts = open_a_few(&client).await;
    // Amounts in cents keep the test's arithmetic simple.
    let cents = |account: &Value| -> i64 {
        account["balance"].as_str().expect("text").replace('.', "").parse().expect("digits")
    };
    let mut combinations = 0;
    for holder in ["", "Ann Lee", "ann lee", "Bo Ek & Söhne", "100% +1", "Nobody"] {
        for currency in ["", "EUR", "JPY", "CZK"] {
            for kind in ["", "checking", "savings"] {
                for status in ["", "active", "closed"] {
                    for (at_least, at_most) in [("", ""), ("50", ""), ("", "100"), ("50", "100"), ("100", "50")] {
                        // Bounds need a currency. Both currencies here have whole units.
                        if currency.is_empty() && !(at_least.is_empty() && at_most.is_empty()) {
                            continue;
                        }
                        let units = if currency == "JPY" { 1 } else { 100 };
                        let bound = |text: &str| text.parse::<i64>().ok().map(|bound| bound * units);
                        let fits = |account: &&Value| {
                            (holder.is_empty() || account["holder"] == holder)
                                && (currency.is_empty() || account["currency"] == currency)
                                && (kind.is_empty() || account["kind"] == kind)
                                && (status.is_empty() || account["status"] == status)
                                && bound(at_least).is_none_or(|bound| cents(account) >= bound)
                                && bound(at_most).is_none_or(|bound| cents(account) <= bound)
                        };
                        let expected: Vec<&Value> = accounts.iter().filter(fits).collect();
                        let query: Vec<String> = [
                            ("holder", holder),
                            ("currency", currency),
                            ("kind", kind),
                            ("status", status),
                            ("balance_at_least", at_least),
                            ("balance_at_most", at_most),
                        ]
                        .into_iter()
                        .filter(|(_, value)| !value.is_empty())
                        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
                        .collect();
                        let answer = client.get(&format!("/accounts?{}", query.join("&"))).await;
                        assert_eq!(items(&answer, "accounts").iter().collect::<Vec<_>>(), expected, "{query:?}");
                        combinations += 1;
                    }
                }
            }
        }
    }
    assert_eq!(combinations, 6 * 3 * 3 * (3 * 5 + 1));
    // The bounds themselves match, to the last decimal.
    for (query, holders) in [
        ("currency=EUR&balance_at_least=100.01", vec!["100% +1"]),
        ("currency=EUR&balance_at_least=100.00&balance_at_most=100.00", vec!["Ann Lee"]),
        ("currency=EUR&balance_at_most=99.99&status=active", vec!["ann lee", "Bo Ek & Söhne"]),
        ("currency=KWD&balance_at_least=100&balance_at_most=100.000", vec!["Bo Ek & Söhne"]),
        ("currency=KWD&balance_at_least=100.001", vec![]),
        ("holder=+Bo+Ek+%26+S%C3%B6hne+&kind=savings", vec!["Bo Ek & Söhne"]),
    ] {
        let answer = client.get(&format!("/accounts?{query}")).await;
        assert_eq!(texts(items(&answer, "accounts"), "holder"), holders, "{query}");
    }
}

#[tokio::test]
async fn paging_through_the_accounts_visits_each_once_in_order() {
    let server = Server::start();
    let client = server.client();
    let mut opened = Vec::new();
    for number in 0..11 {
        let currency = if number % 3 == 0 { "JPY" } else { "EUR" };
        opened.push(client.open_in(currency, "1").await);
    }
    client.get_at(&format!("/accounts/{}", opened[10]), 1).await.expect(200);
    for limit in [1, 2, 3, 10, 11, 12, 200] {
        let accounts = all_pages(&client, "/accounts?", "accounts", limit).await;
        assert_eq!(texts(&accounts, "account_id"), opened, "limit {limit}");
        let times = texts(&accounts, "opened_at");
        assert!(times.is_sorted(), "{times:?}");
    }
    let yen = all_pages(&client, "/accounts?currency=JPY&", "accounts", 1).await;
    assert_eq!(texts(&yen, "account_id"), [&opened[0], &opened[3], &opened[6], &opened[9]]);

    // An account that is opened or changed between two pages neither repeats nor skips other accounts.
    let first = client.get("/accounts?limit=6").await;
    let cursor = first.text("next_cursor").to_owned();
    let newest = client.open("1").await;
    client.deposit(&opened[0], "5").await.expect(200);
    client.deposit(&opened[8], "5").await.expect(200);
    client.get_at(&format!("/accounts/{}", opened[8]), 2).await.expect(200);
    let second = client.get(&format!("/accounts?limit=200&cursor={cursor}")).await;
    let visited = [items(&first, "accounts").clone(), items(&second, "accounts").clone()].concat();
    opened.push(newest);
    assert_eq!(texts(&visited, "account_id"), opened);
    assert_eq!(second.body["next_cursor"], Value::Null);
}

#[tokio::test]
async fn fifty_are_on_a_page_when_nothing_else_is_said() {
    let server = Server::start();
    let client = server.client();
    let account_id = client.open("0").await;
    for _ in 1..51 {
        client.deposit(&account_id, "1").await.expect(200);
    }
    for list in ["transactions", "events"] {
        let path = format!("/accounts/{account_id}/{list}");
        client.get_at(&format!("/accounts/{account_id}"), 51).await.expect(200);
        let page = client.get(&path).await;
        assert_eq!(items(&page, list).len(), 50);
        let rest = client.get(&format!("{path}?cursor={}", page.text("next_cursor"))).await;
        assert_eq!((items(&rest, list).len(), &rest.body["next_cursor"]), (1, &Value::Null));
    }
}

#[tokio::test]
async fn an_account_that_the_client_has_already_is_304_by_its_etag() {
    let server = Server::start();
    let client = server.client();
    let account_id = client.open("10").await;
    let path = format!("/accounts/{account_id}");
    let account = client.get_at(&path, 1).await;
    let tag = account.expect(200).header("etag").expect("a tag").to_owned();
    assert_eq!(tag, "\"1\"");
    let get_unless =
        async |tags: &str| client.send(client.request(Method::GET, &path).header("If-None-Match", tags)).await;
    for tags in [&tag, &format!("W/{tag}"), &format!("\"7\", {tag}"), "*"] {
        let answer = get_unless(tags).await;
        assert_eq!((answer.expect(304).header("etag"), &answer.body), (Some(tag.as_str()), &Value::Null), "{tags}");
    }
    let deposited = client.deposit(&account_id, "5").await;
    let wait_for = client.request(Method::GET, &path).header("If-None-Match", &tag);
    let answer = client.send(wait_for.header("Passbook-Min-Version", deposited.version())).await;
    assert_eq!((answer.expect(200).header("etag"), answer.text("balance")), (deposited.header("etag"), "15.00"));
    get_unless(&tag).await.expect(200);
    get_unless(deposited.header("etag").expect("a tag")).await.expect(304);
}

#[tokio::test]
async fn a_query_waits_for_the_version_it_is_to_have_and_answers_as_soon_as_it_is_there() {
    let server = Server::start();
    let client = server.client();
    let account_id = client.open("10").await;
    let path = format!("/accounts/{account_id}");
    client.get_at(&path, 1).await.expect(200);
    let waiting = async |path: String| {
        let started_at = Instant::now();
        let answer = client.get_at(&path, 2).await;
        (answer, started_at.elapsed())
    };
    let deposit_later = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        client.deposit(&account_id, "5").await.expect(200);
    };
    let ((account, waited), (statement, statement_waited), ()) =
        tokio::join!(waiting(path.clone()), waiting(format!("{path}/transactions")), deposit_later);
    assert_eq!((account.expect(200).version(), account.text("balance")), (2, "15.00"));
    assert_eq!(items(&statement, "transactions")[0]["version"], 2);
    for waited in [waited, statement_waited] {
        assert!((390..2_000).contains(&waited.as_millis()), "{waited:?}");
    }
}

#[tokio::test]
async fn a_version_that_does_not_come_is_503_after_two_seconds() {
    let server = Server::start();
    let client = server.client();
    let account_id = client.open("10").await;
    let path = format!("/accounts/{account_id}");
    client.get_at(&path, 1).await.expect(200);
    let waits = [path.clone(), format!("{path}/transactions")].map(async |path| {
        let started_at = Instant::now();
        let answer = client.get_once_at(&path, 2).await;
        answer.expect_problem(503, "projection_behind");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!((1_900..4_000).contains(&started_at.elapsed().as_millis()), "{:?}", started_at.elapsed());
    });
    futures::future::join_all(waits).await;
}

#[tokio::test]
async fn what_was_just_written_is_read_right_after_each_command() {
    let server = Server::start();
    let client = server.client();
    let reads = async |command: &Answer| {
        let id = command.text("account_id");
        let version = command.version();
        let account = client.get_at(&format!("/accounts/{id}"), version).await;
        let statement = client.get_at(&format!("/accounts/{id}/transactions?limit=1"), version).await;
        let events = client.get(&format!("/accounts/{id}/events?limit=200")).await;
        for member in ["account_id", "version", "balance", "currency", "status"] {
            assert_eq!(account.expect(200).body[member], command.body[member], "{member}");
        }
        assert_eq!(account.header("etag"), command.header("etag"));
        assert_eq!(items(&statement, "transactions")[0]["balance_after"], command.body["balance"]);
        let last = items(&events, "events").last().expect("an event");
        assert_eq!((&last["version"], &last["occurred_at"]), (&json!(version), &account.body["updated_at"]));
    };
    let body = json!({"holder": "Ann Lee", "kind": "savings", "currency": "EUR", "opening_balance": "0"});
    let opened = client.post("/accounts", &body).await;
    reads(opened.expect(201)).await;
    let id = opened.text("account_id");
    for amount in 1..=10 {
        reads(client.deposit(id, &amount.to_string()).await.expect(200)).await;
        reads(client.withdraw(id, &amount.to_string()).await.expect(200)).await;
    }
    reads(client.close(id).await.expect(200)).await;
}

/// An account with the opening and six movements, and their times in order.
async fn an_account_with_a_history(client: &Client) -> (String, Vec<Value>) {
    let account_id = client.open("0").await;
    for amount in ["1", "2", "3", "4", "5"] {
        client.deposit(&account_id, amount).await.expect(200);
    }
    client.withdraw(&account_id, "15").await.expect(200);
    client.close(&account_id).await.expect(200);
    let statement = client.get_at(&format!("/accounts/{account_id}/transactions"), 8).await;
    (account_id, items(&statement, "transactions").clone())
}

#[tokio::test]
async fn a_statement_is_paged_newest_first_and_each_line_adds_up() {
    let server = Server::start();
    let client = server.client();
    let (account_id, lines) = an_account_with_a_history(&client).await;
    // Closing moves no money, so it has no line.
    let versions: Vec<u64> = lines.iter().map(|line| line["version"].as_u64().expect("a version")).collect();
    assert_eq!(versions, [7, 6, 5, 4, 3, 2, 1]);
    let types = ["withdrawal", "deposit", "deposit", "deposit", "deposit", "deposit", "opening"];
    assert_eq!(texts(&lines, "type"), types);
    assert_eq!(texts(&lines, "balance_after"), ["0.00", "15.00", "10.00", "6.00", "3.00", "1.00", "0.00"]);
    assert_eq!(texts(&lines, "amount"), ["15.00", "5.00", "4.00", "3.00", "2.00", "1.00", "0.00"]);
    for limit in [1, 2, 6, 7, 8] {
        let paged = all_pages(&client, &format!("/accounts/{account_id}/transactions?"), "transactions", limit).await;
        assert_eq!(paged, lines, "limit {limit}");
    }
}

#[tokio::test]
async fn a_statement_from_and_to_has_the_first_time_within_and_the_last_without() {
    let server = Server::start();
    let client = server.client();
    let (account_id, lines) = an_account_with_a_history(&client).await;
    let path = format!("/accounts/{account_id}/transactions");
    let times = texts(&lines, "occurred_at");
    let before_all = "2020-01-01T00:00:00Z";
    let after_all = "2999-12-31T23:59:59.999999%2B01:00";
    let marks: Vec<&str> = [after_all].into_iter().chain(times.iter().copied()).chain([before_all]).collect();
    let at = |mark: &str| mark.replace("%2B", "+");
    for from in &marks {
        for to in &marks {
            // The texts have one form, so the later time is the greater text.
            let expected: Vec<&Value> = lines
                .iter()
                .filter(|line| {
                    let time = line["occurred_at"].as_str().expect("a time");
                    time >= at(from).as_str() && time < at(to).as_str()
                })
                .collect();
            let answer = client.get(&format!("{path}?from={from}&to={to}")).await;
            assert_eq!(items(&answer, "transactions").iter().collect::<Vec<_>>(), expected, "from {from} to {to}");
        }
        let expected = lines.iter().filter(|line| line["occurred_at"].as_str() >= Some(at(from).as_str())).count();
        let answer = client.get(&format!("{path}?from={from}")).await;
        assert_eq!(items(&answer, "transactions").len(), expected, "from {from}");
        let answer = client.get(&format!("{path}?to={from}")).await;
        assert_eq!(items(&answer, "transactions").len(), lines.len() - expected, "to {from}");
    }
    // The same moment in another form counts as the same moment. All pages keep to the times.
    let third = times[4];
    let elsewhere = format!("{}%2B00:00", third.to_lowercase().trim_end_matches('z'));
    let answer = client.get(&format!("{path}?from={elsewhere}")).await;
    assert_eq!(items(&answer, "transactions").len(), 5, "{elsewhere}");
    let paged = all_pages(&client, &format!("{path}?from={third}&to={}&", times[0]), "transactions", 1).await;
    assert_eq!(paged, lines[1..5]);
}

#[tokio::test]
async fn the_audit_trail_is_paged_oldest_first_with_every_event_once() {
    let server = Server::start();
    let client = server.client();
    let (account_id, lines) = an_account_with_a_history(&client).await;
    let path = format!("/accounts/{account_id}/events");
    let whole = client.get(&path).await;
    let events = items(&whole, "events").clone();
    let versions: Vec<u64> = events.iter().map(|event| event["version"].as_u64().expect("a version")).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6, 7, 8]);
    let mut event_ids = texts(&events, "event_id");
    event_ids.sort_unstable();
    event_ids.dedup();
    assert_eq!(event_ids.len(), 8, "an event id that is there twice");
    for limit in [1, 3, 7, 8, 9] {
        assert_eq!(all_pages(&client, &format!("{path}?"), "events", limit).await, events, "limit {limit}");
    }
    // Each event here is a commit of its own. It names the hash of the commit before.
    let previous: Vec<Option<&str>> = events.iter().map(|event| event["previous_hash"].as_str()).collect();
    let mut chain: Vec<Option<&str>> = texts(&events, "hash").into_iter().map(Some).collect();
    chain.pop();
    chain.insert(0, None);
    assert_eq!(previous, chain);
    // Statement and trail give the same times.
    let times: Vec<&str> = texts(&lines, "occurred_at").into_iter().rev().collect();
    assert_eq!(texts(&events[..7], "occurred_at"), times);
}

#[tokio::test]
async fn an_event_has_the_correlation_id_of_the_request_that_caused_it() {
    let server = Server::start();
    let client = server.client();
    let account_id = client.open("0").await;
    let path = format!("/accounts/{account_id}");
    let deposit = client.post_request(&format!("{path}/deposits"), &json!({"amount": "1"}));
    let deposited = client.send(deposit.header("X-Correlation-Id", "branch-7.till_3")).await;
    assert_eq!(deposited.expect(200).header("x-correlation-id"), Some("branch-7.till_3"));
    let withdrawn = client.withdraw(&account_id, "1").await;
    let events = client.get(&format!("{path}/events")).await;
    let correlation_ids = texts(&items(&events, "events")[1..], "correlation_id");
    assert_eq!(correlation_ids, ["branch-7.till_3", withdrawn.header("x-correlation-id").expect("an id")]);
    // A refusal carries the id too.
    let refused = client.request(Method::GET, "/accounts/1").header("X-Correlation-Id", "abc");
    assert_eq!(client.send(refused).await.expect_problem(404, "account_not_found").text("correlation_id"), "abc");
}

#[tokio::test]
async fn head_answers_what_get_does_without_the_body() {
    let server = Server::start();
    let client = server.client();
    let account_id = client.open("10").await;
    let account = format!("/accounts/{account_id}");
    client.get_at(&account, 1).await.expect(200);
    for (path, status) in [
        ("/accounts".to_owned(), 200),
        ("/accounts?limit=0".to_owned(), 400),
        (account.clone(), 200),
        (format!("{account}/transactions"), 200),
        (format!("{account}/events"), 200),
        ("/accounts/1".to_owned(), 404),
        ("/nowhere".to_owned(), 404),
        ("/health".to_owned(), 200),
        ("/openapi.yaml".to_owned(), 200),
        ("/".to_owned(), 200),
    ] {
        let get = client.get(&path).await;
        let head = client.send(client.request(Method::HEAD, &path)).await;
        assert_eq!((get.status.as_u16(), head.status.as_u16(), &head.body), (status, status, &Value::Null), "{path}");
        let comparable = |answer: &Answer| {
            let mut headers = answer.headers.clone();
            for own in ["date", "x-correlation-id"] {
                headers.remove(own);
            }
            headers
        };
        // The length is also the same as that of GET's body.
        assert_eq!(comparable(&head), comparable(&get), "{path}");
        assert!(head.headers.contains_key("content-length"), "{path}");
    }
    let unchanged = client.request(Method::HEAD, &account).header("If-None-Match", "\"1\"");
    client.send(unchanged).await.expect(304);
}

#[tokio::test]
async fn money_is_written_with_exactly_its_currencys_decimals_wherever_it_stands() {
    let server = Server::start();
    let client = server.client();
    // The sent amounts, and their written forms: opening balance, deposit, balance after both, and zero.
    for (currency, opening, deposit, written) in [
        ("EUR", "0010", "0.5", ["10.00", "0.50", "10.50", "0.00"]),
        ("JPY", "10", "5", ["10", "5", "15", "0"]),
        ("KWD", "10.1", "0.005", ["10.100", "0.005", "10.105", "0.000"]),
        ("CLF", "1.0001", "1", ["1.0001", "1.0000", "2.0001", "0.0000"]),
        ("EUR", "9999999999999.99", "0.01", ["9999999999999.99", "0.01", "10000000000000.00", "0.00"]),
    ] {
        let [opening_written, deposit_written, sum_written, nothing] = written;
        let id = client.open_in(currency, opening).await;
        let deposited = client.deposit(&id, deposit).await;
        assert_eq!(deposited.expect(200).text("balance"), sum_written);
        let path = format!("/accounts/{id}");
        assert_eq!(client.get_at(&path, 2).await.text("balance"), sum_written);
        let withdrawn = client.withdraw(&id, sum_written).await;
        assert_eq!(withdrawn.expect(200).text("balance"), nothing);
        let account = client.get_at(&path, 3).await;
        assert_eq!((account.text("balance"), account.text("currency")), (nothing, currency));
        let statement = client.get(&format!("{path}/transactions")).await;
        let lines = items(&statement, "transactions");
        assert_eq!(texts(lines, "amount"), [sum_written, deposit_written, opening_written]);
        assert_eq!(texts(lines, "balance_after"), [nothing, sum_written, opening_written]);
        let events = client.get(&format!("{path}/events")).await;
        let data: Vec<&Value> = items(&events, "events").iter().map(|event| &event["data"]).collect();
        assert_eq!(data[0]["opening_balance"], opening_written);
        assert_eq!((&data[1]["amount"], &data[2]["amount"]), (&json!(deposit_written), &json!(sum_written)));
        let refused = client.withdraw(&id, deposit).await;
        let detail = refused.expect_problem(422, "insufficient_funds").text("detail");
        assert!(detail.contains(&format!("{nothing} {currency}")), "{detail}");
    }
}
