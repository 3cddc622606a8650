//! The bank's domain. It is pure: no async, no database, no HTTP, no AWS.
//!
//! A command's fields are values that cannot be wrong in themselves ([`Money`], [`Holder`], ...). They are
//! parsed where text enters the system. [`AccountAggregate`] decides everything that only the account can
//! know. [`TransferAggregate`] decides on a transfer, together with the two accounts.

// --- values: parsed once, then always valid
mod account_id; // UUIDv7
mod amount; // a decimal text before its currency is known
mod currency; // ISO 4217, active codes
mod money; // i64 minor units and their currency
mod text; // holder, reference, reason
mod transfer_id; // UUIDv7
mod uuid_v7; // the form of both ids
// --- the account
mod account_aggregate; // decides, applies
mod account_error; // the reasons for its refusals
mod account_event; // its events and their stored form
mod upcasters; // from past stored forms to today's, one file for each changed event type
// --- the transfer
mod transfer_aggregate; // decides over the transfer and both accounts, applies
mod transfer_error; // the reasons for its refusals
mod transfer_event; // its events and their stored form
mod transfer_leg; // an account's side of a transfer, in the account's events
// --- both
pub mod commands; // the commands, one file each

pub use account_aggregate::{Account, AccountAggregate, AccountStatus, UnknownStatus};
pub use account_error::AccountError;
pub use account_event::AccountEvent;
pub use account_id::{AccountId, AccountIdError};
pub use amount::{Amount, AmountError};
pub use commands::{
    AccountCommand, Actor, CloseAccount, DepositFunds, EraseHolder, OpenAccount, ReverseTransfer, TransferFunds,
    WithdrawFunds,
};
pub use currency::{Currency, CurrencyError};
pub use money::{MAX_AMOUNT_MINOR, Money, MoneyError};
pub use text::{AccountKind, AccountKindError, Holder, HolderName, Reference, TextError};
pub use transfer_aggregate::{
    AccountAt, Transfer, TransferAggregate, TransferDecision, TransferStatus, UnknownTransferStatus,
};
pub use transfer_error::TransferError;
pub use transfer_event::{TransferEvent, TransferParty};
pub use transfer_id::{TransferId, TransferIdError};
pub use transfer_leg::TransferLeg;
