use std::sync::Arc;

use bank::{AccountAggregate, AccountEvent, Money, MoneyError};
use cqrs::{AggregateRoot as _, DomainEvent as _, EventDecodeError, EventEnvelope, StreamId};
use projection::{
    Cell, CellError, Cells, Column, EventPlace, GroupSum, NoLine, Projected, Projection, ReadDbError, RowReader, Table,
    TableRow, VERSION,
};

/// An account's balance and nothing else, for a report of the money in each currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountBalance {
    /// The account's stream.
    pub account: StreamId,
    /// The money that the account holds.
    pub balance: Money,
    /// The number of the stream's events in this row.
    pub version: u64,
}

impl TableRow for AccountBalance {
    const TABLE: &'static Table = &Table {
        name: "balances_by_currency",
        columns: &[
            Column::id("account_id"),
            Column::text("currency", 3),
            Column::integer("balance_minor").changing(),
            Column::count(VERSION).changing(),
        ],
    };

    fn cells(&self) -> Vec<Cell> {
        vec![
            self.account.into(),
            self.balance.currency().code().into(),
            self.balance.amount_minor().into(),
            self.version.into(),
        ]
    }

    fn read(cells: &Cells) -> Result<Self, CellError> {
        let column = "balance_minor";
        let balance = Money::new(cells.integer(column)?, cells.parsed("currency")?)
            .map_err(|error| CellError::Unreadable { column, reason: error.to_string() })?;
        Ok(Self { account: cells.id("account_id")?, balance, version: cells.count(VERSION)? })
    }
}

/// The balances of accounts. There are no lines.
pub struct BalancesByCurrencyProjection;

/// Why an event cannot follow on a balance. Handling: the event is kept aside; the event store or the row is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BalancesByCurrencyError {
    /// Something happened to an account that is not open.
    #[error("the first event of an account must be AccountOpened")]
    NotOpened,
    /// An account was opened that is open already.
    #[error("the account is already open")]
    OpenedTwice,
    /// The balance does not allow the movement.
    #[error("the movement does not fit the balance: {0}")]
    Movement(#[from] MoneyError),
}

impl BalancesByCurrencyProjection {
    /// The tables, as a migration of SQLite makes them.
    pub const SQLITE_TABLES: &'static str = "
        CREATE TABLE balances_by_currency (
            account_id    TEXT    NOT NULL PRIMARY KEY,
            currency      TEXT    NOT NULL,
            balance_minor INTEGER NOT NULL,
            version       INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;";
    /// The tables, as a migration of MySQL and MariaDB makes them.
    pub const MYSQL_TABLES: &'static str = "
        CREATE TABLE balances_by_currency (
            account_id    BINARY(16)      NOT NULL PRIMARY KEY,
            currency      VARCHAR(3)      NOT NULL,
            balance_minor BIGINT          NOT NULL,
            version       BIGINT UNSIGNED NOT NULL
        ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;";
}

impl Projection for BalancesByCurrencyProjection {
    const NAME: &'static str = "balances-by-currency";
    const VERSION: u32 = 1;
    const AGGREGATE_TYPES: &'static [&'static str] = &[AccountAggregate::AGGREGATE_TYPE];

    type Event = AccountEvent;
    type Row = AccountBalance;
    type Line = NoLine;
    type Error = BalancesByCurrencyError;

    fn decode(event: &EventEnvelope) -> Result<AccountEvent, EventDecodeError> {
        AccountEvent::from_data(&event.event_type, event.schema_version, &event.data)
    }

    fn after(
        row: Option<&AccountBalance>,
        at: EventPlace,
        event: &AccountEvent,
    ) -> Result<Projected<AccountBalance, NoLine>, BalancesByCurrencyError> {
        let balance = match (row, event) {
            (None, AccountEvent::AccountOpened { opening_balance, .. }) => *opening_balance,
            (Some(_), AccountEvent::AccountOpened { .. }) => return Err(BalancesByCurrencyError::OpenedTwice),
            (None, _) => return Err(BalancesByCurrencyError::NotOpened),
            (Some(row), AccountEvent::FundsDeposited { amount, .. }) => row.balance.checked_add(*amount)?,
            (Some(row), AccountEvent::FundsWithdrawn { amount, .. }) => row.balance.checked_sub(*amount)?,
            (Some(row), AccountEvent::TransferReceived(leg) | AccountEvent::ReversalReceived(leg)) => {
                row.balance.checked_add(leg.amount)?
            }
            (Some(row), AccountEvent::TransferSent(leg) | AccountEvent::ReversalSent(leg)) => {
                row.balance.checked_sub(leg.amount)?
            }
            (Some(row), AccountEvent::AccountClosed { .. } | AccountEvent::AccountHolderErased) => row.balance,
        };
        let row = AccountBalance { account: at.stream_id, balance, version: at.version };
        Ok(Projected { row, lines: vec![] })
    }
}

/// The money of all accounts in each currency, in the order of the currencies.
pub async fn totals_by_currency(rows: &Arc<dyn RowReader>) -> Result<Vec<GroupSum>, ReadDbError> {
    rows.sums(AccountBalance::TABLE, "currency", "balance_minor").await
}

#[test]
fn given_movements_then_the_row_has_the_balance_and_the_currency() {
    use projection::spec::{ProjectionSpec, Then, stream};
    let eur = |minor| Money::new(minor, "EUR".parse().expect("an active code")).expect("within the limit");
    let opened = AccountEvent::AccountOpened {
        owner: "ann".to_owned(),
        holder: "Ann Lee".parse().expect("a holder"),
        kind: bank::AccountKind::Checking,
        opening_balance: eur(100),
    };
    let deposited = AccountEvent::FundsDeposited { amount: eur(30), reference: None };
    let withdrawn = AccountEvent::FundsWithdrawn { amount: eur(50), reference: None };
    let account = StreamId(uuid::Uuid::now_v7());
    let mut events = stream("account", account, &[opened, deposited, withdrawn]);
    ProjectionSpec::<BalancesByCurrencyProjection>::given(events.clone()).holds_in_any_order_and_with_repeats();
    let last = events.pop().expect("three events");
    let balances = ProjectionSpec::<BalancesByCurrencyProjection>::given(events);
    let row = AccountBalance { account, balance: eur(80), version: 3 };
    assert_eq!(balances.when(&last), Then::Applied { row, lines: vec![] });
}
