use crate::AccountError;

/// The reason why a transfer, or its reversal, is refused. A refusal is final for the present state of the transfer and
/// of both accounts. None of the three has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// The account that would give the money refuses. The actor may act for this account.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// Both sides name one account.
    #[error("the sender and the recipient are one account")]
    SameAccount,
    /// The recipient cannot take the money. There is no such account, it is closed, or its balance would pass the
    /// limit. The three cases are not told apart: another caller's account is nobody else's business.
    #[error("there is no such recipient")]
    RecipientNotFound,
    /// The two accounts have different currencies.
    #[error("the two accounts have different currencies")]
    CurrencyMismatch,
    /// The transfer exists already. This happens only if an id is used twice.
    #[error("the transfer has been made already")]
    AlreadyMade,
    /// There is no such transfer, or the actor may act for neither of its accounts. The two cases are not told apart.
    #[error("there is no such transfer")]
    NotFound,
    /// The actor may see the transfer. But only the recipient's owner or a teller may give the money back.
    #[error("only the recipient may reverse a transfer")]
    NotTheRecipient,
    /// The transfer has been reversed before.
    #[error("the transfer has been reversed already")]
    AlreadyReversed,
    /// The sender's account cannot take the money back. It is closed, or its balance would pass the limit. The two
    /// cases are not told apart: its balance is not the recipient's business.
    #[error("the sender's account takes no money")]
    SenderTakesNoMoney,
}
