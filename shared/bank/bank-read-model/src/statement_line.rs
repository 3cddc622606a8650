use std::str::FromStr;

use bank::{AccountId, Money};
use cqrs::Timestamp;

/// One line of an account's statement: one event that moved money, or that opened the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementLine {
    /// Whose statement.
    pub account_id: AccountId,
    /// The event's version; with the account the key.
    pub version: u64,
    /// Which way the money went.
    pub kind: StatementLineKind,
    /// How much; never below zero, the kind says which way.
    pub amount: Money,
    /// The balance after it.
    pub balance_after: Money,
    /// What for.
    pub reference: Option<String>,
    /// When.
    pub occurred_at: Timestamp,
}

/// Which way the money of a line went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementLineKind {
    /// The account was opened with it; every statement's first line, also with nothing.
    Opening,
    /// It came in.
    Deposit,
    /// It went out.
    Withdrawal,
}

/// A stored text that is no kind of line. Handling: the read database is damaged or of a newer build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of statement line")]
pub struct UnknownStatementLineKind;

impl StatementLineKind {
    /// The text of the HTTP contract and of the databases.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Deposit => "deposit",
            Self::Withdrawal => "withdrawal",
        }
    }
}

impl FromStr for StatementLineKind {
    type Err = UnknownStatementLineKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "opening" => Ok(Self::Opening),
            "deposit" => Ok(Self::Deposit),
            "withdrawal" => Ok(Self::Withdrawal),
            _ => Err(UnknownStatementLineKind),
        }
    }
}
