use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::ConnectOptions as _;

use super::erasure::{Stores, erase};
use crate::harness::{Client, Server, is_on_servers, passbook_program, without_settings};

/// Runs `passbook verify` on the server's own data, beside the server.
async fn verify(server: &Server, arguments: &[&str]) -> Output {
    let mut command = Command::new(passbook_program());
    without_settings(&mut command).arg("verify").args(arguments).envs(server.data_environment()).stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().expect("the program starts")).await.expect("an output")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The names of the findings that are printed as JSON.
fn findings(output: &Output) -> Vec<String> {
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = printed.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    lines.filter_map(|line| line["finding"].as_str().map(ToOwned::to_owned)).collect()
}

/// Changes the read database directly, without the program. `ID` in the statement becomes the account's id.
async fn change_rows(server: &Server, account_id: &str, statement: &str) {
    let setting = |name: &str| {
        let environment = server.data_environment();
        environment.into_iter().find(|(key, _)| key == name).expect("it is set").1
    };
    if is_on_servers() {
        #[cfg(feature = "services")]
        {
            let id = format!("UNHEX('{}')", account_id.replace('-', ""));
            let mut raw =
                <sqlx::MySqlConnection as sqlx::Connection>::connect(&setting("READ_DB_URL")).await.expect("connects");
            let statement = sqlx::AssertSqlSafe(statement.replace("ID", &id));
            assert!(sqlx::query(statement).execute(&mut raw).await.expect("runs").rows_affected() > 0);
        }
        return;
    }
    let file = std::path::Path::new(&setting("PASSBOOK_HOME")).join("read.db");
    let mut raw = sqlx::sqlite::SqliteConnectOptions::new().filename(file).connect().await.expect("opens");
    let statement = sqlx::AssertSqlSafe(statement.replace("ID", &format!("'{account_id}'")));
    assert!(sqlx::query(statement).execute(&mut raw).await.expect("runs").rows_affected() > 0);
}

/// An account with a few movements, all projected.
async fn an_account(client: &Client) -> String {
    let account_id = client.open("100").await;
    client.deposit(&account_id, "5.50").await.expect(200);
    client.withdraw(&account_id, "0.25").await.expect(200);
    let version = client.deposit(&account_id, "7").await.version();
    client.get_at(&format!("/accounts/{account_id}"), version).await.expect(200);
    account_id
}

#[tokio::test]
async fn what_was_changed_in_the_read_database_is_named_and_repaired_while_the_service_runs() {
    let server = Server::start();
    let client = server.client();
    let account_id = an_account(&client).await;
    an_account(&client).await;
    let clean = verify(&server, &["--json"]).await;
    assert!(clean.status.success(), "{}", text(&clean));
    let before = client.get(&format!("/accounts/{account_id}")).await.body;
    for (change, finding) in [
        ("UPDATE bank_accounts SET balance_minor = balance_minor + 1 WHERE account_id = ID", "row_differs"),
        ("UPDATE bank_accounts SET holder = 'Bob' WHERE account_id = ID", "row_differs"),
        ("UPDATE bank_accounts SET owner = 'bob' WHERE account_id = ID", "row_differs"),
        ("UPDATE bank_accounts SET kind = 'savings' WHERE account_id = ID", "row_differs"),
        ("UPDATE bank_accounts SET status = 'closed' WHERE account_id = ID", "row_differs"),
        ("UPDATE bank_accounts SET currency = 'XXQ' WHERE account_id = ID", "row_unreadable"),
        ("UPDATE bank_accounts SET opened_at_us = 1 WHERE account_id = ID", "row_differs"),
        ("UPDATE bank_accounts SET version = version - 1 WHERE account_id = ID", "lines_ahead_of_row"),
        ("DELETE FROM bank_accounts WHERE account_id = ID", "row_missing"),
        ("DELETE FROM statement_lines WHERE account_id = ID AND version = 2", "line_missing"),
        ("DELETE FROM statement_lines WHERE account_id = ID", "line_missing"),
        ("UPDATE statement_lines SET amount_minor = 1 WHERE account_id = ID AND version = 4", "line_differs"),
        ("UPDATE statement_lines SET kind = 'deposit' WHERE account_id = ID AND version = 3", "line_differs"),
        ("UPDATE statement_lines SET reference = 'x' WHERE account_id = ID AND version = 1", "line_differs"),
        ("UPDATE statement_lines SET version = 99 WHERE account_id = ID AND version = 4", "line_without_event"),
    ] {
        change_rows(&server, &account_id, change).await;
        let found = verify(&server, &["--json", "--patience-s", "0"]).await;
        assert_eq!(found.status.code(), Some(1), "{change}: {}", text(&found));
        assert!(findings(&found).contains(&finding.to_owned()), "{change}: {}", text(&found));
        let of_account = verify(&server, &["--account", &account_id, "--patience-s", "0"]).await;
        assert_eq!(of_account.status.code(), Some(1), "{change}: {}", text(&of_account));
        let repaired = verify(&server, &["--repair", "--patience-s", "0"]).await;
        assert!(repaired.status.success(), "{change}: {}", text(&repaired));
        assert!(text(&repaired).contains(&format!("repaired: {account_id}")), "{change}: {}", text(&repaired));
        assert_eq!(client.get(&format!("/accounts/{account_id}")).await.body, before, "{change}");
    }
    assert!(verify(&server, &[]).await.status.success());
}

