//! The commands of accounts and of transfers, one file each. A file has the command, and the method of
//! [`AccountAggregate`](crate::AccountAggregate) or [`TransferAggregate`](crate::TransferAggregate) that decides on it.

mod account_command; // the account and the caller that a command names
mod actor; // the caller, and the accounts that it may use
mod close_account;
mod deposit_funds;
mod erase_holder;
mod open_account;
mod reverse_transfer;
mod transfer_funds;
mod withdraw_funds;

pub use account_command::AccountCommand;
pub use actor::Actor;
pub use close_account::CloseAccount;
pub use deposit_funds::DepositFunds;
pub use erase_holder::EraseHolder;
pub use open_account::OpenAccount;
pub use reverse_transfer::ReverseTransfer;
pub use transfer_funds::TransferFunds;
pub use withdraw_funds::WithdrawFunds;
