//! What can be asked of an account, a file each: the command, and the method of
//! [`AccountAggregate`](crate::AccountAggregate) that decides on it.

mod account_command; // what all commands on a visible account name
mod actor; // who asks, and for whose accounts
mod close_account;
mod deposit_funds;
mod erase_holder;
mod open_account;
mod withdraw_funds;

pub use account_command::AccountCommand;
pub use actor::Actor;
pub use close_account::CloseAccount;
pub use deposit_funds::DepositFunds;
pub use erase_holder::EraseHolder;
pub use open_account::OpenAccount;
pub use withdraw_funds::WithdrawFunds;
