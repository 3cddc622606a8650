use std::str::FromStr;

use bank::{AccountId, Money};
use cqrs::{StreamId, Timestamp};
use projection::{Cell, CellError, Cells, Column, Table, TableRow, VERSION};

use crate::bank_account_entity::{account_id, money};

/// One line of an account's statement: one event that moved money, or that opened the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementLine {
    /// The account of the statement.
    pub account_id: AccountId,
    /// The event's version. Together with the account it is the key.
    pub version: u64,
    /// The direction in which the money went.
    pub kind: StatementLineKind,
    /// The amount. It is never below zero, because the kind gives the direction.
    pub amount: Money,
    /// The balance after the event.
    pub balance_after: Money,
    /// The client's text for the movement.
    pub reference: Option<String>,
    /// The time of the event.
    pub occurred_at: Timestamp,
}

impl TableRow for StatementLine {
    const TABLE: &'static Table = &Table {
        name: "statement_lines",
        columns: &[
            Column::id("account_id"),
            Column::count(VERSION),
            Column::text("kind", 16),
            Column::text("currency", 3),
            Column::integer("amount_minor"),
            Column::integer("balance_after_minor"),
            Column::text("reference", 140).optional(),
            Column::integer("occurred_at_us"),
        ],
    };

    fn cells(&self) -> Vec<Cell> {
        vec![
            StreamId(self.account_id.as_uuid()).into(),
            self.version.into(),
            self.kind.as_str().into(),
            self.amount.currency().code().into(),
            self.amount.amount_minor().into(),
            self.balance_after.amount_minor().into(),
            self.reference.as_deref().into(),
            self.occurred_at.into(),
        ]
    }

    fn read(cells: &Cells) -> Result<Self, CellError> {
        Ok(Self {
            account_id: account_id(cells)?,
            version: cells.count(VERSION)?,
            kind: cells.parsed("kind")?,
            amount: money(cells, "amount_minor")?,
            balance_after: money(cells, "balance_after_minor")?,
            reference: cells.text_if_any("reference")?.map(ToOwned::to_owned),
            occurred_at: cells.time("occurred_at_us")?,
        })
    }
}

/// The direction of a line's money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementLineKind {
    /// The account was opened with this amount. It is every statement's first line, even with an amount of zero.
    Opening,
    /// Money came in.
    Deposit,
    /// Money went out.
    Withdrawal,
}

/// The stored text is not a kind of line. Handling: the read database is damaged or belongs to a newer build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of statement line")]
pub struct UnknownStatementLineKind;

impl StatementLineKind {
    /// The name in the HTTP contract and in the databases.
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