#[tokio::test]
async fn a_damaged_part_of_a_transfer_is_named_and_repaired() {
    let server = Server::start();
    let client = server.client();
    let (from, to) = (client.open("100").await, client.open("5").await);
    let made = client.post("/transfers", &json!({"from": from, "to": to, "amount": "40"})).await;
    let id = made.expect(201).text("transfer_id").to_owned();
    let path = format!("/transfers/{id}");
    client.get_at(&path, 1).await.expect(200);
    client.post(&format!("{path}/reversal"), &json!({})).await.expect(200);
    let before = client.get_at(&path, 2).await.expect(200).body.clone();
    for account_id in [&from, &to] {
        client.get_at(&format!("/accounts/{account_id}"), 3).await.expect(200);
    }
    let clean = verify(&server, &["--json"]).await;
    assert!(clean.status.success(), "{}", text(&clean));
    for (change, stream_id, finding) in [
        ("UPDATE statement_lines SET amount_minor = 1 WHERE account_id = ID AND version = 2", &from, "part_differs"),
        ("UPDATE statement_lines SET amount_minor = 1 WHERE account_id = ID AND version = 3", &to, "part_differs"),
        ("UPDATE statement_lines SET transfer_id = ID WHERE account_id = ID AND version = 2", &to, "part_missing"),
        ("UPDATE statement_lines SET counterparty = ID WHERE account_id = ID AND version = 2", &to, "part_missing"),
        ("DELETE FROM statement_lines WHERE account_id = ID AND version = 2", &to, "part_missing"),
        ("UPDATE transfers SET amount_minor = 1 WHERE transfer_id = ID", &id, "part_differs"),
        ("UPDATE transfers SET from_owner = 'eve' WHERE transfer_id = ID", &id, "row_differs"),
        ("UPDATE transfers SET status = 'completed' WHERE transfer_id = ID", &id, "part_missing"),
        ("DELETE FROM transfers WHERE transfer_id = ID", &id, "row_missing"),
    ] {
        change_rows(&server, stream_id, change).await;
        let found = verify(&server, &["--json", "--patience-s", "0"]).await;
        assert_eq!(found.status.code(), Some(1), "{change}: {}", text(&found));
        assert!(findings(&found).contains(&finding.to_owned()), "{change}: {}", text(&found));
        let repaired = verify(&server, &["--repair", "--patience-s", "0"]).await;
        assert!(repaired.status.success(), "{change}: {}", text(&repaired));
        assert!(text(&repaired).contains(&format!("repaired: {stream_id}")), "{change}: {}", text(&repaired));
        assert_eq!(client.get(&path).await.body, before, "{change}");
    }
    assert!(verify(&server, &[]).await.status.success());
}

