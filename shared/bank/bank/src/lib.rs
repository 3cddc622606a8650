//! The bank's domain. It is pure: no async, no database, no HTTP, no AWS.
//!
//! A command's fields are values that cannot be wrong in themselves ([`Money`], [`Holder`], ...). They are
//! parsed where text enters the system. [`AccountAggregate`] decides everything that only the account can
//! know.

// --- values: parsed once, then always valid
mod account_id; // UUIDv7
mod amount; // a decimal text before its currency is known
mod currency; // ISO 4217, active codes
mod money; // i64 minor units and their currency
mod text; // holder, reference, reason
// --- the account
mod account_aggregate; // decides, applies
mod account_error; // the reasons for its refusals
mod account_event; // its events and their stored form
pub mod commands; // its commands, one file each
mod upcasters; // from past stored forms to today's, one file for each changed event type

pub use account_aggregate::{Account, AccountAggregate, AccountStatus, UnknownStatus};
pub use account_error::AccountError;
pub use account_event::AccountEvent;
pub use account_id::{AccountId, AccountIdError};
pub use amount::{Amount, AmountError};
pub use commands::{AccountCommand, Actor, CloseAccount, DepositFunds, EraseHolder, OpenAccount, WithdrawFunds};
pub use currency::{Currency, CurrencyError};
pub use money::{MAX_AMOUNT_MINOR, Money, MoneyError};
pub use text::{AccountKind, AccountKindError, Holder, HolderName, Reference, TextError};
