use serde::Serialize;

use crate::{AccountAggregate, AccountCommand, AccountError, AccountEvent, AccountId, Actor, Reference};

/// Closes an empty account for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CloseAccount {
    /// Who asks. Not part of what makes two requests the same.
    #[serde(skip)]
    pub actor: Actor,
    /// Which account.
    pub account_id: AccountId,
    /// Why.
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
