use std::sync::Arc;

use bank::{AccountId, AccountKind, AccountStatus, Currency};
use cqrs::{StreamId, Timestamp};
use projection::{Cells, Comparison, Order, ReadDbError, RowReader, Selection, TableRow, VERSION};

use crate::{BankAccountEntity, StatementLine};

/// A filter for accounts. An account must fit all given criteria.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountFilter {
    /// Only accounts that this caller opened.
    pub owner: Option<String>,
    /// Only accounts of exactly this holder.
    pub holder: Option<String>,
    /// Only accounts in this currency.
    pub currency: Option<Currency>,
    /// Only accounts of this kind.
    pub kind: Option<AccountKind>,
    /// Only accounts in this status.
    pub status: Option<AccountStatus>,
    /// Only accounts with at least this balance in minor units. It requires `currency`.
    pub balance_at_least_minor: Option<i64>,
    /// Only accounts with at most this balance in minor units. It requires `currency`.
    pub balance_at_most_minor: Option<i64>,
}

/// A place in the order of accounts: by opening time, then id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountPosition {
    /// The account's opening time.
    pub opened_at: Timestamp,
    /// The account's id.
    pub account_id: AccountId,
}

/// A part of a list of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountsPage {
    /// Only accounts after this place.
    pub after: Option<AccountPosition>,
    /// The largest number of accounts.
    pub limit: u32,
}

/// A filter for the lines of a statement. A line must fit all given criteria.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StatementFilter {
    /// Only events at this time or later.
    pub from: Option<Timestamp>,
    /// Only events before this time.
    pub to: Option<Timestamp>,
}

/// A part of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatementPage {
    /// Only lines before this version.
    pub before_version: Option<u64>,
    /// The largest number of lines.
    pub limit: u32,
}

/// The bank's queries of the read database, independent of its kind.
#[derive(Clone)]
pub struct BankAccountRepository {
    rows: Arc<dyn RowReader>,
}

impl BankAccountRepository {
    /// A repository on this read database.
    #[must_use]
    pub fn new(rows: Arc<dyn RowReader>) -> Self {
        Self { rows }
    }

    /// The account's row.
    ///
    /// # Errors
    /// See [`ReadDbError`].
    pub async fn account(&self, account_id: AccountId) -> Result<Option<BankAccountEntity>, ReadDbError> {
        let cells = self.rows.row(BankAccountEntity::TABLE, StreamId(account_id.as_uuid())).await?;
        Ok(cells.as_ref().map(BankAccountEntity::read).transpose()?)
    }

    /// A page of accounts, in order of opening time, then id.
    ///
    /// # Errors
    /// See [`ReadDbError`].
    pub async fn accounts(
        &self,
        filter: &AccountFilter,
        page: AccountsPage,
    ) -> Result<Vec<BankAccountEntity>, ReadDbError> {
        let after = page.after.map(|after| [after.opened_at.into(), StreamId(after.account_id.as_uuid()).into()]);
        let selection = Selection {
            table: BankAccountEntity::TABLE,
            criteria: Vec::new(),
            order: Order::Ascending { by: ["opened_at_us", "account_id"], after },
            limit: page.limit,
        };
        let selection = selection
            .and_if("owner", Comparison::Is, filter.owner.as_deref())
            .and_if("holder", Comparison::Is, filter.holder.as_deref())
            .and_if("currency", Comparison::Is, filter.currency.map(Currency::code))
            .and_if("kind", Comparison::Is, filter.kind.map(AccountKind::as_str))
            .and_if("status", Comparison::Is, filter.status.map(AccountStatus::as_str))
            .and_if("balance_minor", Comparison::AtLeast, filter.balance_at_least_minor)
            .and_if("balance_minor", Comparison::AtMost, filter.balance_at_most_minor);
        read_all(&self.rows.select(&selection).await?)
    }

    /// A page of an account's statement, newest first.
    ///
    /// # Errors
    /// See [`ReadDbError`].
    pub async fn statement(
        &self,
        account_id: AccountId,
        filter: StatementFilter,
        page: StatementPage,
    ) -> Result<Vec<StatementLine>, ReadDbError> {
        let selection = Selection {
            table: StatementLine::TABLE,
            criteria: Vec::new(),
            order: Order::Descending { by: VERSION },
            limit: page.limit,
        };
        let selection = selection
            .and("account_id", Comparison::Is, StreamId(account_id.as_uuid()))
            .and_if("occurred_at_us", Comparison::AtLeast, filter.from)
            .and_if("occurred_at_us", Comparison::Below, filter.to)
            .and_if(VERSION, Comparison::Below, page.before_version);
        read_all(&self.rows.select(&selection).await?)
    }
}

pub(crate) fn read_all<R: TableRow>(rows: &[Cells]) -> Result<Vec<R>, ReadDbError> {
    Ok(rows.iter().map(R::read).collect::<Result<_, _>>()?)
}
