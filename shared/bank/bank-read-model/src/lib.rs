//! The bank's read side. [`BankAccountProjection`] declares how events become the rows of accounts and the lines of
//! statements. Queries read through [`BankAccountRepository`]. The databases' adapters are in other crates, and know no
//! bank.

mod account_at_version; // an account that the caller may see, once the read side has reached a version
mod bank_account_entity; // the account's row
mod bank_account_projection; // events to rows
mod bank_account_repository; // the bank's queries of the read database
mod statement_line; // the statement's rows

use projection::{Declared, Projections};

pub use account_at_version::account_at_version;
pub use bank_account_entity::BankAccountEntity;
pub use bank_account_projection::{BankAccountProjection, BankAccountProjectionError};
pub use bank_account_repository::{
    AccountFilter, AccountPosition, AccountsPage, BankAccountRepository, StatementFilter, StatementPage,
};
pub use statement_line::{StatementLine, StatementLineKind, UnknownStatementLineKind};

/// The bank's projections. Every type of event that the bank stores is read by one of them.
pub const PROJECTIONS: Projections = Projections::new(&[&Declared::<BankAccountProjection>::NEW], &[]);
