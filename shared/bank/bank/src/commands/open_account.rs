use serde::Serialize;

use crate::{AccountAggregate, AccountError, AccountEvent, AccountId, AccountKind, Actor, Holder, Money};

/// Opens an account, which then belongs to the actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenAccount {
    /// The actor. It does not count when two requests are compared.
    #[serde(skip)]
    pub actor: Actor,
    /// The id of the new account.
    pub account_id: AccountId,
    /// The holder's name.
    pub holder: Holder,
    /// The kind of account.
    pub kind: AccountKind,
    /// The balance at the start. Its currency is the account's currency for ever.
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
