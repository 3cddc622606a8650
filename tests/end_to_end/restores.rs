use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bank_read_model::{BankAccountRepository, PROJECTIONS};
use cqrs::EventHandler as _;
use http::Method;
use passbook::Embedded;
use restore::{RestoreId, RestoreKind, RestoreRegister as _};
use serde_json::json;
use sqlite_embedded::SqliteProjector;

use crate::contract::{AccountHistory, Dice};
use crate::harness::{Client, Server, eventually, passbook_program, without_settings};

const KILLS: u32 = 20;
const ACCOUNTS: usize = 12;

/// `passbook restore` on the server's own data.
fn restore_command(server: &Server, arguments: &[&str]) -> Command {
    let mut command = Command::new(passbook_program());
    without_settings(&mut command).arg("restore").args(arguments).envs(server.data_environment()).stdin(Stdio::null());
    command
}

async fn restore(server: &Server, arguments: &[&str]) -> Output {
    let mut command = restore_command(server, arguments);
    tokio::task::spawn_blocking(move || command.output().expect("the program starts")).await.expect("an output")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

async fn begin(client: &Client, key: &str) -> crate::harness::Answer {
    client.send(client.request(Method::POST, "/admin/read-db/restore").header("Idempotency-Key", key)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_is_asked_for_goes_by_itself_and_is_told_of() {
    let server = Server::start();
    let client = server.client();
    let account_id = client.open("10").await;
    let version = client.deposit(&account_id, "1.50").await.version();
    let path = format!("/accounts/{account_id}");
    let before = client.get_at(&path, version).await;

    let begun = begin(&client, "first").await;
    begun.expect(202);
    let location = begun.header("location").expect("a Location").to_owned();
    assert_eq!(location, format!("/admin/read-db/restore/{}", begun.text("restore_id")));
    let done = eventually("the restore is done", async || {
        let answer = client.get(&location).await;
        (answer.expect(200).text("status") != "running").then_some(answer)
    })
    .await;
    let expected = json!({
        "restore_id": begun.text("restore_id"), "status": "succeeded", "events_replayed": 2, "events_total": 2,
    });
    assert_eq!(done.body, expected);
    // The same request gets the same answer, and begins nothing.
    let again = begin(&client, "first").await;
    assert_eq!((again.expect(202).body.clone(), again.header("idempotency-replayed")), (begun.body, Some("true")));
    assert_eq!(client.get_at(&path, version).await.body, before.body);
    let version = client.deposit(&account_id, "1").await.version();
    assert_eq!(client.get_at(&path, version).await.text("balance"), "12.50");

    for unknown in ["019cadd4-c179-752e-9a6a-3a456513270e", "x", "019CADD4-C179-752E-9A6A-3A456513270E"] {
        client.get(&format!("/admin/read-db/restore/{unknown}")).await.expect_problem(404, "not_found");
    }
    let request = || client.request(Method::POST, "/admin/read-db/restore");
    client.send(request().header("If-Match", "\"3\"")).await.expect_problem(412, "version_mismatch");
    client.send(request().header("Idempotency-Key", "")).await.expect_problem(400, "malformed_request");
    client.post("/admin/read-db/restore", &json!({"all": true})).await.expect_problem(400, "malformed_request");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_restores_rolls_back_and_says_what_it_has_done() {
    let server = Server::start();
    let client = server.client();
    let account_id = client.open("10").await;
    let version = client.deposit(&account_id, "1.50").await.version();
    let account = client.get_at(&format!("/accounts/{account_id}"), version).await.body;
    for (arguments, succeeds, says) in [
        (&["--rollback"][..], false, "there are no tables to bring back"),
        (&[], true, "restored: 2 events"),
        (&["--rollback"], true, "restored: "),
        (&["--readers", "1"], true, "restored: 2 events"),
        (&["--drop-old"], true, "is gone"),
        (&["--rollback"], false, "there are no tables to bring back"),
        (&["--account", &account_id], true, "is at version 2"),
        (&["--account", "019cadd4-c179-752e-9a6a-3a456513270e"], true, "there is no account"),
        (&["--account", "nobody"], false, "--account"),
    ] {
        let output = restore(&server, arguments).await;
        let said = text(&output);
        assert_eq!(output.status.success(), succeeds, "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
        assert_eq!(client.get(&format!("/accounts/{account_id}")).await.body, account, "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_or_not_meant_is_refused() {
    // No server runs on this folder, so recorded work is not done.
    let folder = tempfile::tempdir().expect("a folder");
    let restore = |arguments: &[&str]| {
        let mut command = Command::new(passbook_program());
        without_settings(&mut command).arg("restore").args(arguments).env("PASSBOOK_HOME", folder.path());
        let output = command.output().expect("the program starts");
        (output.status.success(), text(&output))
    };
    let refuses = |arguments: &[&str], says: &str| {
        let (succeeds, said) = restore(arguments);
        assert!(!succeeds && said.contains(says), "{arguments:?}: {said}");
    };
    let does = |arguments: &[&str], says: &str| {
        let (succeeds, said) = restore(arguments);
        assert!(succeeds && said.contains(says), "{arguments:?}: {said}");
    };
    refuses(&[], "events.db");
    assert!(!folder.path().join("events.db").exists(), "it made an empty one");
    refuses(&["--readers", "0"], "1..=16");
    refuses(&["--readers", "17"], "1..=16");

    let embedded = Embedded::open(folder.path()).await.expect("an empty folder");
    embedded.read_db.request(RestoreId::generate(), RestoreKind::Rebuild, None).await.expect("records");
    refuses(&["--rollback"], "is a rebuild: `passbook restore` goes on with it");
    does(&["--abandon"], "is given up");
    does(&["--abandon"], "no restore runs");
    embedded.read_db.request(RestoreId::generate(), RestoreKind::Rollback, None).await.expect("records");
    refuses(&[], "is a rollback: `passbook restore --rollback` goes on with it");
    refuses(&["--rollback"], "there are no tables to bring back");

    // The rows are those of another event store, or of an event store that has lost its events.
    let history = AccountHistory::random(&mut Dice::seeded(37), 3);
    let projector = SqliteProjector::new(embedded.read_db.clone(), PROJECTIONS);
    projector.handle(&history.events).await.expect("handles");
    refuses(&[], "the event store holds nothing, and the read database 1 rows");
    let accounts = BankAccountRepository::new(Arc::new(embedded.read_db.clone()));
    assert_eq!(accounts.account(history.account_id).await.expect("reads"), Some(history.row.clone()));
    does(&["--force"], "restored: 0 events");
    assert_eq!(accounts.account(history.account_id).await.expect("reads"), None);
    embedded.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erased_name_does_not_come_back_with_the_rows_that_had_it() {
    let server = Server::start();
    let client = server.client();
    let account_id = client.open("10").await;
    let path = format!("/accounts/{account_id}");
    assert_ne!(client.get_at(&path, 1).await.text("holder"), "[erased]");
    let restored = restore(&server, &[]).await;
    assert!(restored.status.success(), "{}", text(&restored));
    let erasing = client.request(Method::POST, &format!("/admin{path}/erase"));
    let version = client.send(erasing).await.expect(200).version();
    assert_eq!(client.get_at(&path, version).await.text("holder"), "[erased]");
    // The rows that were put aside have the name. The rows that the next restore puts aside do not have it.
    for arguments in [&["--rollback"][..], &["--rollback"], &[]] {
        let restored = restore(&server, arguments).await;
        assert!(restored.status.success(), "{}", text(&restored));
        let account = client.get(&path).await;
        assert_eq!((account.text("holder"), account.version()), ("[erased]", version), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_killed_20_times_while_the_service_goes_on_ends_with_the_rows_of_the_events() {
    let server = Server::start();
    let client = server.client();
    let mut account_ids = Vec::new();
    for _ in 0..ACCOUNTS {
        let account_id = client.open("0").await;
        let body = json!({"amount": "0.01"});
        let path = format!("/accounts/{account_id}/deposits");
        let deposits = (0..25).map(|_| client.post(&path, &body));
        futures::future::join_all(deposits).await;
        account_ids.push(account_id);
    }

    // Commands and queries go on all the while, and every one of them is answered.
    let is_over = Arc::new(AtomicBool::new(false));
    let serving = account_ids.iter().cloned().map(|account_id| {
        let (client, is_over) = (client.clone(), is_over.clone());
        tokio::spawn(async move {
            let path = format!("/accounts/{account_id}");
            let mut slowest = Duration::ZERO;
            while !is_over.load(Ordering::Relaxed) {
                let version = client.deposit(&account_id, "0.01").await.expect(200).version();
                let started_at = Instant::now();
                let account = client.get(&path).await;
                slowest = slowest.max(started_at.elapsed());
                // The row may be behind, but is never ahead or missing.
                assert!((1..=version).contains(&account.expect(200).version()), "{} of {version}", account.body);
                client.get(&format!("{path}/transactions?limit=5")).await.expect(200);
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
            slowest
        })
    });
    let serving: Vec<_> = serving.collect();

    let started_at = Instant::now();
    let whole = restore(&server, &[]).await;
    assert!(whole.status.success(), "{}", text(&whole));
    let takes = started_at.elapsed();
    let mut dice = Dice::seeded(21);
    let mut kills = 0;
    let give_up_at = Instant::now() + Duration::from_secs(90);
    while kills < KILLS {
        assert!(Instant::now() < give_up_at, "only {kills} restores were killed");
        let mut command = restore_command(&server, &["--lease-s", "1"]);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
        // The kill comes at a random moment between the restore's start and about its end.
        let lives = takes.mul_f64(dice.below(100) as f64 / 100.0);
        tokio::time::sleep(lives).await;
        // A restore that has already ended cannot be killed. It may be done, or it was refused because the one before
        // may still live.
        if process.try_wait().expect("a status").is_none() {
            process.kill().expect("it runs");
            kills += 1;
        } else {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        process.wait().expect("ends");
    }
    eventually("a restore goes through again", async || restore(&server, &[]).await.status.success().then_some(()))
        .await;
    is_over.store(true, Ordering::Relaxed);
    let mut slowest = Duration::ZERO;
    for serving in serving {
        slowest = slowest.max(serving.await.expect("every request was answered"));
    }
    println!("{kills} restores were killed; the slowest query took {slowest:?}");

    for account_id in &account_ids {
        let path = format!("/accounts/{account_id}");
        let version = client.deposit(account_id, "0.01").await.version();
        let account = client.get_at(&path, version).await;
        account.expect(200);
        let events = client.get(&format!("{path}/events?limit=200")).await;
        assert!(events.expect(200).body["events"].as_array().expect("events").len() >= 26);
        // Each event except the opening is a deposit of a cent.
        let cents = version - 1;
        let balance = format!("{}.{:02}", cents / 100, cents % 100);
        assert_eq!((account.version(), account.text("balance")), (version, balance.as_str()));
        let mut lines = 0;
        let mut cursor = String::new();
        loop {
            let page = client.get(&format!("{path}/transactions?limit=200{cursor}")).await;
            lines += page.expect(200).body["transactions"].as_array().expect("lines").len() as u64;
            match page.body["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(lines, version);
    }
}
