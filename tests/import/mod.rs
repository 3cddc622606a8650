//! `passbook import`, the real program, on a sample of its own (`bank-sample.csv`).

mod as_of; // an account as of any time, compared with the balances in the data

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::harness::{Data, Server, passbook_program, without_settings};

/// A sample of 3 accounts and 24 rows, in the columns of the PKDD'99 profile. Account 101 chains exactly. Account 102
/// has two residuals of 0.10 in both directions. Account 103 goes below zero once, so one withdrawal is refused.
const SAMPLE: &str = include_str!("bank-sample.csv");

/// The import command for this data.
fn importing(environment: &[(String, String)], file: &Path) -> Command {
    let mut command = Command::new(passbook_program());
    without_settings(&mut command)
        .arg("import")
        .arg(file)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null());
    command
}

fn import(environment: &[(String, String)], file: &Path, more: &[&str]) -> Output {
    importing(environment, file).args(["--profile", "pkdd99"]).args(more).output().expect("the program runs")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The number at the end of the report's line that begins with these words.
#[track_caller]
fn figure(report: &str, words: &str) -> u64 {
    let line = report.lines().find(|line| line.trim_start().starts_with(words));
    let number = line.and_then(|line| line.split_whitespace().last());
    number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no figure {words:?} in:\n{report}"))
}

fn write(folder: &Path, name: &str, content: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).expect("a file");
    path
}

#[test]
fn the_sample_is_imported_and_every_difference_explained() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), "sample.csv", SAMPLE);
    let data = Data::empty();
    let output = import(&data.environment(), &file, &[]);
    let report = text(&output);
    assert!(output.status.success(), "{report}");
    assert!(report.contains("24 rows of 3 accounts"), "{report}");
    assert_eq!((figure(&report, "deposits"), figure(&report, "withdrawals"), figure(&report, "refused")), (14, 9, 1));
    assert_eq!(figure(&report, "equal"), 16, "{report}");
    assert_eq!(figure(&report, "differing by the file's own residuals"), 4, "{report}");
    assert_eq!(figure(&report, "differing by the refused rows"), 4, "{report}");
    assert_eq!(figure(&report, "not explained"), 0);
    assert_eq!(figure(&report, "accounts whose row and last line agree"), 3);
    assert!(report.contains("row 16 (account 103, 9016): the balance is 300.00, less than 1000.00"), "{report}");
}

#[test]
fn a_second_run_and_a_gzipped_copy_of_the_same_name_have_no_further_effect() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = Data::empty();
    let environment = data.environment();
    let file = write(folder.path(), "sample.csv", SAMPLE);
    assert!(import(&environment, &file, &["--name", "sample"]).status.success());
    let zipped = folder.path().join("sample.csv.gz");
    let mut gzip =
        flate2::write::GzEncoder::new(std::fs::File::create(&zipped).expect("a file"), flate2::Compression::fast());
    gzip.write_all(SAMPLE.as_bytes()).expect("written");
    gzip.finish().expect("finished");
    for file in [&file, &zipped] {
        let output = import(&environment, file, &["--name", "sample", "--concurrency", "2"]);
        let report = text(&output);
        assert!(output.status.success(), "{report}");
        assert_eq!(figure(&report, "of these, played by an earlier run"), 23, "{report}");
        // If the row were judged anew, it would now succeed, because the account has had more money since.
        assert_eq!((figure(&report, "refused"), figure(&report, "not explained")), (1, 0), "{report}");
    }
}

#[test]
fn an_import_that_was_killed_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = Data::empty();
    // The file is long enough for a kill in the middle: one account with 3,000 rows.
    let mut long = String::from("account,id,date,type,amount,balance,reference\n");
    for number in 1..=3_000 {
        long.push_str(&format!("7,{number},1993-01-01,credit,0.01,{}.{:02},\n", number / 100, number % 100));
    }
    let file = write(folder.path(), "long.csv", &long);
    let profile = ["--profile", "plain"];
    for round in 0..3 {
        let mut process = importing(&data.environment(), &file)
            .args(profile)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        std::thread::sleep(Duration::from_millis(300 + 150 * round));
        process.kill().expect("killed, or done already");
        process.wait().expect("an exit status");
    }
    let output = importing(&data.environment(), &file).args(profile).output().expect("the program runs");
    let report = text(&output);
    assert!(output.status.success(), "{report}");
    assert_eq!((figure(&report, "deposits"), figure(&report, "equal")), (3_000, 3_000), "{report}");
    assert!(figure(&report, "of these, played by an earlier run") > 0, "{report}");
}

