use serde::Serialize;

use crate::{AccountAggregate, AccountError, AccountEvent, AccountId, AccountKind, Actor, Holder, Money};

/// Opens an account, which then belongs to the actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenAccount {
    /// Who asks. Not part of what makes two requests the same.
    #[serde(skip)]
    pub actor: Actor,
    /// The id that the account will have.
    pub account_id: AccountId,
    /// Whose it is by name.
    pub holder: Holder,
    /// What kind of account.
    pub kind: AccountKind,
    /// What it holds from the start, and so its currency for ever.
    #[serde(serialize_with = "minor_and_currency")]
    pub opening_balance: Money,
}

impl AccountAggregate {
    /// Decides on [`OpenAccount`].
    ///
    /// # Errors
    /// [`AccountError::AlreadyOpen`].
    pub fn open_account(&self, command: &OpenAccount) -> Result<Vec<AccountEvent>, AccountError> {
        match self {
            Self::NotOpened => Ok(vec![AccountEvent::AccountOpened {
                owner: command.actor.caller.clone(),
                holder: command.holder.clone().into(),
                kind: command.kind,
                opening_balance: command.opening_balance,
            }]),
            Self::Opened(_) => Err(AccountError::AlreadyOpen),
        }
    }
}

fn minor_and_currency<S: serde::Serializer>(money: &Money, serializer: S) -> Result<S::Ok, S::Error> {
    (money.amount_minor(), money.currency()).serialize(serializer)
}
