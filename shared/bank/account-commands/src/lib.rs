//! The one way in which callers' commands reach their accounts and transfers. It holds the rule that a stranger does not
//! learn of an account or a transfer: not even its version.

mod visible_accounts; // commands on one account
mod visible_transfers; // commands on a transfer and both of its accounts

pub use visible_accounts::VisibleAccounts;
pub use visible_transfers::{TransferOutcome, VisibleTransfers};
