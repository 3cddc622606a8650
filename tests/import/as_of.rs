//! An account of real transactions as of any time, compared with the balance that the data states for the day.
//!
//! Only accounts whose rows all chain exactly are used. None of their rows has a residual of the bank's own rounding, and
//! no balance is below zero, because such withdrawals are refused. So the stated balance is the sum of the rows, and needs
//! no explanation. Rows have days and no times. A row is played at the beginning of its day. The last of several rows on
//! one day states the balance at the end of the day.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;

use cqrs::Timestamp;
use http::StatusCode;

use super::{SAMPLE, import, text, write};
use crate::contract::Dice;
use crate::harness::{Client, Server};

const MICROS_OF_A_DAY: i64 = 86_400_000_000;

/// The accounts that chain exactly, with the balance at the end of each of their days.
fn exact_accounts(csv: &str) -> BTreeMap<String, BTreeMap<Timestamp, String>> {
    let mut lines = csv.lines();
    let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let column = |name: &str| header.iter().position(|column| *column == name).expect("a column");
    let (account, date, balance, residual) =
        (column("account_id"), column("date"), column("balance"), column("residual"));
    let mut accounts: BTreeMap<String, BTreeMap<Timestamp, String>> = BTreeMap::new();
    let mut inexact = Vec::new();
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        let day = format!("{}T00:00:00Z", fields[date]).parse().expect("a day");
        // An account's rows are in their order, so the last row of a day remains.
        accounts.entry(fields[account].to_owned()).or_default().insert(day, fields[balance].to_owned());
        if fields[residual] != "0.00" || fields[balance].starts_with('-') {
            inexact.push(fields[account].to_owned());
        }
    }
    accounts.retain(|account, _| !inexact.contains(account));
    accounts
}

/// Compares the account at so many random times. Some are before its first day, and some after its last.
async fn compare(client: &Client, dice: &mut Dice, account: &str, days: &BTreeMap<Timestamp, String>, times: usize) {
    let listed = client.get(&format!("/accounts?holder=Account%20{account}&currency=CZK")).await;
    let account_id = listed.expect(200).body["accounts"][0]["account_id"].as_str().expect("an id").to_owned();
    let (first, last) = (days.keys().next().expect("a day"), days.keys().last().expect("a day"));
    let span_micros = last.unix_micros() - first.unix_micros() + 20 * MICROS_OF_A_DAY;
    for _ in 0..times {
        let micros = first.unix_micros() - 10 * MICROS_OF_A_DAY + dice.amount_up_to(span_micros);
        // Some times are exactly those at which rows were played.
        let played_at: Vec<Timestamp> = days.keys().copied().collect();
        let any_time = Timestamp::from_unix_micros(micros).expect("a time");
        let time = if dice.once_in(3) { dice.pick(&played_at) } else { any_time };
        let answer = client.get(&format!("/accounts/{account_id}/as-of/{time}")).await;
        match days.range(..=time).next_back() {
            Some((day, balance)) => {
                assert_eq!(answer.expect(200).text("balance"), balance, "account {account} as of {time}");
                assert_eq!(answer.text("updated_at"), day.to_string(), "account {account} as of {time}");
            }
            None => assert_eq!(answer.status, StatusCode::NOT_FOUND, "account {account} as of {time}"),
        }
    }
}

async fn imported(server: &Server, file: PathBuf) {
    let environment = server.data_environment();
    let output = tokio::task::spawn_blocking(move || import(&environment, &file, &[])).await.expect("ran");
    assert!(output.status.success(), "{}", text(&output));
}

#[tokio::test]
async fn as_of_any_time_an_account_holds_what_its_data_states_for_the_day() {
    let server = Server::start();
    imported(&server, write(server.home(), "sample.csv", SAMPLE)).await;
    let accounts = exact_accounts(SAMPLE);
    assert_eq!(accounts.keys().collect::<Vec<_>>(), ["101"]);
    let days = &accounts["101"];
    // Two rows are of this day. The first one states 2414.60.
    assert_eq!(days[&"1993-01-31T00:00:00Z".parse().expect("a day")], "2400.00");
    let (client, mut dice) = (server.client(), Dice::seeded(1993));
    compare(&client, &mut dice, "101", days, 10).await;
}

/// The same test with the data set itself, which this project may not distribute. `BANK_TRANSACTIONS` is the path of its
/// gzipped file.
#[tokio::test]
#[ignore = "needs the PKDD'99 transactions"]
async fn as_of_any_time_every_exact_account_of_the_data_set_holds_what_it_states_for_the_day() {
    let file = PathBuf::from(std::env::var("BANK_TRANSACTIONS").expect("the path of the data set"));
    let mut csv = String::new();
    let packed = std::fs::File::open(&file).expect("a file");
    flate2::read::MultiGzDecoder::new(packed).read_to_string(&mut csv).expect("text");
    let server = Server::start();
    imported(&server, file).await;
    let (client, mut dice) = (server.client(), Dice::seeded(1993));
    let accounts = exact_accounts(&csv);
    assert_eq!(accounts.len(), 198);
    for (account, days) in &accounts {
        compare(&client, &mut dice, account, days, 10).await;
    }
}
