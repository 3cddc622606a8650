//! The bank's domain. Pure: no async, no database, no HTTP, no AWS.
//!
//! A command's fields are values that cannot be wrong in themselves ([`Money`], [`Holder`], ...): they are
//! parsed where text enters the system. What only the account can know is decided by [`AccountAggregate`].

// --- values: parsed once, right ever after
mod account_id; // UUIDv7
mod amount; // a decimal text whose currency is not known yet
mod currency; // ISO 4217, active codes
mod money; // i64 minor units and their currency
mod text; // holder, reference, reason
// --- the account
mod account_aggregate; // decides, applies
mod account_error; // why it refuses
mod account_event; // what can happen to it, and the stored form
pub mod commands; // what can be asked of it, a file each
mod upcasters; // from past stored forms to today's, a file for each event type that has one

pub use account_aggregate::{Account, AccountAggregate, AccountStatus, UnknownStatus};
pub use account_error::AccountError;
pub use account_event::AccountEvent;
pub use account_id::{AccountId, AccountIdError};
pub use amount::{Amount, AmountError};
pub use commands::{AccountCommand, Actor, CloseAccount, DepositFunds, EraseHolder, OpenAccount, WithdrawFunds};
pub use currency::{Currency, CurrencyError};
pub use money::{MAX_AMOUNT_MINOR, Money, MoneyError};
pub use text::{AccountKind, AccountKindError, Holder, HolderName, Reference, TextError};
