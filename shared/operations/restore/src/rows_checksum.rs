use bank_read_model::{BankAccountEntity, StatementLine};

/// How many rows there are, and the sum of a CRC-32 over each, so that their order is of no matter. A sum over rows as
/// they were folded and one over rows as the database holds them are the same, or a write went wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowsChecksum {
    /// Rows of accounts.
    pub accounts: u64,
    /// The sum over them.
    pub accounts_sum: u64,
    /// Statement lines.
    pub lines: u64,
    /// The sum over them.
    pub lines_sum: u64,
}

impl RowsChecksum {
    /// One more account.
    pub fn add_account(&mut self, account: &BankAccountEntity) {
        self.accounts += 1;
        self.accounts_sum = self.accounts_sum.wrapping_add(account_crc(account));
    }

    /// An account's row is another now, or is there for the first time.
    pub fn replace_account(&mut self, before: Option<&BankAccountEntity>, after: &BankAccountEntity) {
        if let Some(before) = before {
            self.accounts = self.accounts.wrapping_sub(1);
            self.accounts_sum = self.accounts_sum.wrapping_sub(account_crc(before));
        }
        self.add_account(after);
    }

    /// One more line.
    pub fn add_line(&mut self, line: &StatementLine) {
        self.lines += 1;
        self.lines_sum = self.lines_sum.wrapping_add(line_crc(line));
    }
}

/// The columns as text, in this order and with these bars: a database reckons the same (`CONCAT_WS('|', …)`).
fn account_crc(account: &BankAccountEntity) -> u64 {
    let text = format!(
        "{}|{}|{}|{}|{}|{}|{}|{}|{}|{}",
        account.account_id.as_uuid().as_simple(),
        account.kind.as_str(),
        account.balance.currency().code(),
        account.balance.amount_minor(),
        account.status.as_str(),
        account.version,
        account.opened_at.unix_micros(),
        account.updated_at.unix_micros(),
        account.holder,
        account.owner,
    );
    crc32fast::hash(text.as_bytes()).into()
}

/// A reference that is there begins with an equals sign: none and an empty one differ.
fn line_crc(line: &StatementLine) -> u64 {
    let text = format!(
        "{}|{}|{}|{}|{}|{}|{}|{}{}",
        line.account_id.as_uuid().as_simple(),
        line.version,
        line.kind.as_str(),
        line.amount.currency().code(),
        line.amount.amount_minor(),
        line.balance_after.amount_minor(),
        line.occurred_at.unix_micros(),
        if line.reference.is_some() { "=" } else { "" },
        line.reference.as_deref().unwrap_or_default(),
    );
    crc32fast::hash(text.as_bytes()).into()
}
