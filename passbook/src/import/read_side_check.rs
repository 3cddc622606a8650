use std::time::{Duration, Instant};

use bank_read_model::{BankAccountRepository, StatementFilter, StatementPage};

use super::ImportError;
use super::account_replay::AccountReplay;

/// The longest wait. The read side applies tens of thousands of events a second, so a minute without reaching the
/// end is a defect.
const MAX_WAIT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);

/// The result of comparing the read database with the imported accounts.
#[derive(Debug, Default)]
pub(crate) struct ReadSideCheck {
    /// The number of accounts whose row and last statement line agree with the commands.
    pub(crate) equal: u64,
    /// The accounts that do not agree, each with its row and last line.
    pub(crate) different: Vec<String>,
}

/// Waits for the read side. Then compares every account's row and last line with the answers to the commands.
pub(crate) async fn check(
    account_repository: &BankAccountRepository,
    accounts: &[AccountReplay],
) -> Result<ReadSideCheck, ImportError> {
    let give_up_at = Instant::now() + MAX_WAIT;
    let mut check = ReadSideCheck::default();
    for account in accounts {
        let row = loop {
            let row = account_repository.account(account.account_id).await?;
            if row.as_ref().is_some_and(|row| row.version >= account.version) {
                break row;
            }
            if Instant::now() > give_up_at {
                return Err(ImportError::ReadSideBehind { waited_s: MAX_WAIT.as_secs() });
            }
            tokio::time::sleep(PAUSE).await;
        };
        let last_line = StatementPage { before_version: None, limit: 1 };
        let lines = account_repository.statement(account.account_id, StatementFilter::default(), last_line).await?;
        let row_agrees =
            row.as_ref().is_some_and(|row| (row.version, row.balance) == (account.version, account.balance));
        let line_agrees = lines
            .first()
            .is_some_and(|line| (line.version, line.balance_after) == (account.last_line_version, account.balance));
        if row_agrees && line_agrees {
            check.equal += 1;
        } else {
            check.different.push(format!(
                "account {} ({}): the commands left version {} with {}; the row is {row:?}, the last line {:?}",
                account.account,
                account.account_id,
                account.version,
                account.balance,
                lines.first()
            ));
        }
    }
    Ok(check)
}
