use aggregate_root::AggregateRoot;
use serde::{Deserialize, Serialize};

use crate::{AccountError, AccountEvent, Actor, Amount, Currency, Money, MoneyError};

/// An account, reduced to the data that decisions need. The command methods are in [`commands`](crate::commands), one
/// file each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountAggregate {
    /// No event has happened yet.
    #[default]
    NotOpened,
    /// The account has been opened, and may have been closed since.
    Opened(Account),
}

/// The data that an account's decisions depend on. The holder's name is not part of it: no rule asks for it, so it
/// need not travel with the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredAccount", into = "StoredAccount")]
pub struct Account {
    /// The caller that opened it.
    pub owner: String,
    /// The account's balance.
    pub balance: Money,
    /// Whether the account still takes commands.
    pub status: AccountStatus,
    /// Whether the holder's name has been erased.
    pub is_holder_erased: bool,
}

/// Whether an account takes commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountStatus {
    /// The account takes commands.
    Active,
    /// The account takes no commands any more.
    Closed,
}

impl AccountStatus {
    /// The name in the HTTP contract and in the databases.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Closed => "closed",
        }
    }
}

impl std::str::FromStr for AccountStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "active" => Ok(Self::Active),
            "closed" => Ok(Self::Closed),
            _ => Err(UnknownStatus),
        }
    }
}

/// The text names no status. Handling: the client's mistake if a client wrote it; otherwise the data is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be \"active\" or \"closed\"")]
pub struct UnknownStatus;

/// The stored form of [`Account`].
#[derive(Clone, Serialize, Deserialize)]
struct StoredAccount {
    owner: String,
    currency: Currency,
    balance_minor: i64,
    status: AccountStatus,
    is_holder_erased: bool,
}

impl From<Account> for StoredAccount {
    fn from(account: Account) -> Self {
        Self {
            owner: account.owner,
            currency: account.balance.currency(),
            balance_minor: account.balance.amount_minor(),
            status: account.status,
            is_holder_erased: account.is_holder_erased,
        }
    }
}

impl TryFrom<StoredAccount> for Account {
    type Error = MoneyError;

    fn try_from(stored: StoredAccount) -> Result<Self, MoneyError> {
        let balance = Money::new(stored.balance_minor, stored.currency)?;
        let StoredAccount { owner, status, is_holder_erased, .. } = stored;
        Ok(Self { owner, balance, status, is_holder_erased })
    }
}

impl AggregateRoot for AccountAggregate {
    const AGGREGATE_TYPE: &'static str = "account";
    const STATE_VERSION: u32 = 3;
    type Event = AccountEvent;
    type Error = AccountError;

    fn apply(&mut self, event: &AccountEvent) {
        match (self, event) {
            (state @ Self::NotOpened, AccountEvent::AccountOpened { owner, opening_balance, .. }) => {
                *state = Self::Opened(Account {
                    owner: owner.clone(),
                    balance: *opening_balance,
                    status: AccountStatus::Active,
                    is_holder_erased: false,
                });
            }
            (Self::Opened(account), AccountEvent::FundsDeposited { amount, .. }) => {
                account.balance = in_bounds(account.balance.checked_add(*amount), account.balance);
            }
            (Self::Opened(account), AccountEvent::FundsWithdrawn { amount, .. }) => {
                account.balance = in_bounds(account.balance.checked_sub(*amount), account.balance);
            }
            (Self::Opened(account), AccountEvent::TransferReceived(leg) | AccountEvent::ReversalReceived(leg)) => {
                account.balance = in_bounds(account.balance.checked_add(leg.amount), account.balance);
            }
            (Self::Opened(account), AccountEvent::TransferSent(leg) | AccountEvent::ReversalSent(leg)) => {
                account.balance = in_bounds(account.balance.checked_sub(leg.amount), account.balance);
            }
            (Self::Opened(account), AccountEvent::AccountClosed { .. }) => account.status = AccountStatus::Closed,
            (Self::Opened(account), AccountEvent::AccountHolderErased) => account.is_holder_erased = true,
            // No command method raises these events. If a store holds them, another program wrote them.
            (Self::Opened(_), AccountEvent::AccountOpened { .. }) => debug_assert!(false, "opened twice"),
            (Self::NotOpened, event) => debug_assert!(false, "{event:?} before the account was opened"),
        }
    }
}

/// The balance after a movement that has happened. No command method allows a balance out of bounds, and `apply`
/// cannot refuse. If a store holds such an event nevertheless, the balance stays unchanged. A comparison with the sum
/// of the events then shows the damage.
fn in_bounds(balance: Result<Money, MoneyError>, before: Money) -> Money {
    debug_assert!(balance.is_ok(), "a movement that no command method allows");
    balance.unwrap_or(before)
}

impl AccountAggregate {
    /// The account, if it has been opened.
    #[must_use]
    pub const fn opened(&self) -> Option<&Account> {
        match self {
            Self::NotOpened => None,
            Self::Opened(account) => Some(account),
        }
    }

    /// The account, if it has been opened and this actor may know of it.
    ///
    /// # Errors
    /// [`AccountError::NotFound`] in both cases.
    pub fn account_of(&self, actor: &Actor) -> Result<&Account, AccountError> {
        self.opened().filter(|account| actor.may_act_for(&account.owner)).ok_or(AccountError::NotFound)
    }

    /// The account, if this actor may give it commands and the account takes them.
    pub(crate) fn active_account_of(&self, actor: &Actor) -> Result<&Account, AccountError> {
        let account = self.account_of(actor)?;
        match account.status {
            AccountStatus::Active => Ok(account),
            AccountStatus::Closed => Err(AccountError::Closed),
        }
    }
}

impl Account {
    /// The amount of a deposit or withdrawal, in this account's currency.
    pub(crate) fn amount_to_move(&self, amount: Amount) -> Result<Money, AccountError> {
        let money = amount.in_currency(self.balance.currency()).map_err(|error| match error {
            MoneyError::TooManyDecimals { currency, decimals } => AccountError::TooManyDecimals { currency, decimals },
            MoneyError::TooLarge | MoneyError::Negative | MoneyError::CurrencyMismatch { .. } => {
                AccountError::AmountTooLarge
            }
        })?;
        if money.is_zero() { Err(AccountError::AmountNotPositive) } else { Ok(money) }
    }
}
