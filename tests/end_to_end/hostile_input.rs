use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::harness::{Client, RawRequest, Server, eventually};

/// A valid id of an account that no one has opened.
const UNKNOWN_ID: &str = "019cadd4-c179-752e-9a6a-3a456513270e";
const MAX_BODY_BYTES: usize = 65_536;

/// One request at the edge of the contract, and the required answer.
struct Row {
    name: String,
    request: RawRequest,
    status: u16,
    /// The problem's code. It is empty if the answer is not a problem.
    code: &'static str,
    /// The wrong fields of a `validation_failed`, as `field: code`.
    wrong_fields: Vec<&'static str>,
    allow: Option<&'static str>,
    is_http: bool,
}

fn row(name: impl Into<String>, request: RawRequest, status: u16, code: &'static str) -> Row {
    Row { name: name.into(), request, status, code, wrong_fields: Vec::new(), allow: None, is_http: true }
}

fn fine(name: impl Into<String>, request: RawRequest, status: u16) -> Row {
    row(name, request, status, "")
}

fn malformed(name: impl Into<String>, request: RawRequest) -> Row {
    row(name, request, 400, "malformed_request")
}

fn invalid<const N: usize>(name: impl Into<String>, request: RawRequest, wrong_fields: [&'static str; N]) -> Row {
    Row { wrong_fields: wrong_fields.to_vec(), ..row(name, request, 422, "validation_failed") }
}

/// A request that is refused before it counts as a request. The answer is the HTTP library's own, outside the contract.
fn no_http(name: impl Into<String>, request: RawRequest) -> Row {
    Row { is_http: false, ..row(name, request, 400, "") }
}

/// The accounts of the requests. None of them may change.
struct Accounts {
    eur: String,
    jpy: String,
    kwd: String,
}

impl Accounts {
    async fn open(client: &Client) -> Self {
        Self {
            eur: client.open_in("EUR", "100.00").await,
            jpy: client.open_in("JPY", "100").await,
            kwd: client.open_in("KWD", "100.000").await,
        }
    }

    /// Everything that a client can see of the accounts.
    async fn all_that_is_seen(&self, client: &Client) -> Vec<Value> {
        let mut seen = Vec::new();
        for id in [&self.eur, &self.jpy, &self.kwd] {
            for path in ["", "/transactions", "/events"] {
                let path = format!("/accounts/{id}{path}");
                // The audit trail takes no Passbook-Min-Version, and needs none.
                let answer = client.get_at(&path, 1).await;
                seen.push(answer.expect(200).body.clone());
            }
        }
        seen
    }
}

#[tokio::test]
async fn hostile_requests_are_refused_exactly_and_leave_no_trace() {
    let server = Server::start();
    let client = server.client();
    let accounts = Accounts::open(&client).await;
    let before = accounts.all_that_is_seen(&client).await;

    let tables = [
        bodies_that_are_no_json_object(&accounts),
        fields(&accounts),
        texts(&accounts),
        amounts(&accounts),
        body_sizes(&accounts),
        content_types(&accounts),
        accepts(&accounts),
        command_headers(&accounts),
        query_headers(&accounts),
        all_headers(&accounts),
        query_strings(&accounts),
        cursors(&client, &accounts).await,
        paths(&accounts),
        times_in_a_path(&accounts),
        methods(&accounts),
    ];
    let rows: Vec<Row> = tables.into_iter().flatten().collect();
    assert!(rows.len() >= 80, "{} rows", rows.len());
    let opened = rows.iter().filter(|row| row.status == 201).count();
    let count = rows.len();

    let failures: Vec<String> = futures::stream::iter(rows)
        .map(|row| judge(row, server.base_url().to_owned()))
        .buffered(8)
        .filter_map(|failure| async { failure })
        .collect()
        .await;
    assert!(failures.is_empty(), "{} of {count} rows:\n{}", failures.len(), failures.join("\n"));

    assert_eq!(accounts.all_that_is_seen(&client).await, before);
    let listed = async || client.get("/accounts?limit=200").await.body["accounts"].as_array().map_or(0, Vec::len);
    let are_all_listed = async || (listed().await >= 3 + opened).then_some(());
    eventually("what was opened is listed", are_all_listed).await;
    // The account that is opened last is delivered last, at least within its partition.
    let last = client.open("0").await;
    client.get_at(&format!("/accounts/{last}"), 1).await.expect(200);
    assert_eq!(listed().await, 3 + opened + 1, "accounts came from nowhere");
    assert!(!server.log().contains("\"panic\""), "something panicked: {}", server.log());
}

/// Sends the row's request in a task of its own, so that one bad answer does not hide the answers after it.
async fn judge(row: Row, base_url: String) -> Option<String> {
    let name = row.name.clone();
    let judged = tokio::spawn(async move {
        if !row.is_http {
            let answer = row.request.send_beside_the_contract(&base_url).await;
            assert_eq!((answer.status.as_u16(), &answer.body), (row.status, &Value::Null));
            return;
        }
        let answer = row.request.send(&base_url).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (row.status, row.code), "{}", answer.body);
        assert_eq!(answer.wrong_fields(), row.wrong_fields);
        if let Some(allow) = row.allow {
            assert_eq!(answer.header("allow"), Some(allow));
        }
    });
    let panic = judged.await.err()?.into_panic();
    let why = panic.downcast_ref::<String>().map_or("(no text)", String::as_str);
    Some(format!("- {name}: {why}"))
}

#[tokio::test]
async fn amounts_and_balances_reach_their_limit_and_do_not_pass_it() {
    let server = Server::start();
    let client = server.client();
    for (currency, limit, smallest) in
        [("EUR", "10000000000000.00", "0.01"), ("JPY", "1000000000000000", "1"), ("KWD", "1000000000000.000", "0.001")]
    {
        let id = client.open_in(currency, "0").await;
        let full = client.deposit(&id, limit).await;
        assert_eq!((full.expect(200).version(), full.text("balance")), (2, limit));
        client.deposit(&id, smallest).await.expect_problem(422, "balance_limit_exceeded");
        client.deposit(&id, limit).await.expect_problem(422, "balance_limit_exceeded");
        let empty = client.withdraw(&id, limit).await;
        assert_eq!(empty.expect(200).version(), 3);
        client.withdraw(&id, smallest).await.expect_problem(422, "insufficient_funds");
        client.close(&id).await.expect(200);
        client.deposit(&id, limit).await.expect_problem(409, "account_closed");
    }
}

fn open_request(body: impl Into<Vec<u8>>) -> RawRequest {
    RawRequest::post("/accounts").json(body)
}

fn deposit_request(account_id: &str, body: impl Into<Vec<u8>>) -> RawRequest {
    RawRequest::post(format!("/accounts/{account_id}/deposits")).json(body)
}

fn withdrawal_request(account_id: &str, body: impl Into<Vec<u8>>) -> RawRequest {
    RawRequest::post(format!("/accounts/{account_id}/withdrawals")).json(body)
}

