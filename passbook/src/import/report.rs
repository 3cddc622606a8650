use std::fmt;
use std::time::Duration;

use super::ImportArguments;
use super::account_replay::{AccountReplay, Counts, Mismatch, RefusedRow};
use super::read_side_check::ReadSideCheck;

/// The number of entries of one kind that are printed. The other entries are only counted.
const MAX_LISTED: usize = 20;

/// The result of an import.
pub(crate) struct Report {
    file: String,
    caller: String,
    accounts: usize,
    rows: u64,
    played_in: Duration,
    counts: Counts,
    refused: Vec<RefusedRow>,
    not_played: Vec<RefusedRow>,
    mismatches: Vec<Mismatch>,
    read_side: ReadSideCheck,
}

impl Report {
    pub(crate) fn new(
        arguments: &ImportArguments,
        rows: u64,
        played_in: Duration,
        accounts: Vec<AccountReplay>,
        read_side: ReadSideCheck,
    ) -> Self {
        let mut counts = Counts::default();
        let (mut refused, mut not_played, mut mismatches) = (Vec::new(), Vec::new(), Vec::new());
        let number_of_accounts = accounts.len();
        for account in accounts {
            counts.deposits += account.counts.deposits;
            counts.withdrawals += account.counts.withdrawals;
            counts.played_before += account.counts.played_before;
            counts.equal += account.counts.equal;
            counts.equal_but_for_residuals += account.counts.equal_but_for_residuals;
            counts.equal_but_for_refusals += account.counts.equal_but_for_refusals;
            not_played.extend_from_slice(account.not_played());
            refused.extend(account.refused);
            mismatches.extend(account.mismatches);
        }
        refused.sort_by_key(|row| row.row);
        not_played.sort_by_key(|row| row.row);
        mismatches.sort_by_key(|mismatch| mismatch.row);
        Self {
            file: arguments.file.display().to_string(),
            caller: arguments.caller.clone(),
            accounts: number_of_accounts,
            rows,
            played_in,
            counts,
            refused,
            not_played,
            mismatches,
            read_side,
        }
    }

    /// Whether every row was played or refused by the account itself, and every balance is equal or explained.
    pub(crate) fn is_clean(&self) -> bool {
        self.not_played.is_empty() && self.mismatches.is_empty() && self.read_side.different.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, caller, accounts, rows, played_in, counts, .. } = self;
        let seconds = played_in.as_secs_f64().max(f64::MIN_POSITIVE);
        // Floats are used for a rate, not for money.
        #[expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "a rate for people")]
        let rows_per_second = *rows as f64 / seconds;
        writeln!(formatter, "{file}: {rows} rows of {accounts} accounts, for the caller {caller:?}")?;
        writeln!(formatter, "  in {seconds:.2} s, {rows_per_second:.0} rows/s")?;
        writeln!(formatter, "Commands")?;
        writeln!(formatter, "  deposits       {:>8}", counts.deposits)?;
        writeln!(formatter, "  withdrawals    {:>8}", counts.withdrawals)?;
        writeln!(formatter, "  of these, played by an earlier run {:>8}", counts.played_before)?;
        writeln!(formatter, "  refused        {:>8}", self.refused.len())?;
        writeln!(formatter, "  not played     {:>8}", self.not_played.len())?;
        writeln!(formatter, "Balances after each row, beside those that the file states")?;
        writeln!(formatter, "  equal                                {:>8}", counts.equal)?;
        writeln!(formatter, "  differing by the file's own residuals {:>7}", counts.equal_but_for_residuals)?;
        writeln!(formatter, "  differing by the refused rows        {:>8}", counts.equal_but_for_refusals)?;
        writeln!(formatter, "  not explained                        {:>8}", self.mismatches.len())?;
        writeln!(formatter, "Read side, once it had caught up")?;
        writeln!(formatter, "  accounts whose row and last line agree {:>6}", self.read_side.equal)?;
        writeln!(formatter, "  accounts where they do not             {:>6}", self.read_side.different.len())?;
        let refused =
            |row: &RefusedRow| format!("row {} (account {}, {}): {}", row.row, row.account, row.id, row.reason);
        list(formatter, "Refused", &self.refused, refused)?;
        let not_played = |row: &RefusedRow| {
            format!("row {} (account {}, {}): another writer has changed the account", row.row, row.account, row.id)
        };
        list(formatter, "Not played", &self.not_played, not_played)?;
        let mismatch = |mismatch: &Mismatch| {
            let Mismatch { row, account, id, computed_minor, expected_minor } = mismatch;
            format!("row {row} (account {account}, {id}): {computed_minor} minor units, {expected_minor} expected")
        };
        list(formatter, "Not explained", &self.mismatches, mismatch)?;
        list(formatter, "Read side different", &self.read_side.different, Clone::clone)
    }
}

fn list<T>(formatter: &mut fmt::Formatter<'_>, title: &str, items: &[T], line: impl Fn(&T) -> String) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(formatter, "{title}")?;
    for item in items.iter().take(MAX_LISTED) {
        writeln!(formatter, "  {}", line(item))?;
    }
    match items.len().checked_sub(MAX_LISTED) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(formatter, "  and {more} more"),
    }
}
