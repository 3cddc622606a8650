use crate::{AccountId, Money, Reference, TransferId};

/// One account's side of a transfer or of its reversal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferLeg {
    /// The transfer that moved the money.
    pub transfer_id: TransferId,
    /// The other account of the transfer.
    pub counterparty: AccountId,
    /// The amount, in the currency of both accounts.
    pub amount: Money,
    /// The purpose of the transfer, or the reason for its reversal.
    pub reference: Option<Reference>,
}
