use serde::Serialize;

use crate::{AccountAggregate, AccountCommand, AccountError, AccountEvent, AccountId, Actor, Reference};

/// Closes an empty account for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CloseAccount {
    /// The actor. It does not count when two requests are compared.
    #[serde(skip)]
    pub actor: Actor,
    /// The account to close.
    pub account_id: AccountId,
    /// The reason.
    pub reason: Option<Reference>,
}

impl AccountCommand for CloseAccount {
    fn actor(&self) -> &Actor {
        &self.actor
    }

    fn account_id(&self) -> AccountId {
        self.account_id
    }
}

impl AccountAggregate {
    /// Decides on [`CloseAccount`].
    ///
    /// # Errors
    /// [`AccountError`]: `NotFound`, `Closed`, `BalanceNotZero`.
    pub fn close_account(&self, command: &CloseAccount) -> Result<Vec<AccountEvent>, AccountError> {
        let balance = self.active_account_of(&command.actor)?.balance;
        if balance.is_zero() {
            Ok(vec![AccountEvent::AccountClosed { reason: command.reason.clone() }])
        } else {
            Err(AccountError::BalanceNotZero { balance })
        }
    }
}