#[tokio::test]
async fn rows_that_may_be_the_last_trace_of_events_are_rebuilt_only_for_who_names_the_account() {
    let server = Server::start();
    let client = server.client();
    let account_id = an_account(&client).await;
    let no_account = "01a20de3-e702-76c8-916f-2db236a2206e";
    let copy = "INSERT INTO bank_accounts (account_id, owner, holder, kind, currency, balance_minor, status, version, \
                opened_at_us, updated_at_us) SELECT ID, owner, holder, kind, currency, balance_minor, status, version, \
                opened_at_us, updated_at_us FROM bank_accounts";
    change_rows(&server, no_account, copy).await;
    change_rows(&server, &account_id, "UPDATE bank_accounts SET version = version + 3 WHERE account_id = ID").await;
    for (id, finding) in [(no_account, "stream_missing"), (account_id.as_str(), "stream_end_missing")] {
        let repaired = verify(&server, &["--json", "--repair", "--patience-s", "0"]).await;
        assert_eq!(repaired.status.code(), Some(1), "{}", text(&repaired));
        assert!(findings(&repaired).contains(&finding.to_owned()), "{}", text(&repaired));
        assert!(text(&repaired).contains("not_repaired"), "{}", text(&repaired));
        let named = verify(&server, &["--account", id, "--repair", "--patience-s", "0"]).await;
        assert!(named.status.success(), "{}", text(&named));
    }
    let clean = verify(&server, &[]).await;
    assert!(clean.status.success(), "{}", text(&clean));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_that_stands_still_halfway_is_no_damage_and_is_named_until_it_is_finished() {
    let server = Server::start();
    let client = server.client();
    let account_id = an_account(&client).await;
    an_account(&client).await;
    Stores::of(&server).await.destroy_key(&account_id).await;
    // The first round has no event after the destruction of the key; the second round has one.
    for version in [4, 5] {
        client.get_at(&format!("/accounts/{account_id}"), version).await.expect(200);
        let halfway = verify(&server, &["--json", "--patience-s", "1"]).await;
        assert_eq!(halfway.status.code(), Some(1), "{}", text(&halfway));
        assert_eq!(findings(&halfway), ["erasure_unfinished"], "{}", text(&halfway));
        client.deposit(&account_id, "1").await.expect(200);
    }
    // An erasure that is still going on is waited for.
    let (finished, waited_for) =
        tokio::join!(erase(&client, &account_id), verify(&server, &["--json", "--patience-s", "20"]));
    assert_eq!(finished.expect(200).version(), 7);
    assert!(waited_for.status.success(), "{}", text(&waited_for));

    // After that, a name in the row is damage like any other.
    client.get_at(&format!("/accounts/{account_id}"), 7).await.expect(200);
    change_rows(&server, &account_id, "UPDATE bank_accounts SET holder = 'Bob' WHERE account_id = ID").await;
    let shown = verify(&server, &["--json", "--patience-s", "0"]).await;
    assert_eq!(findings(&shown), ["row_differs"], "{}", text(&shown));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clean_store_is_clean_while_many_write() {
    let server = Server::start();
    let mut writers = Vec::new();
    let stop_at = Instant::now() + Duration::from_secs(6);
    for _ in 0..4 {
        let client = server.client();
        writers.push(tokio::spawn(async move {
            let mut written = 0_u32;
            while Instant::now() < stop_at {
                let account_id = client.open("100").await;
                for _ in 0..10 {
                    client.deposit(&account_id, "1.25").await.expect(200);
                    client.withdraw(&account_id, "0.75").await.expect(200);
                }
                written += 21;
            }
            written
        }));
    }
    let mut runs = 0;
    while Instant::now() < stop_at {
        let output = verify(&server, &["--json"]).await;
        assert!(output.status.success(), "run {runs}: {}", text(&output));
        runs += 1;
    }
    let mut written = 0;
    for writer in writers {
        written += writer.await.expect("wrote");
    }
    assert!(runs >= 2 && written > 100, "{runs} runs, {written} commits");
    let output = verify(&server, &["--json"]).await;
    let last: Value =
        serde_json::from_str(String::from_utf8_lossy(&output.stdout).lines().last().expect("a summary")).expect("JSON");
    assert_eq!(last["summary"]["commits"], written, "{last}");
}

#[tokio::test]
async fn a_stream_that_was_cut_off_is_found_by_the_heads_of_before() {
    let server = Server::start();
    let client = server.client();
    an_account(&client).await;
    let heads = server.home().join("heads");
    let path = heads.display().to_string();
    assert!(verify(&server, &["--heads", &path]).await.status.success());
    // Commits that came later are no difference.
    an_account(&client).await;
    let since = verify(&server, &["--against", &path]).await;
    assert!(since.status.success(), "{}", text(&since));
    let kept = std::fs::read_to_string(&heads).expect("written");
    assert_eq!(kept.lines().count(), 1, "{kept}");
    std::fs::write(&heads, kept.replace("\"version\":4", "\"version\":5")).expect("written");
    let cut_off = verify(&server, &["--json", "--against", &path]).await;
    assert_eq!((cut_off.status.code(), findings(&cut_off)), (Some(1), vec!["head_missing".to_owned()]));
    // A run with findings writes no heads, and a run that cannot start reports no findings.
    let refused = verify(&server, &["--against", &path, "--heads", &path]).await;
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
    assert!(std::fs::read_to_string(&heads).expect("still there").contains("\"version\":5"));
    std::fs::write(&heads, "no heads\n").expect("written");
    let could_not_run = verify(&server, &["--against", &path]).await;
    assert_eq!(could_not_run.status.code(), Some(2), "{}", text(&could_not_run));
    assert!(text(&could_not_run).contains("line 1 of the heads"), "{}", text(&could_not_run));
}

#[test]
fn a_folder_without_a_store_is_not_called_clean() {
    let home = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(passbook_program());
    let output = without_settings(&mut command).arg("verify").env("PASSBOOK_HOME", home.path()).output().expect("runs");
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("there is no "), "{}", text(&output));
    assert_eq!(std::fs::read_dir(home.path()).expect("a folder").count(), 0);
}
