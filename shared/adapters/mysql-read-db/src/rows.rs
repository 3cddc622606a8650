use bank::{AccountId, Currency, Money};
use bank_read_model::{BankAccountEntity, StatementLine};
use cqrs::Timestamp;
use uuid::Uuid;

type DynError = Box<dyn std::error::Error + Send + Sync>;

/// A row of `bank_accounts` as it is stored.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct AccountRow {
    pub account_id: Uuid,
    pub owner: String,
    pub holder: String,
    pub kind: String,
    pub currency: String,
    pub balance_minor: i64,
    pub status: String,
    pub version: u64,
    pub opened_at_us: i64,
    pub updated_at_us: i64,
}

/// A row of `statement_lines` as it is stored.
#[derive(Debug)]
pub(crate) struct LineRow {
    pub account_id: Uuid,
    pub version: u64,
    pub kind: String,
    pub currency: String,
    pub amount_minor: i64,
    pub balance_after_minor: i64,
    pub reference: Option<String>,
    pub occurred_at_us: i64,
}

impl AccountRow {
    pub(crate) fn read(self) -> Result<BankAccountEntity, DynError> {
        Ok(BankAccountEntity {
            account_id: AccountId::try_from(self.account_id)?,
            owner: self.owner,
            holder: self.holder,
            kind: self.kind.parse()?,
            balance: money(self.balance_minor, &self.currency)?,
            status: self.status.parse()?,
            version: self.version,
            opened_at: Timestamp::from_unix_micros(self.opened_at_us)?,
            updated_at: Timestamp::from_unix_micros(self.updated_at_us)?,
        })
    }
}

impl LineRow {
    pub(crate) fn read(self) -> Result<StatementLine, DynError> {
        Ok(StatementLine {
            account_id: AccountId::try_from(self.account_id)?,
            version: self.version,
            kind: self.kind.parse()?,
            amount: money(self.amount_minor, &self.currency)?,
            balance_after: money(self.balance_after_minor, &self.currency)?,
            reference: self.reference,
            occurred_at: Timestamp::from_unix_micros(self.occurred_at_us)?,
        })
    }
}

fn money(amount_minor: i64, currency: &str) -> Result<Money, DynError> {
    let currency: Currency = currency.parse()?;
    Ok(Money::new(amount_minor, currency)?)
}
