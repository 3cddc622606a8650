use serde::Serialize;

use crate::{AccountAggregate, AccountCommand, AccountError, AccountEvent, AccountId, Actor, Amount, Reference};

/// Puts money into an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DepositFunds {
    /// Who asks. Not part of what makes two requests the same.
    #[serde(skip)]
    pub actor: Actor,
    /// Into which account.
    pub account_id: AccountId,
    /// How much, in the account's currency.
    pub amount: Amount,
    /// What for.
    pub reference: Option<Reference>,
}

impl AccountCommand for DepositFunds {
    fn actor(&self) -> &Actor {
        &self.actor
    }

    fn account_id(&self) -> AccountId {
        self.account_id
    }
}

impl AccountAggregate {
    /// Decides on [`DepositFunds`].
    ///
    /// # Errors
    /// [`AccountError`]: `NotFound`, `Closed`, `TooManyDecimals`, `AmountTooLarge`, `AmountNotPositive`,
    /// `BalanceLimitExceeded`.
    pub fn deposit_funds(&self, command: &DepositFunds) -> Result<Vec<AccountEvent>, AccountError> {
        let account = self.active_account_of(&command.actor)?;
        let amount = account.amount_to_move(command.amount)?;
        account.balance.checked_add(amount).map_err(|_| AccountError::BalanceLimitExceeded)?;
        Ok(vec![AccountEvent::FundsDeposited { amount, reference: command.reference.clone() }])
    }
}