fn close_request(account_id: &str) -> RawRequest {
    RawRequest::post(format!("/accounts/{account_id}/close"))
}

/// A deposit whose amount is refused. Everything that is checked before the amount has passed.
fn deposit_of_nothing(accounts: &Accounts) -> RawRequest {
    deposit_request(&accounts.eur, r#"{"amount":"0"}"#)
}

fn passes(name: impl Into<String>, request: RawRequest) -> Row {
    invalid(name, request, ["amount: not_positive"])
}

/// Bodies as bytes that are not JSON, or not an object.
fn bodies_that_are_no_json_object(accounts: &Accounts) -> Vec<Row> {
    let deposit = |body: &[u8]| deposit_request(&accounts.eur, body);
    let deep = "[".repeat(60_000);
    let mut rows: Vec<Row> = [
        ("no body at all", &b""[..]),
        ("white space for a body", b" \r\n\t "),
        ("a form feed before the object", b"\x0c{\"amount\":\"1\"}"),
        ("a byte order mark before the object", b"\xef\xbb\xbf{\"amount\":\"1\"}"),
        ("UTF-16", b"\xff\xfe{\0\"\0a\0"),
        ("bytes that are not UTF-8 in a text", b"{\"amount\":\"1\",\"reference\":\"\xff\"}"),
        ("an overlong encoding in a text", b"{\"amount\":\"1\",\"reference\":\"\xc0\xaf\"}"),
        ("a raw NUL in a text", b"{\"amount\":\"1\",\"reference\":\"a\0b\"}"),
        ("a raw line break in a text", b"{\"amount\":\"1\",\"reference\":\"a\nb\"}"),
        ("a NUL after the object", b"{\"amount\":\"1\"}\0"),
        ("nothing but a NUL", b"\0"),
        ("a lone high surrogate", br#"{"amount":"1","reference":"\ud800"}"#),
        ("a lone low surrogate", br#"{"amount":"1","reference":"\udfff"}"#),
        ("surrogates the wrong way round", br#"{"amount":"1","reference":"\ude00\ud83d"}"#),
        ("an escape that JSON does not have", br#"{"amount":"1","reference":"\x41"}"#),
        ("an object cut off", br#"{"amount":"1""#),
        ("a text cut off", br#"{"amount":"1"#),
        ("an object and then another", br#"{"amount":"1"}{"amount":"1"}"#),
        ("an object and then a word", br#"{"amount":"1"} true"#),
        ("a comma too many", br#"{"amount":"1",}"#),
        ("single quotes", br#"{'amount':'1'}"#),
        ("a comment", br#"{"amount":"1"/* one */}"#),
        ("null", b"null"),
        ("a text that holds an object", br#""{\"amount\":\"1\"}""#),
        ("a number", b"1"),
        ("true", b"true"),
        ("an empty array", b"[]"),
        ("an array of the right values by position", br#"["1","rent"]"#),
        ("an array of the right object", br#"[{"amount":"1"}]"#),
        ("a form", b"amount=1&reference=rent"),
        ("XML", b"<amount>1</amount>"),
        ("arrays within arrays, 60,000 deep", deep.as_bytes()),
        ("YAML", b"amount: '1'"),
    ]
    .into_iter()
    .map(|(name, body)| malformed(name, deposit(body)))
    .collect();
    let by_position = br#"["Ann Lee","checking","EUR","1.00"]"#;
    rows.push(malformed("open: an array of the right values by position", open_request(by_position)));
    rows.push(malformed("open: no body at all", open_request("")));
    rows.push(malformed("close: white space for a body", close_request(&accounts.eur).json(" ")));
    rows.push(malformed("close: null", close_request(&accounts.eur).json("null")));
    rows.push(malformed("close: an array", close_request(&accounts.eur).json(r#"["bored"]"#)));
    rows.push(row(
        "arrays within arrays, 100,000 deep",
        deposit("[".repeat(100_000).as_bytes()),
        413,
        "payload_too_large",
    ));
    rows
}

/// Objects whose keys or types are not in the contract.
fn fields(accounts: &Accounts) -> Vec<Row> {
    let deposit = |body: String| deposit_request(&accounts.eur, body);
    let mut rows: Vec<Row> = [
        ("an amount that is a number", r#"{"amount":1}"#),
        ("an amount that is a number with decimals", r#"{"amount":1.50}"#),
        ("an amount that is a number with an exponent", r#"{"amount":1e2}"#),
        ("an amount that is a huge number", r#"{"amount":1e999}"#),
        ("an amount that is NaN", r#"{"amount":NaN}"#),
        ("an amount that is Infinity", r#"{"amount":-Infinity}"#),
        ("an amount that is null", r#"{"amount":null}"#),
        ("an amount that is true", r#"{"amount":true}"#),
        ("an amount in an array", r#"{"amount":["1"]}"#),
        ("an amount in an object", r#"{"amount":{"amount":"1"}}"#),
        ("a reference that is null", r#"{"amount":"1","reference":null}"#),
        ("a reference that is a number", r#"{"amount":"1","reference":7}"#),
        ("an unknown key", r#"{"amount":"1","currency":"EUR"}"#),
        ("an empty key", r#"{"amount":"1","":"EUR"}"#),
        ("a key in capitals", r#"{"Amount":"1"}"#),
        ("a key with a space", r#"{"amount ":"1"}"#),
        ("__proto__", r#"{"amount":"1","__proto__":{"is_teller":true}}"#),
        ("a key that comes twice", r#"{"amount":"1","amount":"1"}"#),
        ("a key that comes twice, once escaped", r#"{"amount":"1","\u0061mount":"2"}"#),
        ("an optional key that comes twice", r#"{"amount":"1","reference":"a","reference":"b"}"#),
    ]
    .into_iter()
    .map(|(name, body)| malformed(name, deposit(body.to_owned())))
    .collect();
    let deep = format!(r#"{{"amount":"1","deep":{}}}"#, "[".repeat(30_000) + &"]".repeat(30_000));
    rows.push(malformed("an unknown key that is 30,000 arrays deep", deposit(deep)));
    let deep = format!(r#"{{"amount":{}"1"{}}}"#, r#"{"amount":"#.repeat(5_000), "}".repeat(5_000));
    rows.push(malformed("an amount 5,000 objects deep", deposit(deep)));
    let keys: String = (0..3_000).map(|number| format!(r#","key{number}":"""#)).collect();
    rows.push(malformed("3,000 unknown keys", deposit(format!(r#"{{"amount":"1"{keys}}}"#))));
    rows.extend([
        invalid("no amount", deposit("{}".to_owned()), ["amount: required"]),
        invalid("no fields at all", open_request("{}"), [
            "holder: required",
            "kind: required",
            "currency: required",
            "opening_balance: required",
        ]),
        invalid(
            "every field wrong",
            open_request(r#"{"opening_balance":"1e2","currency":"eur","kind":"Checking","holder":" \u0009 "}"#),
            ["holder: blank", "kind: unknown_kind", "currency: unknown_currency", "opening_balance: invalid_amount"],
        ),
        invalid(
            "every field wrong, in other ways",
            open_request(r#"{"holder":"a\u0000b","kind":"","currency":"XXX","opening_balance":""}"#),
            [
                "holder: control_characters",
                "kind: unknown_kind",
                "currency: unknown_currency",
                "opening_balance: invalid_amount",
            ],
        ),
        invalid(
            "amount and reference both wrong",
            withdrawal_request(&accounts.eur, json!({"amount": "-1", "reference": "x".repeat(141)}).to_string()),
            ["amount: invalid_amount", "reference: too_long"],
        ),
        malformed("a wrong type beside wrong values", open_request(r#"{"holder":"","kind":"x","currency":1}"#)),
        malformed("open: an account id of one's own", open_request(format!(
            r#"{{"account_id":"{UNKNOWN_ID}","holder":"Ann","kind":"savings","currency":"EUR","opening_balance":"0"}}"#
        ))),
        malformed("open: another owner", open_request(
            r#"{"owner":"bob","holder":"Ann","kind":"savings","currency":"EUR","opening_balance":"0"}"#,
        )),
        malformed("close: an unknown key", close_request(&accounts.eur).json(r#"{"force":true}"#)),
        malformed("close: a reason that is null", close_request(&accounts.eur).json(r#"{"reason":null}"#)),
        row("close: an account with money in it", close_request(&accounts.eur).json("{}"), 422, "balance_not_zero"),
    ]);
    rows
}

fn open_with(holder: &str, kind: &str, currency: &str, opening_balance: &str) -> RawRequest {
    let body = json!({"holder": holder, "kind": kind, "currency": currency, "opening_balance": opening_balance});
    open_request(body.to_string())
}

/// Holders, references, reasons, kinds and currencies.
fn texts(accounts: &Accounts) -> Vec<Row> {
    let holder = |holder: &str| open_with(holder, "savings", "EUR", "0");
    let reference = |text: &str| deposit_request(&accounts.eur, json!({"amount": "0", "reference": text}).to_string());
    let mut rows = vec![
        fine("a holder of 140 characters", holder(&"é".repeat(140)), 201),
        fine("a holder of 140 characters within white space", holder(&format!("  {}\t", "𝄞".repeat(140))), 201),
        fine("a holder in emoji of several code points", holder("👩‍👩‍👧‍👦 🇪🇺"), 201),
        fine("a holder from right to left", holder("\u{202e}דוד \u{2066}Ann\u{2069}"), 201),
        fine("a holder that looks like SQL", holder("Robert'); DROP TABLE bank_accounts;--"), 201),
        fine("a holder that looks like HTML", holder("<script>alert(1)</script>"), 201),
        fine("a holder of one character", holder("李"), 201),
        invalid("a holder of 141 characters", holder(&"é".repeat(141)), ["holder: too_long"]),
        invalid("a holder of 60,000 characters", holder(&"x".repeat(60_000)), ["holder: too_long"]),
        invalid("an empty holder", holder(""), ["holder: blank"]),
        invalid("a holder of white space", holder(" \t\r\n\u{a0}\u{2003}\u{3000}"), ["holder: blank"]),
        invalid("a holder with a line break", holder("Ann\nLee"), ["holder: control_characters"]),
        invalid("a holder with a NUL", holder("Ann\0Lee"), ["holder: control_characters"]),
        invalid("a holder with an escape sequence", holder("\u{1b}[31mAnn"), ["holder: control_characters"]),
        invalid("a holder with a control character of Latin-1", holder("Ann\u{85}Lee"), ["holder: control_characters"]),
        passes("a reference of 140 characters", reference(&"ä".repeat(140))),
        passes("an empty reference", reference("")),
        invalid(
            "a reference of 141 characters",
            reference(&"ä".repeat(141)),
            ["amount: not_positive", "reference: too_long"],
        ),
        invalid("a reference with a tab", reference("a\tb"), ["amount: not_positive", "reference: control_characters"]),
        invalid(
            "a reason of 141 characters",
            close_request(&accounts.eur).json(json!({"reason": "x".repeat(141)}).to_string()),
            ["reason: too_long"],
        ),
        invalid(
            "a reason with DEL in it",
            close_request(&accounts.eur).json(r#"{"reason":"a\u007fb"}"#),
            ["reason: control_characters"],
        ),
    ];
    for kind in ["Checking", "CHECKING", " checking", "current", "", "checking\u{0}"] {
        let request = open_with("Ann Lee", kind, "EUR", "0");
        rows.push(invalid(format!("the kind {kind:?}"), request, ["kind: unknown_kind"]));
    }
    // ＥＵＲ in full width, a Cyrillic Е, a superseded currency, a metal, a number, and forms near the right one.
    for currency in ["eur", "ＥＵＲ", "\u{415}UR", "DEM", "XAU", "XXX", "978", "EUR ", "EURO", "€", ""] {
        let request = open_with("Ann Lee", "checking", currency, "0");
        rows.push(invalid(format!("the currency {currency:?}"), request, ["currency: unknown_currency"]));
    }
    rows
}

/// Amounts as texts: their form, and the decimals and limits of each currency.
fn amounts(accounts: &Accounts) -> Vec<Row> {
    let amount = |amount: &str| json!({ "amount": amount }).to_string();
    let mut rows = Vec::new();
    for text in [
        "",
        " ",
        "+1",
        "-1",
        "-0",
        "1e2",
        "1E2",
        "1,50",
        "1.000,50",
        "1,000",
        "1 000",
        "1_000",
        "1'000",
        " 1",
        "1 ",
        "1\n",
        ".5",
        "5.",
        ".",
        "1.2.3",
        "0x10",
        "NaN",
        "Infinity",
        "null",
        "1/2",
        "½",
        "١٢٣",
        "１２",
        "1\u{0}",
        "1\u{a0}",
        "€1",
        "1 EUR",
        "−1",
        "--1",
        "1.-2",
        "\u{202e}1",
        "1%",
    ] {
        let request = deposit_request(&accounts.eur, amount(text));
        rows.push(invalid(format!("a deposit of {text:?}"), request, ["amount: invalid_amount"]));
    }
    for text in ["0", "0.00", "00", "000000.000"] {
        let request = withdrawal_request(&accounts.eur, amount(text));
        rows.push(invalid(format!("a withdrawal of {text:?}"), request, ["amount: not_positive"]));
    }
    for (id, text) in [
        (&accounts.eur, "1.005"),
        (&accounts.eur, "1.500"),
        (&accounts.eur, "0.001"),
        (&accounts.jpy, "1.0"),
        (&accounts.jpy, "0.5"),
        (&accounts.kwd, "1.0005"),
    ] {
        for request in [deposit_request(id, amount(text)), withdrawal_request(id, amount(text))] {
            rows.push(invalid(format!("{text} with too many decimals"), request, ["amount: too_many_decimals"]));
        }
    }
    for (id, text) in [
        (&accounts.eur, "10000000000000.01"),
        (&accounts.jpy, "1000000000000001"),
        (&accounts.kwd, "1000000000000.001"),
        (&accounts.jpy, "9223372036854775808"),
        (&accounts.jpy, "18446744073709551617"),
        (&accounts.eur, "99999999999999999999999999999999"),
        (&accounts.eur, "000000000000000000000000000000001"),
    ] {
        for request in [deposit_request(id, amount(text)), withdrawal_request(id, amount(text))] {
            rows.push(invalid(format!("{text} over the limit"), request, ["amount: too_large"]));
        }
    }
    let digits = amount(&"9".repeat(60_000));
    rows.push(invalid("60,000 digits", deposit_request(&accounts.eur, digits), ["amount: too_large"]));
    let zeros = amount(&format!("1.{}", "0".repeat(60_000)));
    rows.push(invalid("60,000 decimals", deposit_request(&accounts.eur, zeros), ["amount: too_large"]));
    for (id, at_the_limit) in [
        (&accounts.eur, "10000000000000.00"),
        (&accounts.jpy, "1000000000000000"),
        (&accounts.kwd, "1000000000000.000"),
    ] {
        let deposit = deposit_request(id, amount(at_the_limit));
        rows.push(row(format!("{at_the_limit} more than there is room for"), deposit, 422, "balance_limit_exceeded"));
        let withdrawal = withdrawal_request(id, amount(at_the_limit));
        rows.push(row(format!("{at_the_limit} out of 100"), withdrawal, 422, "insufficient_funds"));
    }
    for (id, one_more_than_there_is) in [(&accounts.eur, "100.01"), (&accounts.jpy, "101"), (&accounts.kwd, "100.001")]
    {
        let withdrawal = withdrawal_request(id, amount(one_more_than_there_is));
        rows.push(row(format!("{one_more_than_there_is} out of 100"), withdrawal, 422, "insufficient_funds"));
    }
    for (currency, at_the_limit, over_the_limit, too_fine) in [
        ("EUR", "10000000000000.00", "10000000000000.01", "0.001"),
        ("JPY", "1000000000000000", "1000000000000001", "0.0"),
        ("KWD", "1000000000000.000", "1000000000000.001", "0.0001"),
        ("CLF", "100000000000.0000", "100000000000.0001", "0.00001"),
    ] {
        let open = |opening_balance| open_with("Ann Lee", "checking", currency, opening_balance);
        rows.extend([
            fine(format!("{currency} opened with {at_the_limit}"), open(at_the_limit), 201),
            fine(format!("{currency} opened with nothing"), open("0"), 201),
            invalid(
                format!("{currency} opened with {over_the_limit}"),
                open(over_the_limit),
                ["opening_balance: too_large"],
            ),
            invalid(
                format!("{currency} opened with {too_fine}"),
                open(too_fine),
                ["opening_balance: too_many_decimals"],
            ),
            invalid(format!("{currency} opened with -1"), open("-1"), ["opening_balance: invalid_amount"]),
        ]);
    }
    rows.push(invalid(
        "a finer balance in no currency",
        open_with("Ann Lee", "checking", "EURO", "0.001"),
        ["currency: unknown_currency"],
    ));
    rows
}

fn body_sizes(accounts: &Accounts) -> Vec<Row> {
    let padded = |length: usize| {
        let start = r#"{"amount":"0","#;
        let end = r#""reference":""}"#;
        format!("{start}{}{end}", " ".repeat(length - start.len() - end.len()))
    };
    let deposit = |body: String| deposit_request(&accounts.eur, body);
    let too_large = |name: &str, request: RawRequest| row(name, request, 413, "payload_too_large");
    vec![
        passes("65,536 bytes", deposit(padded(MAX_BODY_BYTES))),
        too_large("65,537 bytes", deposit(padded(MAX_BODY_BYTES + 1))),
        too_large("65,537 bytes that are no JSON", deposit("x".repeat(MAX_BODY_BYTES + 1))),
        too_large("1 MiB", deposit(padded(1 << 20))),
        too_large("11 MiB", deposit(padded(11 << 20))),
        too_large("close: 65,537 bytes", close_request(&accounts.eur).json(padded(MAX_BODY_BYTES + 1))),
        too_large("a GET with 65,537 bytes", RawRequest::get("/accounts").json(padded(MAX_BODY_BYTES + 1))),
        fine("a GET with a body", RawRequest::get(format!("/accounts/{}", accounts.eur)).json("{}"), 200),
        passes(
            "a body in chunks",
            RawRequest::post(format!("/accounts/{}/deposits", accounts.eur))
                .header("Transfer-Encoding", "chunked")
                .json("8\r\n{\"amount\r\n6\r\n\":\"0\"}\r\n0\r\n\r\n")
                .framed_by_its_headers(),
        ),
        malformed(
            "a body that breaks off",
            RawRequest::post(format!("/accounts/{}/deposits", accounts.eur))
                .header("Content-Length", "100")
                .json(r#"{"amount":"0"}"#)
                .broken_off(),
        ),
        malformed(
            "chunks that are none",
            RawRequest::post(format!("/accounts/{}/deposits", accounts.eur))
                .header("Transfer-Encoding", "chunked")
                .json("zz\r\n{\"amount\":\"0\"}\r\n")
                .framed_by_its_headers(),
        ),
        no_http(
            "two lengths",
            RawRequest::post(format!("/accounts/{}/deposits", accounts.eur))
                .header("Content-Length", "14")
                .header("Content-Length", "15")
                .json(r#"{"amount":"1"}"#)
                .framed_by_its_headers(),
        ),
        no_http(
            "a length that is no number",
            RawRequest::post(format!("/accounts/{}/deposits", accounts.eur))
                .header("Content-Length", "-1")
                .json(r#"{"amount":"1"}"#)
                .framed_by_its_headers(),
        ),
    ]
}

fn content_types(accounts: &Accounts) -> Vec<Row> {
    let deposit = || RawRequest::post(format!("/accounts/{}/deposits", accounts.eur)).body(r#"{"amount":"0"}"#);
    let mut rows = vec![row("no Content-Type", deposit(), 415, "unsupported_media_type")];
    for content_type in [
        "",
        "json",
        "text/plain",
        "text/json",
        "text/html; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/problem+json",
        "application/vnd.api+json",
        "application/json; charset=latin1",
        "application/json; charset=utf-16",
        "application/json, application/json",
        "application/*",
        "*/*",
    ] {
        let request = deposit().header("Content-Type", content_type);
        rows.push(row(format!("the Content-Type {content_type:?}"), request, 415, "unsupported_media_type"));
    }
    for content_type in [
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
        "  application/json  ;  charset=UTF-8 ",
    ] {
        rows.push(passes(format!("the Content-Type {content_type:?}"), deposit().header("Content-Type", content_type)));
    }
    let twice = deposit().header("Content-Type", "application/json").header("Content-Type", "application/json");
    rows.push(row("two Content-Types", twice, 415, "unsupported_media_type"));
    let text = close_request(&accounts.eur).header("Content-Type", "text/plain").body("{}");
    rows.push(row("close: a text", text, 415, "unsupported_media_type"));
    let without_body = close_request(&accounts.eur).header("Content-Type", "text/plain");
    rows.push(row("close: no body of whatever type", without_body, 422, "balance_not_zero"));
    rows
}

fn accepts(accounts: &Accounts) -> Vec<Row> {
    let get = |accept: &str| RawRequest::get(format!("/accounts/{}", accounts.eur)).header("Accept", accept);
    let mut rows = Vec::new();
    for accept in [
        "text/html",
        "text/*",
        "application/xml, text/plain;q=0.5",
        "application/json;q=0",
        "application/json;q=0.000, */*;q=0",
        "application/json;q=0, */*",
        "application/*;q=0, */*",
        "*/*;q=0",
        "application/problem+json",
        "application/vnd.api+json",
        "application/jsonp",
    ] {
        rows.push(row(format!("the Accept {accept:?}"), get(accept), 406, "not_acceptable"));
    }
    for accept in [
        "application/json",
        "APPLICATION/Json",
        "application/*",
        "*/*",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8, text/html",
        "text/html, application/xhtml+xml, */*;q=0.1",
        "application/json;q=0.001",
        "text/*;q=0, application/json",
        "text/html,,application/json",
        "",
        "json",
        "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
    ] {
        rows.push(fine(format!("the Accept {accept:?}"), get(accept), 200));
    }
    rows.push(fine("two Accepts", get("text/html").header("Accept", "application/json"), 200));
    let html = |request: RawRequest| request.header("Accept", "text/html");
    let not_acceptable = |name: &str, request: RawRequest| row(name, html(request), 406, "not_acceptable");
    rows.extend([
        not_acceptable("open: only HTML", open_with("Ann Lee", "checking", "EUR", "0")),
        not_acceptable("deposit: only HTML", deposit_request(&accounts.eur, r#"{"amount":"1"}"#)),
        not_acceptable("withdraw: only HTML", withdrawal_request(&accounts.eur, r#"{"amount":"1"}"#)),
        not_acceptable("close: only HTML", close_request(&accounts.eur)),
        not_acceptable("list: only HTML", RawRequest::get("/accounts")),
        not_acceptable("statement: only HTML", RawRequest::get(format!("/accounts/{}/transactions", accounts.eur))),
        not_acceptable("events: only HTML", RawRequest::get(format!("/accounts/{}/events", accounts.eur))),
        not_acceptable(
            "as of a time: only HTML",
            RawRequest::get(format!("/accounts/{}/as-of/2999-01-01T00:00:00Z", accounts.eur)),
        ),
        not_acceptable("health: only HTML", RawRequest::get("/health")),
        not_acceptable("openapi.yaml: only HTML", RawRequest::get("/openapi.yaml")),
        row(
            "openapi.yaml: only JSON",
            RawRequest::get("/openapi.yaml").header("Accept", "application/json"),
            406,
            "not_acceptable",
        ),
        fine("openapi.yaml: YAML", RawRequest::get("/openapi.yaml").header("Accept", "application/yaml"), 200),
        fine("openapi.yaml: anything", RawRequest::get("/openapi.yaml").header("Accept", "*/*"), 200),
    ]);
    rows
}

fn command_headers(accounts: &Accounts) -> Vec<Row> {
    let deposit = || deposit_request(&accounts.eur, r#"{"amount":"1"}"#);
    let mut rows = Vec::new();
    for (name, key) in [
        ("an empty", b"".to_vec()),
        ("a blank", b"   ".to_vec()),
        ("a tab within a", b"a\tb".to_vec()),
        ("256 characters of a", vec![b'k'; 256]),
        ("8,000 characters of a", vec![b'k'; 8_000]),
        ("UTF-8 in a", "schlüssel".into()),
        ("Latin-1 in a", b"schl\xfcssel".to_vec()),
        ("bytes of no encoding in a", b"\xff\xfe".to_vec()),
    ] {
        rows.push(malformed(format!("{name} key"), deposit().header("Idempotency-Key", key)));
    }
    for (name, key) in [("a NUL in a", &b"a\0b"[..]), ("DEL in a", b"a\x7fb"), ("an escape in a", b"a\x1bb")] {
        rows.push(no_http(format!("{name} key"), deposit().header("Idempotency-Key", key)));
    }
    for key in ["~", "a b", "\"quoted\"", "a,b;c=d", &"k".repeat(255)] {
        let name = format!("a key of {} characters that is fine", key.len());
        let request = withdrawal_request(&accounts.eur, r#"{"amount":"1000"}"#).header("Idempotency-Key", key);
        rows.push(row(name, request, 422, "insufficient_funds"));
    }
    // API Gateway joins the two keys by a comma. Together they are a key like any other.
    let two_keys = withdrawal_request(&accounts.eur, r#"{"amount":"1000"}"#)
        .header("Idempotency-Key", "a")
        .header("Idempotency-Key", "b");
    rows.push(row("two keys", two_keys, 422, "insufficient_funds"));
    for if_match in [
        "",
        "1",
        "\"\"",
        "\"x\"",
        "W/\"1\"",
        "\"1\",\"2\"",
        "\"1",
        "'1'",
        "\"-1\"",
        "\"+1\"",
        "\"1.0\"",
        "\" 1\"",
        "\"１\"",
        "*,\"1\"",
        "\"18446744073709551616\"",
        "**",
    ] {
        rows.push(malformed(format!("If-Match: {if_match}"), deposit().header("If-Match", if_match)));
    }
    rows.push(malformed("If-Match twice", deposit().header("If-Match", "\"1\"").header("If-Match", "\"1\"")));
    for if_match in ["\"0\"", "\"2\"", "\"18446744073709551615\""] {
        let request = deposit().header("If-Match", if_match);
        rows.push(row(format!("If-Match: {if_match}"), request, 412, "version_mismatch"));
    }
    let open = || open_with("Ann Lee", "checking", "EUR", "0");
    rows.extend([
        row("open: If-Match: \"1\"", open().header("If-Match", "\"1\""), 412, "version_mismatch"),
        malformed("open: a bad If-Match", open().header("If-Match", "1")),
        malformed("open: an empty key", open().header("Idempotency-Key", "")),
        malformed("close: a bad If-Match", close_request(&accounts.eur).header("If-Match", "W/\"1\"")),
        malformed("close: an empty key", close_request(&accounts.eur).header("Idempotency-Key", "")),
        invalid(
            "a bad body goes before a bad key",
            deposit_of_nothing(accounts).header("Idempotency-Key", ""),
            ["amount: not_positive"],
        ),
    ]);
    rows
}

fn query_headers(accounts: &Accounts) -> Vec<Row> {
    let get = || RawRequest::get(format!("/accounts/{}", accounts.eur));
    let statement = || RawRequest::get(format!("/accounts/{}/transactions", accounts.eur));
    let mut rows = Vec::new();
    for if_none_match in ["", "1", "\"1", "1\"", "w/\"1\"", "\"1\";\"2\"", "*,\"1\"", "W/", "W/*", "'1'"] {
        rows.push(malformed(format!("If-None-Match: {if_none_match}"), get().header("If-None-Match", if_none_match)));
    }
    for if_none_match in ["\"1\"", "W/\"1\"", "*", "\"7\", W/\"1\"", "\"a,b\",\"1\""] {
        let request = get().header("If-None-Match", if_none_match);
        rows.push(fine(format!("If-None-Match: {if_none_match}"), request, 304));
    }
    for if_none_match in ["\"2\"", "\"\"", "\"01\"", "\"one\"", "\"a,b\"", "W/\"abc\", \"2\""] {
        let request = get().header("If-None-Match", if_none_match);
        rows.push(fine(format!("If-None-Match: {if_none_match}"), request, 200));
    }
    rows.push(fine(
        "If-None-Match twice",
        get().header("If-None-Match", "\"2\"").header("If-None-Match", "\"1\""),
        304,
    ));
    for min_version in ["", "0", "-1", "+1", "1.5", "1e0", "0x1", "\"1\"", "*", "one", "１", "99999999999999999999"] {
        for request in [get(), statement()] {
            rows.push(malformed(
                format!("Passbook-Min-Version: {min_version}"),
                request.header("Passbook-Min-Version", min_version),
            ));
        }
    }
    rows.push(malformed(
        "Passbook-Min-Version twice",
        get().header("Passbook-Min-Version", "1").header("Passbook-Min-Version", "1"),
    ));
    rows
}

/// Headers that any request may have.
fn all_headers(accounts: &Accounts) -> Vec<Row> {
    let get = || RawRequest::get(format!("/accounts/{}", accounts.eur));
    let mut rows = Vec::new();
    for (name, value) in [
        ("X-Correlation-Id", "has spaces"),
        ("X-Correlation-Id", ""),
        ("X-Correlation-Id", "zoë"),
        ("X-Correlation-Id", "\"quoted\""),
        ("X-Correlation-Id", "a\tb"),
        // Headers that do not concern the service must not keep it from answering.
        ("User-Agent", "Zoë's phone"),
        ("Cookie", "ünïcode=1; b"),
        ("X-Forwarded-Proto", ""),
        ("X-Forwarded-Proto", "1"),
        ("X-Forwarded-Proto", "not a scheme"),
        ("X-Forwarded-Proto", "https://"),
        ("X-Forwarded-Proto", "data"),
        ("X-Forwarded-Proto", "mailto"),
        ("X-Forwarded-Host", "not a host"),
        ("X-Forwarded-For", "not an address"),
        ("Host", ""),
        ("Host", "not a host"),
        ("Host", "localhost:99999"),
        ("Host", "localhost:port"),
        ("Host", "300.300.300.300"),
        ("Host", "[::1"),
        ("Host", "xn--"),
        ("Host", "a@b"),
        ("Host", "%"),
        ("Host", "münchen.example"),
        ("Forwarded", "host=;proto=???"),
        ("Range", "bytes=0-1"),
        ("X-Http-Method-Override", "DELETE"),
        ("X-Amzn-Request-Context", "{}"),
    ] {
        rows.push(fine(format!("{name}: {value}"), get().header(name, value), 200));
    }
    rows.push(fine("a correlation id in Latin-1", get().header("X-Correlation-Id", b"zo\xeb".to_vec()), 200));
    rows.push(fine("a header in Latin-1", get().header("X-Name", b"zo\xeb".to_vec()), 200));
    rows.push(fine(
        "an X-Correlation-Id of 10,000 characters",
        get().header("X-Correlation-Id", "x".repeat(10_000)),
        200,
    ));
    rows.push(no_http("a header's name with a space", get().header("X Name", "1")));
    rows.push(no_http("a header without a name", get().header("", "1")));
    rows.push(no_http("a header with a NUL", get().header("X-Name", b"a\0b".to_vec())));
    rows
}

fn query_strings(accounts: &Accounts) -> Vec<Row> {
    let account = format!("/accounts/{}", accounts.eur);
    let mut rows = Vec::new();
    for limit in [
        "0",
        "201",
        "-1",
        "1.5",
        "",
        "+5",
        "%2B5",
        "%205",
        "5%20",
        "1e1",
        "0x5",
        "five",
        "4294967297",
        "５",
        "%EF%BC%95",
        "null",
    ] {
        for list in ["/accounts".to_owned(), format!("{account}/transactions"), format!("{account}/events")] {
            rows.push(malformed(format!("{list} limit {limit:?}"), RawRequest::get(format!("{list}?limit={limit}"))));
        }
    }
    let huge = "9".repeat(3_000);
    rows.push(malformed("a limit of 3,000 digits", RawRequest::get(format!("/accounts?limit={huge}"))));
    for query in [
        "colour=red",
        "Limit=5",
        "limit[]=5",
        "=5",
        "limit=5&limit=5",
        "limit=5&%6cimit=5",
        "currency=EUR&currency=JPY",
        "currency=eur",
        "currency=XXX",
        "currency=",
        "currency=EUR%00",
        "kind=",
        "kind=Checking",
        "status=open",
        "status=ACTIVE",
        "status=active,closed",
        "holder=",
        "holder=%20%09",
        "holder=a%0Ab",
        "holder=%FF",
        "holder=%C0%AF",
        "balance_at_least=1",
        "balance_at_most=1",
        "balance_at_least=1&balance_at_most=2",
        "balance_at_least=1&kind=checking",
        "currency=EUR&balance_at_least=1.005",
        "currency=JPY&balance_at_most=1.0",
        "currency=EUR&balance_at_least=-1",
        "currency=EUR&balance_at_least=",
        "currency=EUR&balance_at_most=1e3",
        "currency=EUR&balance_at_most=10000000000000.01",
        "currency=EUR&balance_at_most=99999999999999999999999999999999",
        "owner=developer",
        "offset=5",
        "limit=5;cursor=x",
    ] {
        rows.push(malformed(format!("/accounts?{query}"), RawRequest::get(format!("/accounts?{query}"))));
    }
    let too_long_holder = format!("/accounts?holder={}", "x".repeat(141));
    rows.push(malformed("a holder of 141 characters to look for", RawRequest::get(too_long_holder)));
    for query in [
        "",
        "&&",
        "limit=200",
        "limit=1",
        "%6cimit=1",
        "holder=Nobody",
        "holder=%F0%9F%91%A9",
        "holder=%EF%BF%BD",
        "holder=+Ann+Lee+",
        "currency=EUR&balance_at_least=5&balance_at_most=1",
        "currency=EUR&kind=savings&status=closed&holder=x&balance_at_least=0&balance_at_most=10000000000000.00&limit=7",
    ] {
        rows.push(fine(format!("/accounts?{query}"), RawRequest::get(format!("/accounts?{query}")), 200));
    }
    for time in [
        "",
        "now",
        "2026-11-24",
        "2026-11-24T13:06:22",
        "2026-11-24%2013:06:22Z",
        "2026-11-24T13:06:22+01:00",
        "2026-02-30T13:06:22Z",
        "2026-11-24T25:00:00Z",
        "1764000000",
        "%2B12026-11-24T13:06:22Z",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-01:00",
        "2026-11-24T13:06:22Z%00",
    ] {
        for parameter in ["from", "to"] {
            rows.push(malformed(
                format!("{parameter} {time}"),
                RawRequest::get(format!("{account}/transactions?{parameter}={time}")),
            ));
        }
    }
    for query in [
        "from=2026-11-24T13:06:22%2B01:00",
        "to=0001-01-01T00:00:00Z",
        "from=9999-12-31T23:59:59Z&to=2026-01-01t00:00:00z",
    ] {
        rows.push(fine(format!("statement?{query}"), RawRequest::get(format!("{account}/transactions?{query}")), 200));
    }
    // No operation accepts a parameter that it does not name. This includes the commands.
    let amount = r#"{"amount":"1"}"#;
    for (name, request) in [
        ("get", RawRequest::get(format!("{account}?limit=1"))),
        ("get, fields", RawRequest::get(format!("{account}?fields=balance"))),
        ("statement, currency", RawRequest::get(format!("{account}/transactions?currency=EUR"))),
        ("events, from", RawRequest::get(format!("{account}/events?from=2026-01-01T00:00:00Z"))),
        ("as of", RawRequest::get(format!("{account}/as-of/2999-01-01T00:00:00Z?limit=1"))),
        ("health", RawRequest::get("/health?verbose=1")),
        ("openapi.yaml", RawRequest::get("/openapi.yaml?version=1")),
        (
            "open",
            RawRequest::post("/accounts?dry_run=1")
                .json(r#"{"holder":"A","kind":"savings","currency":"EUR","opening_balance":"0"}"#),
        ),
        ("deposit", RawRequest::post(format!("{account}/deposits?dry_run=1")).json(amount)),
        ("withdraw", RawRequest::post(format!("{account}/withdrawals?dry_run=1")).json(amount)),
        ("close", RawRequest::post(format!("{account}/close?force=1"))),
    ] {
        rows.push(malformed(format!("{name}: an unknown query parameter"), request));
    }
    rows
}

async fn cursors(client: &Client, accounts: &Accounts) -> Vec<Row> {
    let cursor = client.get("/accounts?limit=1").await.text("next_cursor").to_owned();
    let account = format!("/accounts/{}", accounts.eur);
    let lists = ["/accounts".to_owned(), format!("{account}/transactions"), format!("{account}/events")];
    let mut rows = Vec::new();
    for list in &lists {
        let with = |cursor: &str| RawRequest::get(format!("{list}?cursor={cursor}"));
        for broken in ["", "!", "x", "AAAA", "null", "1", "%00", "bnVsbA", "W10", "eyJhIjoxfQ"] {
            rows.push(malformed(format!("{list} cursor {broken:?}"), with(broken)));
        }
        rows.push(malformed(format!("{list} a cursor cut off"), with(&cursor[..cursor.len() - 1])));
        rows.push(malformed(format!("{list} a cursor with its head off"), with(&cursor[1..])));
        rows.push(malformed(format!("{list} a cursor and a letter"), with(&format!("{cursor}A"))));
        rows.push(malformed(format!("{list} a cursor in small letters"), with(&cursor.to_lowercase())));
        rows.push(malformed(format!("{list} a cursor with padding"), with(&format!("{cursor}==="))));
        rows.push(malformed(format!("{list} a cursor twice"), with(&format!("{cursor}&cursor={cursor}"))));
        rows.push(malformed(format!("{list} a cursor of 5,000 characters"), with(&"A".repeat(5_000))));
        // The cursors are forged, as a client might do.
        for forged in [
            r#"["accounts",{}]"#,
            r#"["accounts",{"opened_at":"yesterday","account_id":"1"}]"#,
            r#"["transactions",{"before_version":-1}]"#,
            r#"["transactions",{"before_version":18446744073709551616}]"#,
            r#"["events",{"from_version":1.5}]"#,
            r#"["events",null]"#,
            r#"["events"]"#,
        ] {
            rows.push(malformed(format!("{list} the cursor {forged}"), with(&encoded(forged))));
        }
    }
    // A list's own cursor works there, but not in another list.
    rows.push(fine("a list's own cursor", RawRequest::get(format!("/accounts?cursor={cursor}")), 200));
    rows.push(malformed("a foreign cursor", RawRequest::get(format!("{}?cursor={cursor}", lists[1]))));
    rows.push(malformed("another foreign cursor", RawRequest::get(format!("{}?cursor={cursor}", lists[2]))));
    // At the largest numbers there are no lines and no events, and no overflow.
    for version in ["0", "1", "9223372036854775807", "9223372036854775808", "18446744073709551615"] {
        let lines = encoded(&format!(r#"["transactions",{{"before_version":{version}}}]"#));
        let events = encoded(&format!(r#"["events",{{"from_version":{version}}}]"#));
        rows.push(fine(format!("before {version}"), RawRequest::get(format!("{}?cursor={lines}", lists[1])), 200));
        rows.push(fine(format!("from {version}"), RawRequest::get(format!("{}?cursor={events}", lists[2])), 200));
    }
    rows
}

fn encoded(cursor: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(cursor)
}

fn paths(accounts: &Accounts) -> Vec<Row> {
    let id = &accounts.eur;
    let mut rows = Vec::new();
    let encoded_first = format!("%{:02x}{}", id.as_bytes()[0], &id[1..]);
    for no_id in [
        "1",
        "-1",
        "x",
        "..",
        ".",
        "%2e%2e",
        "%00",
        "%FF",
        "%",
        "%zz",
        "%2F",
        "*",
        "null",
        "{id}",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "019cadd4-c179-452e-9a6a-3a456513270e",
        "019cadd4-c179-752e-ca6a-3a456513270e",
        UNKNOWN_ID,
        "019cadd4c179752e9a6a3a456513270e",
        "%7B019cadd4-c179-752e-9a6a-3a456513270e%7D",
        "urn:uuid:019cadd4-c179-752e-9a6a-3a456513270e",
        "'%20OR%201=1",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain([id.to_uppercase(), id.replace('-', ""), format!("{id}%20"), format!("%20{id}"), format!("{id}%00")])
    .chain(["x".repeat(4_000)])
    {
        let path = format!("/accounts/{no_id}");
        let name = |what: &str| format!("{what} {:.60}", path);
        let not_found = |what: &str, request| row(name(what), request, 404, "account_not_found");
        rows.extend([
            not_found("get", RawRequest::get(path.clone())),
            not_found("statement", RawRequest::get(format!("{path}/transactions"))),
            not_found("events", RawRequest::get(format!("{path}/events"))),
            not_found("as of", RawRequest::get(format!("{path}/as-of/2999-01-01T00:00:00Z"))),
            not_found("deposit", RawRequest::post(format!("{path}/deposits")).json(r#"{"amount":"1"}"#)),
            not_found("withdraw", RawRequest::post(format!("{path}/withdrawals")).json(r#"{"amount":"1"}"#)),
            not_found("close", RawRequest::post(format!("{path}/close"))),
        ]);
    }
    rows.push(fine("an id with a digit percent-encoded", RawRequest::get(format!("/accounts/{encoded_first}")), 200));
    for nowhere in [
        "/accounts/".to_owned(),
        "//accounts".to_owned(),
        "/Accounts".to_owned(),
        format!("/accounts/{id}/"),
        format!("/accounts//{id}"),
        format!("/accounts/{id}/deposits/"),
        format!("/accounts/{id}/Deposits"),
        format!("/accounts/{id}/balance"),
        format!("/accounts/{id}/transactions/1"),
        format!("/accounts/../accounts/{id}"),
        format!("/./accounts/{id}"),
        format!("/accounts/{id}%2Fdeposits/x"),
        format!("/%61ccounts/{id}"),
        "/openapi.yaml/".to_owned(),
        "/openapi.json".to_owned(),
        "/health/".to_owned(),
        "/healthz".to_owned(),
        "/console/../../etc/passwd".to_owned(),
        "/..%2f..%2fetc%2fpasswd".to_owned(),
        "/.env".to_owned(),
        "/transfer".to_owned(),
        "/favicon.ico%00".to_owned(),
        "/é".to_owned(),
        format!("/{}", "x".repeat(4_000)),
    ] {
        rows.push(row(format!("{nowhere:.60}"), RawRequest::get(nowhere.clone()), 404, "not_found"));
        let post = RawRequest::post(nowhere.clone()).json(r#"{"amount":"1"}"#);
        rows.push(row(format!("POST {nowhere:.60}"), post, 404, "not_found"));
    }
    rows.extend([
        row("POST to an empty id", RawRequest::post("/accounts//close"), 404, "account_not_found"),
        row("GET of an empty id", RawRequest::get("/accounts//events"), 404, "account_not_found"),
        malformed("a path of 20,000 characters", RawRequest::get(format!("/accounts/{}", "x".repeat(20_000)))),
        malformed("20,000 characters of query", RawRequest::get(format!("/accounts?holder={}", "x".repeat(20_000)))),
        // The path is just short enough for a URL of the HTTP library. With a host before it, it would be too long.
        malformed("65,530 characters of query", RawRequest::get(format!("/accounts?holder={}", "x".repeat(65_513)))),
        Row { status: 414, ..no_http("70,000 characters", RawRequest::get(format!("/{}", "x".repeat(70_000)))) },
        fine("a URL for a path", RawRequest::get(format!("http://elsewhere.example/accounts/{id}")), 200),
        no_http("a path with a space", RawRequest::get(format!("/accounts/{id} x"))),
        row("a path that does not start with a slash", RawRequest::get("accounts"), 404, "not_found"),
    ]);
    rows
}

fn times_in_a_path(accounts: &Accounts) -> Vec<Row> {
    let as_of = |time: &str| RawRequest::get(format!("/accounts/{}/as-of/{time}", accounts.eur));
    let mut rows = Vec::new();
    for time in [
        "now",
        "0",
        "-1",
        "1764000000",
        "2026-11-24",
        "2026-11-24T13:06Z",
        "2026-11-24T13:06:22",
        "2026-11-24%2013:06:22Z",
        "2026-11-24+13:06:22Z",
        "2026-11-24T13:06:22%2001:00",
        "2026-02-30T13:06:22Z",
        "2026-11-24T25:00:00Z",
        "2026-11-24T13:06:22+25:00",
        "%2B12026-11-24T13:06:22Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00%2B01:00",
        "9999-12-31T23:59:59-01:00",
        "10000-01-01T00:00:00Z",
        "2026-11-24T13:06:22Z%00",
        "2026-11-24T13:06:22Z%20",
        "%202026-11-24T13:06:22Z",
        "2026-11-24T13:06:22,5Z",
        "2026-11-24T13:06:22Z%5BUTC%5D",
        "%EF%BC%92026-11-24T13:06:22Z",
        "%",
        "%zz",
        "{time}",
        "'%20OR%201=1",
    ] {
        rows.push(malformed(format!("as of {time}"), as_of(time)));
    }
    rows.push(malformed("as of 4,000 digits", as_of(&"2".repeat(4_000))));
    rows.push(fine("as of 4,000 decimals", as_of(&format!("2999-01-01T00:00:00.{}Z", "0".repeat(4_000))), 200));
    for time in ["2999-01-01T00:00:00Z", "2999-01-01T00%3A00%3A00%2B00%3A00", "9999-12-31T23:59:59.999999Z"] {
        rows.push(fine(format!("as of {time}"), as_of(time), 200));
    }
    rows.push(row("as of the year 1", as_of("0001-01-01T00:00:00Z"), 404, "account_not_found"));
    // Bytes that are not UTF-8 name nothing. So the id beside them does not count either.
    rows.push(row("as of %FF", as_of("%FF"), 404, "account_not_found"));
    rows.push(row("as of nothing", as_of(""), 404, "not_found"));
    rows.push(row("as of a time and more", as_of("2999-01-01T00:00:00Z/events"), 404, "not_found"));
    rows
}

fn methods(accounts: &Accounts) -> Vec<Row> {
    let account = format!("/accounts/{}", accounts.eur);
    let paths = [
        ("/accounts".to_owned(), "GET, HEAD, POST"),
        (account.clone(), "GET, HEAD"),
        (format!("{account}/deposits"), "POST"),
        (format!("{account}/withdrawals"), "POST"),
        (format!("{account}/close"), "POST"),
        (format!("{account}/transactions"), "GET, HEAD"),
        (format!("{account}/events"), "GET, HEAD"),
        (format!("{account}/as-of/2999-01-01T00:00:00Z"), "GET, HEAD"),
        ("/health".to_owned(), "GET, HEAD"),
        ("/openapi.yaml".to_owned(), "GET, HEAD"),
        ("/".to_owned(), "GET, HEAD"),
    ];
    let mut rows = Vec::new();
    for (path, allow) in paths {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "get"] {
            if allow.split(", ").any(|allowed| allowed == method) {
                continue;
            }
            // An answer to HEAD has no body with a code.
            let code = if method == "HEAD" { "" } else { "method_not_allowed" };
            let request = RawRequest::new(method, path.clone()).json(r#"{"amount":"1"}"#);
            let refused = row(format!("{method} {path}"), request, 405, code);
            rows.push(Row { allow: Some(allow), ..refused });
        }
    }
    rows
}
