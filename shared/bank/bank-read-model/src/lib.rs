//! The bank's read side. [`BankAccountProjection`] declares how events become the rows of accounts and the lines of
//! statements, and [`TransferProjection`] how they become the rows of transfers. Queries read through
//! [`BankAccountRepository`] and [`TransferRepository`]. The databases' adapters are in other crates, and know no bank.

// --- accounts
mod account_at_version; // an account that the caller may see, once the read side has reached a version
mod bank_account_entity; // the account's row
mod bank_account_projection; // events to rows
mod bank_account_repository; // the bank's queries of the read database
mod statement_line; // the statement's rows
// --- transfers
mod transfer_at_version; // a transfer that the caller may see, once the read side has reached a version
mod transfer_entity; // the transfer's row
mod transfer_legs; // a transfer and both of its legs, which are there together
mod transfer_projection; // events to rows
mod transfer_repository; // the queries of transfers

use projection::{Declared, Projections};

pub use account_at_version::account_at_version;
pub use bank_account_entity::BankAccountEntity;
pub use bank_account_projection::{BankAccountProjection, BankAccountProjectionError};
pub use bank_account_repository::{
    AccountFilter, AccountPosition, AccountsPage, BankAccountRepository, StatementFilter, StatementPage,
};
pub use statement_line::{LineTransfer, StatementLine, StatementLineKind, UnknownStatementLineKind};
pub use transfer_at_version::transfer_at_version;
pub use transfer_entity::TransferEntity;
pub use transfer_legs::TransferLegs;
pub use transfer_projection::{TransferProjection, TransferProjectionError};
pub use transfer_repository::{TransferFilter, TransferPosition, TransferRepository, TransfersPage};

/// The bank's projections. Every type of event that the bank stores is read by one of them.
pub const PROJECTIONS: Projections =
    Projections::new(&[&Declared::<BankAccountProjection>::NEW, &Declared::<TransferProjection>::NEW], &[])
        .with_joint_entries(&[&TransferLegs]);
