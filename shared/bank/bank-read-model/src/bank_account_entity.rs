use bank::{AccountId, AccountKind, AccountStatus, Actor, HolderName, Money};
use cqrs::{StreamId, Timestamp};
use projection::{Cell, CellError, Cells, Column, Table, TableRow, VERSION};

/// An account's row in the read database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankAccountEntity {
    /// The key.
    pub account_id: AccountId,
    /// The caller that opened the account.
    pub owner: String,
    /// The holder's name, or [`HolderName::ERASED`].
    pub holder: String,
    /// The kind of account.
    pub kind: AccountKind,
    /// The money that the account holds.
    pub balance: Money,
    /// Whether the account takes commands.
    pub status: AccountStatus,
    /// The number of the stream's events in this row: the first events up to this number.
    pub version: u64,
    /// The time of the account's first event.
    pub opened_at: Timestamp,
    /// The time of the newest event in this row.
    pub updated_at: Timestamp,
}

impl BankAccountEntity {
    /// Whether this actor may know of the account.
    #[must_use]
    pub fn is_visible_to(&self, actor: &Actor) -> bool {
        actor.may_act_for(&self.owner)
    }
}

impl TableRow for BankAccountEntity {
    const TABLE: &'static Table = &Table {
        name: "bank_accounts",
        columns: &[
            Column::id("account_id"),
            Column::long_text("owner"),
            Column::text("holder", 140).changing().personal(HolderName::ERASED),
            Column::text("kind", 16),
            Column::text("currency", 3),
            Column::integer("balance_minor").changing(),
            Column::text("status", 16).changing(),
            Column::count(VERSION).changing(),
            Column::integer("opened_at_us"),
            Column::integer("updated_at_us").changing(),
        ],
    };

    fn cells(&self) -> Vec<Cell> {
        vec![
            StreamId(self.account_id.as_uuid()).into(),
            self.owner.as_str().into(),
            self.holder.as_str().into(),
            self.kind.as_str().into(),
            self.balance.currency().code().into(),
            self.balance.amount_minor().into(),
            self.status.as_str().into(),
            self.version.into(),
            self.opened_at.into(),
            self.updated_at.into(),
        ]
    }

    fn read(cells: &Cells) -> Result<Self, CellError> {
        Ok(Self {
            account_id: account_id(cells, "account_id")?,
            owner: cells.text("owner")?.to_owned(),
            holder: cells.text("holder")?.to_owned(),
            kind: cells.parsed("kind")?,
            balance: money(cells, "balance_minor")?,
            status: cells.parsed("status")?,
            version: cells.count(VERSION)?,
            opened_at: cells.time("opened_at_us")?,
            updated_at: cells.time("updated_at_us")?,
        })
    }
}

/// The account whose id is in this column.
pub(crate) fn account_id(cells: &Cells, column: &'static str) -> Result<AccountId, CellError> {
    let id = cells.id(column)?.0;
    AccountId::try_from(id).map_err(|error| CellError::Unreadable { column, reason: error.to_string() })
}

/// The money whose minor units are in this column, in the currency of the row or the line.
pub(crate) fn money(cells: &Cells, column: &'static str) -> Result<Money, CellError> {
    Money::new(cells.integer(column)?, cells.parsed("currency")?)
        .map_err(|error| CellError::Unreadable { column, reason: error.to_string() })
}
