use bank::{AccountId, Actor, Money, TransferId, TransferStatus};
use cqrs::{StreamId, Timestamp};
use projection::{Cell, CellError, Cells, Column, Table, TableRow, VERSION};

use crate::bank_account_entity::{account_id, money};

/// A transfer's row in the read database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferEntity {
    /// The key.
    pub transfer_id: TransferId,
    /// The account that gave the money.
    pub from: AccountId,
    /// The caller that owns the sender's account. It is in the transfer's own event. So one row tells whether a caller may
    /// see the transfer, and the answer takes the same time for every caller.
    pub from_owner: String,
    /// The account that got the money.
    pub to: AccountId,
    /// The caller that owns the recipient's account.
    pub to_owner: String,
    /// The amount, in the currency of both accounts.
    pub amount: Money,
    /// The purpose.
    pub reference: Option<String>,
    /// Whether the money has been given back.
    pub status: TransferStatus,
    /// The number of the transfer's events in this row.
    pub version: u64,
    /// The time of the transfer.
    pub occurred_at: Timestamp,
    /// The time of its reversal.
    pub reversed_at: Option<Timestamp>,
    /// The reason for its reversal.
    pub reversal_reason: Option<String>,
}

impl TransferEntity {
    /// Whether this actor may know of the transfer: the owners of both accounts, and tellers.
    #[must_use]
    pub fn is_visible_to(&self, actor: &Actor) -> bool {
        actor.may_act_for(&self.from_owner) || actor.may_act_for(&self.to_owner)
    }
}

impl TableRow for TransferEntity {
    const TABLE: &'static Table = &Table {
        name: "transfers",
        columns: &[
            Column::id("transfer_id"),
            Column::id("from_account_id"),
            Column::long_text("from_owner"),
            Column::id("to_account_id"),
            Column::long_text("to_owner"),
            Column::text("currency", 3),
            Column::integer("amount_minor"),
            Column::text("reference", 140).optional(),
            Column::text("status", 16).changing(),
            Column::count(VERSION).changing(),
            Column::integer("occurred_at_us"),
            Column::integer("reversed_at_us").optional().changing(),
            Column::text("reversal_reason", 140).optional().changing(),
        ],
    };

    fn cells(&self) -> Vec<Cell> {
        vec![
            StreamId(self.transfer_id.as_uuid()).into(),
            StreamId(self.from.as_uuid()).into(),
            self.from_owner.as_str().into(),
            StreamId(self.to.as_uuid()).into(),
            self.to_owner.as_str().into(),
            self.amount.currency().code().into(),
            self.amount.amount_minor().into(),
            self.reference.as_deref().into(),
            self.status.as_str().into(),
            self.version.into(),
            self.occurred_at.into(),
            self.reversed_at.into(),
            self.reversal_reason.as_deref().into(),
        ]
    }

    fn read(cells: &Cells) -> Result<Self, CellError> {
        Ok(Self {
            transfer_id: transfer_id(cells, "transfer_id")?,
            from: account_id(cells, "from_account_id")?,
            from_owner: cells.text("from_owner")?.to_owned(),
            to: account_id(cells, "to_account_id")?,
            to_owner: cells.text("to_owner")?.to_owned(),
            amount: money(cells, "amount_minor")?,
            reference: cells.text_if_any("reference")?.map(ToOwned::to_owned),
            status: cells.parsed("status")?,
            version: cells.count(VERSION)?,
            occurred_at: cells.time("occurred_at_us")?,
            reversed_at: cells.if_any("reversed_at_us", Cells::time)?,
            reversal_reason: cells.text_if_any("reversal_reason")?.map(ToOwned::to_owned),
        })
    }
}

/// The transfer whose id is in this column.
pub(crate) fn transfer_id(cells: &Cells, column: &'static str) -> Result<TransferId, CellError> {
    let id = cells.id(column)?.0;
    TransferId::try_from(id).map_err(|error| CellError::Unreadable { column, reason: error.to_string() })
}
