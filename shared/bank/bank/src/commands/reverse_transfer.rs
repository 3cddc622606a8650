use serde::Serialize;

use crate::{
    AccountAt, AccountError, AccountEvent, AccountStatus, Actor, Reference, Transfer, TransferAggregate,
    TransferDecision, TransferError, TransferEvent, TransferId, TransferLeg, TransferStatus,
};

/// Gives the whole amount of a transfer back, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReverseTransfer {
    /// The actor. It does not count when two requests are compared.
    #[serde(skip)]
    pub actor: Actor,
    /// The transfer to reverse.
    pub transfer_id: TransferId,
    /// The reason.
    pub reason: Option<Reference>,
}

impl TransferAggregate {
    /// The transfer, if this actor may reverse it: it may act for the recipient, who gives the money back.
    ///
    /// # Errors
    /// [`TransferError`]: `NotFound`, `NotTheRecipient`.
    pub fn reversible_by(&self, actor: &Actor) -> Result<&Transfer, TransferError> {
        let transfer = self.transfer_of(actor)?;
        if actor.may_act_for(&transfer.to_owner) { Ok(transfer) } else { Err(TransferError::NotTheRecipient) }
    }

    /// Decides on [`ReverseTransfer`], given both accounts of the transfer.
    ///
    /// # Errors
    /// [`TransferError`]: `NotFound`, `NotTheRecipient`, `AlreadyReversed`, `Account` with the recipient's refusal
    /// (`Closed`, `InsufficientFunds`), `SenderTakesNoMoney`.
    pub fn reverse_transfer(
        &self,
        command: &ReverseTransfer,
        from: AccountAt<'_>,
        to: AccountAt<'_>,
    ) -> Result<TransferDecision, TransferError> {
        let transfer = self.reversible_by(&command.actor)?;
        if transfer.status == TransferStatus::Reversed {
            return Err(TransferError::AlreadyReversed);
        }
        let amount = transfer.amount;
        let recipient = to.account.active_account_of(&command.actor)?;
        let sender = from
            .account
            .opened()
            .filter(|account| account.status == AccountStatus::Active)
            .ok_or(TransferError::SenderTakesNoMoney)?;
        let balance = recipient.balance;
        balance.checked_sub(amount).map_err(|_| AccountError::InsufficientFunds { balance, amount })?;
        sender.balance.checked_add(amount).map_err(|_| TransferError::SenderTakesNoMoney)?;
        let leg = |counterparty| TransferLeg {
            transfer_id: command.transfer_id,
            counterparty,
            amount,
            reference: command.reason.clone(),
        };
        Ok(TransferDecision {
            transfer: TransferEvent::TransferReversed {
                from_version: from.version + 1,
                to_version: to.version + 1,
                reason: command.reason.clone(),
            },
            sender: AccountEvent::ReversalReceived(leg(transfer.to)),
            recipient: AccountEvent::ReversalSent(leg(transfer.from)),
        })
    }
}
