use bank::{AccountEvent, AccountId, AccountKind, AccountStatus, Actor, HolderName, Money};
use cqrs::Timestamp;

use crate::{StatementLine, StatementLineKind};

/// An account's row in the read database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankAccountEntity {
    /// The key.
    pub account_id: AccountId,
    /// The caller that opened it.
    pub owner: String,
    /// Whose it is by name, or [`HolderName::ERASED`].
    pub holder: String,
    /// What kind of account.
    pub kind: AccountKind,
    /// What it holds.
    pub balance: Money,
    /// Whether it takes commands.
    pub status: AccountStatus,
    /// How many of the stream's events are in this row: all of the first so many.
    pub version: u64,
    /// When its first event happened.
    pub opened_at: Timestamp,
    /// When the newest event in this row happened.
    pub updated_at: Timestamp,
}

/// An event that cannot follow on the row as it is. Handling: keep the event aside; the event store or the
/// row is damaged, and `verify` tells which.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectionError {
    /// Something happened to an account that is not there.
    #[error("the first event of an account must be AccountOpened")]
    NotOpened,
    /// An account was opened that is there.
    #[error("the account is already open")]
    OpenedTwice,
    /// A movement that the balance does not allow.
    #[error("the movement does not fit the balance: {0}")]
    Movement(#[from] bank::MoneyError),
}

impl BankAccountEntity {
    /// The row after one more event, and the statement line that the event makes, if it makes one.
    ///
    /// # Errors
    /// [`ProjectionError`] when no account in this state can have had this event.
    pub fn after(
        before: Option<&Self>,
        account_id: AccountId,
        event: &AccountEvent,
        occurred_at: Timestamp,
    ) -> Result<(Self, Option<StatementLine>), ProjectionError> {
        if let AccountEvent::AccountOpened { owner, holder, kind, opening_balance } = event {
            if before.is_some() {
                return Err(ProjectionError::OpenedTwice);
            }
            let opened = Self {
                account_id,
                owner: owner.clone(),
                holder: holder.as_str().to_owned(),
                kind: *kind,
                balance: *opening_balance,
                status: AccountStatus::Active,
                version: 1,
                opened_at: occurred_at,
                updated_at: occurred_at,
            };
            let line = opened.line(StatementLineKind::Opening, *opening_balance, None);
            return Ok((opened, Some(line)));
        }
        let before = before.ok_or(ProjectionError::NotOpened)?;
        let mut after = Self { version: before.version + 1, updated_at: occurred_at, ..before.clone() };
        let line = match event {
            AccountEvent::AccountOpened { .. } => None,
            AccountEvent::FundsDeposited { amount, reference } => {
                after.balance = before.balance.checked_add(*amount)?;
                Some(after.line(StatementLineKind::Deposit, *amount, reference.as_ref()))
            }
            AccountEvent::FundsWithdrawn { amount, reference } => {
                after.balance = before.balance.checked_sub(*amount)?;
                Some(after.line(StatementLineKind::Withdrawal, *amount, reference.as_ref()))
            }
            AccountEvent::AccountClosed { .. } => {
                after.status = AccountStatus::Closed;
                None
            }
            AccountEvent::AccountHolderErased => {
                after.holder = HolderName::ERASED.to_owned();
                None
            }
        };
        Ok((after, line))
    }

    /// Whether this actor may know of the account.
    #[must_use]
    pub fn is_visible_to(&self, actor: &Actor) -> bool {
        actor.may_act_for(&self.owner)
    }

    fn line(&self, kind: StatementLineKind, amount: Money, reference: Option<&bank::Reference>) -> StatementLine {
        StatementLine {
            account_id: self.account_id,
            version: self.version,
            kind,
            amount,
            balance_after: self.balance,
            reference: reference.map(|reference| reference.as_str().to_owned()),
            occurred_at: self.updated_at,
        }
    }
}