#[tokio::test]
async fn what_was_imported_is_served_with_the_days_of_the_file() {
    let server = Server::start();
    let file = write(server.home(), "sample.csv", SAMPLE);
    // The import runs beside the server, on the same data.
    let environment = server.data_environment();
    let output = tokio::task::spawn_blocking(move || import(&environment, &file, &[])).await.expect("ran");
    assert!(output.status.success(), "{}", text(&output));
    let client = server.client();
    let accounts = client.get("/accounts?holder=Account%20101&currency=CZK").await;
    let account = &accounts.body["accounts"][0];
    assert_eq!(
        (&account["balance"], &account["opened_at"]),
        (&"2950.00".into(), &"1993-01-01T00:00:00.000000Z".into())
    );
    let account_id = account["account_id"].as_str().expect("an id");
    let path = format!("/accounts/{account_id}/transactions?from=1993-01-05T00:00:00Z&to=1993-01-06T00:00:00Z");
    let day = client.get(&path).await;
    let line = &day.body["transactions"][0];
    assert_eq!(
        (&line["type"], &line["amount"], &line["reference"]),
        (&"deposit".into(), &"2000.00".into(), &"PREVOD Z UCTU DUCHOD".into())
    );
}

#[test]
fn a_balance_that_nothing_explains_is_reported_and_fails_the_import() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), "wrong.csv", &SAMPLE.replacen("1000.00,1000.00", "1000.00,1000.01", 1));
    let data = Data::empty();
    let output = import(&data.environment(), &file, &[]);
    let report = text(&output);
    assert!(!output.status.success(), "{report}");
    assert_eq!(figure(&report, "not explained"), 1, "{report}");
    assert!(report.contains("row 1 (account 101, 9001): 100000 minor units, 100001 expected"), "{report}");
}

#[tokio::test]
async fn an_account_that_someone_else_has_used_is_left_alone_and_said_so() {
    let server = Server::start();
    let half: String = SAMPLE.lines().take(7).map(|line| format!("{line}\n")).collect();
    let first = write(server.home(), "half.csv", &half);
    let whole = write(server.home(), "whole.csv", SAMPLE);
    let environment = server.data_environment();
    let run = |file: std::path::PathBuf| {
        let environment = environment.clone();
        tokio::task::spawn_blocking(move || import(&environment, &file, &["--name", "sample"]))
    };
    assert!(run(first).await.expect("ran").status.success());
    let client = server.client();
    let accounts = client.get("/accounts?holder=Account%20101").await;
    let account_id = accounts.body["accounts"][0]["account_id"].as_str().expect("an id").to_owned();
    client.deposit(&account_id, "0.01").await.expect(200);
    let output = run(whole).await.expect("ran");
    let report = text(&output);
    assert!(!output.status.success(), "{report}");
    assert!(figure(&report, "not played") > 0, "{report}");
    assert!(report.contains("another writer has changed the account"), "{report}");
}

#[test]
fn what_the_options_do_not_fit_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = Data::empty();
    let sample = write(folder.path(), "sample.csv", SAMPLE);
    let bad_word = write(folder.path(), "word.csv", &SAMPLE.replacen("PRIJEM", "GESCHENK", 1));
    let bad_amount = write(folder.path(), "amount.csv", &SAMPLE.replacen("1000.00", "1e3", 1));
    for (file, more, expected) in [
        (&sample, vec!["--amount-column", "sum"], "the file has no column \"sum\""),
        (&sample, vec!["--currency", "EURO"], "--currency must be an active ISO 4217 currency code"),
        (&bad_word, vec![], "row 1: \"GESCHENK\" is neither a credit word nor a debit word"),
        (&bad_amount, vec![], "row 1: the amount must be plain digits"),
        (&folder.path().join("none.csv"), vec![], "cannot read"),
    ] {
        let output = import(&data.environment(), file, &more);
        assert!(!output.status.success());
        assert!(text(&output).contains(expected), "{expected}: {}", text(&output));
    }
}
