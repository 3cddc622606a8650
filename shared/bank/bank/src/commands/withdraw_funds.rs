use serde::Serialize;

use crate::{AccountAggregate, AccountCommand, AccountError, AccountEvent, AccountId, Actor, Amount, Reference};

/// Takes money out of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WithdrawFunds {
    /// The actor. It does not count when two requests are compared.
    #[serde(skip)]
    pub actor: Actor,
    /// The account that pays the money.
    pub account_id: AccountId,
    /// The amount, in the account's currency.
    pub amount: Amount,
    /// The purpose.
    pub reference: Option<Reference>,
}

impl AccountCommand for WithdrawFunds {
    fn actor(&self) -> &Actor {
        &self.actor
    }

    fn account_id(&self) -> AccountId {
        self.account_id
    }
}

impl AccountAggregate {
    /// Decides on [`WithdrawFunds`].
    ///
    /// # Errors
    /// [`AccountError`]: `NotFound`, `Closed`, `TooManyDecimals`, `AmountTooLarge`, `AmountNotPositive`,
    /// `InsufficientFunds`.
    pub fn withdraw_funds(&self, command: &WithdrawFunds) -> Result<Vec<AccountEvent>, AccountError> {
        let account = self.active_account_of(&command.actor)?;
        let amount = account.amount_to_move(command.amount)?;
        let balance = account.balance;
        balance.checked_sub(amount).map_err(|_| AccountError::InsufficientFunds { balance, amount })?;
        Ok(vec![AccountEvent::FundsWithdrawn { amount, reference: command.reference.clone() }])
    }
}
