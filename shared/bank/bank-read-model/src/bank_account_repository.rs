use async_trait::async_trait;
use bank::{AccountId, AccountKind, AccountStatus, Currency};
use cqrs::{QueryError, Timestamp};

use crate::{BankAccountEntity, StatementLine};

/// Why the read database gave no rows.
#[derive(Debug, thiserror::Error)]
pub enum ReadDbError {
    /// It could not be reached or did not answer in time. Handling: retry later.
    #[error("the read database is unavailable")]
    Unavailable {
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A row cannot be read. Handling: a person must look; the rows can be rebuilt from the events.
    #[error("the read database holds something unreadable: {reason}")]
    Corrupt {
        /// What did not fit.
        reason: String,
    },
}

impl From<ReadDbError> for QueryError {
    fn from(error: ReadDbError) -> Self {
        match error {
            ReadDbError::Unavailable { source } => Self::Unavailable { source },
            ReadDbError::Corrupt { reason } => Self::Corrupt { reason },
        }
    }
}

/// Which accounts; all that are given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountFilter {
    /// Only those that this caller opened.
    pub owner: Option<String>,
    /// Only those of exactly this holder.
    pub holder: Option<String>,
    /// Only those in this currency.
    pub currency: Option<Currency>,
    /// Only those of this kind.
    pub kind: Option<AccountKind>,
    /// Only those in this status.
    pub status: Option<AccountStatus>,
    /// Only those that hold at least so many minor units; goes with `currency`.
    pub balance_at_least_minor: Option<i64>,
    /// Only those that hold at most so many minor units; goes with `currency`.
    pub balance_at_most_minor: Option<i64>,
}

/// A place in the order of accounts: by opening time, then id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountPosition {
    /// The account's opening time.
    pub opened_at: Timestamp,
    /// Its id.
    pub account_id: AccountId,
}

/// Which part of a list of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountsPage {
    /// Only what comes after this place.
    pub after: Option<AccountPosition>,
    /// At most so many.
    pub limit: u32,
}

/// Which lines of a statement; all that are given must hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StatementFilter {
    /// Only what happened at this time or later.
    pub from: Option<Timestamp>,
    /// Only what happened before this time.
    pub to: Option<Timestamp>,
}

/// Which part of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatementPage {
    /// Only what comes before this version.
    pub before_version: Option<u64>,
    /// At most so many.
    pub limit: u32,
}

/// Port: what queries ask of the read database. Its adapters pass one suite of contract tests.
#[async_trait]
pub trait BankAccountRepository: Send + Sync {
    /// The account's row.
    async fn account(&self, account_id: AccountId) -> Result<Option<BankAccountEntity>, ReadDbError>;

    /// A page of accounts, in order of opening time, then id.
    async fn accounts(&self, filter: &AccountFilter, page: AccountsPage)
    -> Result<Vec<BankAccountEntity>, ReadDbError>;

    /// A page of an account's statement, newest first.
    async fn statement(
        &self,
        account_id: AccountId,
        filter: StatementFilter,
        page: StatementPage,
    ) -> Result<Vec<StatementLine>, ReadDbError>;

    /// Whether the read database answers at all.
    async fn ping(&self) -> Result<(), ReadDbError>;
}
