use crate::{AccountId, Actor};

/// A command that a caller gives to one account, which the caller must be able to see.
pub trait AccountCommand {
    /// Who gives the command.
    fn actor(&self) -> &Actor;

    /// The account that the command is for.
    fn account_id(&self) -> AccountId;
}
