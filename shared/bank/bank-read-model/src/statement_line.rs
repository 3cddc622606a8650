use std::str::FromStr;

use bank::{AccountId, Money, TransferId};
use cqrs::{StreamId, Timestamp};
use projection::{Cell, CellError, Cells, Column, Table, TableRow, VERSION};

use crate::bank_account_entity::{account_id, money};
use crate::transfer_entity::transfer_id;

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
    /// The transfer that moved the money; `None` in every other line.
    pub transfer: Option<LineTransfer>,
}

/// The transfer of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineTransfer {
    /// The transfer that moved the money, or whose reversal moved it back.
    pub transfer_id: TransferId,
    /// The other account of the transfer.
    pub counterparty: AccountId,
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
            Column::id("transfer_id").optional(),
            Column::id("counterparty").optional(),
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
            self.transfer.map(|transfer| StreamId(transfer.transfer_id.as_uuid())).into(),
            self.transfer.map(|transfer| StreamId(transfer.counterparty.as_uuid())).into(),
        ]
    }

    fn read(cells: &Cells) -> Result<Self, CellError> {
        Ok(Self {
            account_id: account_id(cells, "account_id")?,
            version: cells.count(VERSION)?,
            kind: cells.parsed("kind")?,
            amount: money(cells, "amount_minor")?,
            balance_after: money(cells, "balance_after_minor")?,
            reference: cells.text_if_any("reference")?.map(ToOwned::to_owned),
            occurred_at: cells.time("occurred_at_us")?,
            transfer: line_transfer(cells)?,
        })
    }
}

/// Both columns have a value, or neither.
fn line_transfer(cells: &Cells) -> Result<Option<LineTransfer>, CellError> {
    match (cells.if_any("transfer_id", transfer_id)?, cells.if_any("counterparty", account_id)?) {
        (None, None) => Ok(None),
        (Some(transfer_id), Some(counterparty)) => Ok(Some(LineTransfer { transfer_id, counterparty })),
        (Some(_), None) | (None, Some(_)) => Err(CellError::Unreadable {
            column: "counterparty",
            reason: "a line has a transfer and the other account, or neither".to_owned(),
        }),
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
    /// Money came from another account: by a transfer, or by the reversal of one.
    TransferIn,
    /// Money went to another account: by a transfer, or by the reversal of one.
    TransferOut,
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
            Self::TransferIn => "transfer_in",
            Self::TransferOut => "transfer_out",
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
            "transfer_in" => Ok(Self::TransferIn),
            "transfer_out" => Ok(Self::TransferOut),
            _ => Err(UnknownStatementLineKind),
        }
    }
}
