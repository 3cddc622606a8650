//! The read side. Events become rows here ([`plan_projection`], pure), and queries read the rows through
//! [`BankAccountRepository`]. The databases are adapters elsewhere.

mod bank_account_entity; // the account's row
mod bank_account_repository; // port: what queries ask of the read database
mod projection; // events to rows, strictly by version
mod read_your_writes; // wait until the read side has reached a version
mod row_scan; // port: all rows and lines, account after account
mod statement_line; // the statement's rows

pub use bank_account_entity::{BankAccountEntity, ProjectionError};
pub use bank_account_repository::{
    AccountFilter, AccountPosition, AccountsPage, BankAccountRepository, ReadDbError, StatementFilter, StatementPage,
};
pub use projection::{AccountsAsLoaded, ProjectionPlan, account_id_of, plan_projection};
pub use read_your_writes::account_at_version;
pub use row_scan::{CurrencyTotals, LinePlace, RowScan, ScannedLine, ScannedRow};
pub use statement_line::{StatementLine, StatementLineKind, UnknownStatementLineKind};
