use anyhow::ensure;
use uuid::Uuid;

use crate::figures::Figures;
use crate::http_load::{Amount, Oha, Requests};
use crate::program::Program;

/// The callers of most rows.
pub const CALLERS: usize = 32;
/// Each account is opened with 1.00 and each deposit is 0.01, so that the sum of the balances counts them.
pub const OPENING_MINOR: i64 = 100;
const OPENING: &str = r#"{"holder":"Ann Lee","kind":"checking","currency":"EUR","opening_balance":"1.00"}"#;
/// The body of a deposit.
pub const DEPOSIT: &str = r#"{"amount":"0.01"}"#;

/// Opens the accounts. Returns their ids, once the read side has them.
pub async fn open_accounts(program: &Program, oha: &Oha, accounts: usize) -> anyhow::Result<Vec<Uuid>> {
    let openings = Requests {
        urls: vec![format!("{}/accounts", program.base_url)],
        body: Some(OPENING),
        connections: CALLERS,
        done_status: 201,
    };
    let figures = send_commands(program, oha, &openings, Amount::Number(accounts)).await?;
    eprintln!("opened {accounts} accounts at {}: {:.0}/s", program.base_url, figures.per_s);
    let account_ids = program.read_db.account_ids(1).await?;
    ensure!(account_ids.len() == accounts, "{} of {accounts} accounts are there", account_ids.len());
    Ok(account_ids)
}

/// Sends commands, and waits until the read side has their events.
pub async fn send_commands(
    program: &Program,
    oha: &Oha,
    requests: &Requests,
    amount: Amount,
) -> anyhow::Result<Figures> {
    let figures = oha.send(requests, amount).await?;
    program.note_acknowledged(figures.done);
    let caught_up_after_s = Some(program.until_projected().await?.as_secs_f64());
    Ok(Figures { caught_up_after_s, ..figures })
}

/// Deposits of 0.01 on these accounts.
pub fn deposits(program: &Program, account_ids: &[Uuid], connections: usize) -> Requests {
    let url = |id: &Uuid| format!("{}/accounts/{id}/deposits", program.base_url);
    Requests { urls: account_ids.iter().map(url).collect(), body: Some(DEPOSIT), connections, done_status: 200 }
}

/// GETs of these accounts, or of a part of theirs.
pub fn gets(program: &Program, account_ids: &[Uuid], behind_id: &str) -> Requests {
    let url = |id: &Uuid| format!("{}/accounts/{id}{behind_id}", program.base_url);
    Requests { urls: account_ids.iter().map(url).collect(), body: None, connections: CALLERS, done_status: 200 }
}
