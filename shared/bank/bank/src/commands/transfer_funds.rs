use serde::Serialize;

use crate::{
    AccountAt, AccountError, AccountEvent, AccountId, AccountStatus, Actor, Amount, Reference, TransferAggregate,
    TransferDecision, TransferError, TransferEvent, TransferId, TransferLeg, TransferParty,
};

/// Moves money from one account to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TransferFunds {
    /// The actor. It does not count when two requests are compared.
    #[serde(skip)]
    pub actor: Actor,
    /// The id of the new transfer.
    pub transfer_id: TransferId,
    /// The account that gives the money. The actor must be able to act for it.
    pub from: AccountId,
    /// The account that gets the money. It may be anybody's.
    pub to: AccountId,
    /// The amount, in the currency of both accounts.
    pub amount: Amount,
    /// The purpose.
    pub reference: Option<Reference>,
}

impl TransferAggregate {
    /// Decides on [`TransferFunds`], given both accounts. The sender's rules come first: a caller learns nothing of a
    /// recipient by an account that is not its own.
    ///
    /// # Errors
    /// [`TransferError`]: `Account` with the sender's refusal (`NotFound`, `Closed`, `TooManyDecimals`,
    /// `AmountTooLarge`, `AmountNotPositive`, `InsufficientFunds`), `SameAccount`, `AlreadyMade`, `RecipientNotFound`,
    /// `CurrencyMismatch`.
    pub fn transfer_funds(
        &self,
        command: &TransferFunds,
        from: AccountAt<'_>,
        to: AccountAt<'_>,
    ) -> Result<TransferDecision, TransferError> {
        from.account.account_of(&command.actor)?;
        if command.from == command.to {
            return Err(TransferError::SameAccount);
        }
        if self.made().is_some() {
            return Err(TransferError::AlreadyMade);
        }
        let sender = from.account.active_account_of(&command.actor)?;
        let amount = sender.amount_to_move(command.amount)?;
        let recipient = to
            .account
            .opened()
            .filter(|account| account.status == AccountStatus::Active)
            .ok_or(TransferError::RecipientNotFound)?;
        if recipient.balance.currency() != amount.currency() {
            return Err(TransferError::CurrencyMismatch);
        }
        let balance = sender.balance;
        balance.checked_sub(amount).map_err(|_| AccountError::InsufficientFunds { balance, amount })?;
        recipient.balance.checked_add(amount).map_err(|_| TransferError::RecipientNotFound)?;
        let party = |account_id, owner: &str, version| TransferParty { account_id, owner: owner.to_owned(), version };
        let leg = |counterparty| TransferLeg {
            transfer_id: command.transfer_id,
            counterparty,
            amount,
            reference: command.reference.clone(),
        };
        Ok(TransferDecision {
            transfer: TransferEvent::TransferMade {
                from: party(command.from, &sender.owner, from.version + 1),
                to: party(command.to, &recipient.owner, to.version + 1),
                amount,
                reference: command.reference.clone(),
            },
            sender: AccountEvent::TransferSent(leg(command.to)),
            recipient: AccountEvent::TransferReceived(leg(command.from)),
        })
    }
}
