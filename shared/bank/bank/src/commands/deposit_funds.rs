use serde::Serialize;

use crate::{AccountAggregate, AccountCommand, AccountError, AccountEvent, AccountId, Actor, Amount, Reference};

/// Puts money into an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DepositFunds {
    /// The actor. It does not count when two requests are compared.
    #[serde(skip)]
    pub actor: Actor,
    /// The account that gets the money.
    pub account_id: AccountId,
    /// The amount, in the account's currency.
    pub amount: Amount,
    /// The purpose.
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
