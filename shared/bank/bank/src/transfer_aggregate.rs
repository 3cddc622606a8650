use aggregate_root::AggregateRoot;
use serde::{Deserialize, Serialize};

use crate::{
    AccountAggregate, AccountEvent, AccountId, Actor, Currency, Money, MoneyError, TransferError, TransferEvent,
};

/// A transfer of money between two accounts, reduced to the data that decisions need. The command methods are in
/// [`commands`](crate::commands), one file each.
///
/// A transfer and both accounts decide together, and their events are stored together. So there is no time at which the
/// money is on its way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferAggregate {
    /// No event has happened yet.
    #[default]
    NotMade,
    /// The transfer has been made, and may have been reversed since.
    Made(Transfer),
}

/// The data that decisions on a transfer depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredTransfer", into = "StoredTransfer")]
pub struct Transfer {
    /// The account that gave the money.
    pub from: AccountId,
    /// The caller that owns the sender's account.
    pub from_owner: String,
    /// The version of the sender's account with its newest leg: that of the transfer, or that of its reversal.
    pub from_version: u64,
    /// The account that got the money.
    pub to: AccountId,
    /// The caller that owns the recipient's account.
    pub to_owner: String,
    /// The version of the recipient's account with its newest leg.
    pub to_version: u64,
    /// The amount.
    pub amount: Money,
    /// Whether the money has been given back.
    pub status: TransferStatus,
}

/// Whether the money of a transfer has been given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransferStatus {
    /// The recipient got the money.
    Completed,
    /// The recipient got the money, and has given it back.
    Reversed,
}

impl TransferStatus {
    /// The name in the HTTP contract and in the databases.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Reversed => "reversed",
        }
    }
}

impl std::str::FromStr for TransferStatus {
    type Err = UnknownTransferStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "completed" => Ok(Self::Completed),
            "reversed" => Ok(Self::Reversed),
            _ => Err(UnknownTransferStatus),
        }
    }
}

/// The text names no status of a transfer. Handling: the client's mistake if a client wrote it; otherwise the data is
/// damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be \"completed\" or \"reversed\"")]
pub struct UnknownTransferStatus;

/// An account at a version, as a decision over several accounts finds it.
#[derive(Debug, Clone, Copy)]
pub struct AccountAt<'a> {
    /// The account; the default where it does not exist.
    pub account: &'a AccountAggregate,
    /// The version: the number of the account's events.
    pub version: u64,
}

/// The events of a decision on a transfer: one for the transfer and one for each account. All of them happen, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferDecision {
    /// The event of the transfer.
    pub transfer: TransferEvent,
    /// The event of the account that the transfer's money came from.
    pub sender: AccountEvent,
    /// The event of the account that the transfer's money went to.
    pub recipient: AccountEvent,
}

/// The stored form of [`Transfer`].
#[derive(Clone, Serialize, Deserialize)]
struct StoredTransfer {
    from: AccountId,
    from_owner: String,
    from_version: u64,
    to: AccountId,
    to_owner: String,
    to_version: u64,
    currency: Currency,
    amount_minor: i64,
    status: TransferStatus,
}

impl From<Transfer> for StoredTransfer {
    fn from(transfer: Transfer) -> Self {
        let Transfer { from, from_owner, from_version, to, to_owner, to_version, amount, status } = transfer;
        let (currency, amount_minor) = (amount.currency(), amount.amount_minor());
        Self { from, from_owner, from_version, to, to_owner, to_version, currency, amount_minor, status }
    }
}

impl TryFrom<StoredTransfer> for Transfer {
    type Error = MoneyError;

    fn try_from(stored: StoredTransfer) -> Result<Self, MoneyError> {
        let amount = Money::new(stored.amount_minor, stored.currency)?;
        let StoredTransfer { from, from_owner, from_version, to, to_owner, to_version, status, .. } = stored;
        Ok(Self { from, from_owner, from_version, to, to_owner, to_version, amount, status })
    }
}

impl AggregateRoot for TransferAggregate {
    const AGGREGATE_TYPE: &'static str = "transfer";
    const STATE_VERSION: u32 = 1;
    type Event = TransferEvent;
    type Error = TransferError;

    fn apply(&mut self, event: &TransferEvent) {
        match (self, event) {
            (state @ Self::NotMade, TransferEvent::TransferMade { from, to, amount, .. }) => {
                *state = Self::Made(Transfer {
                    from: from.account_id,
                    from_owner: from.owner.clone(),
                    from_version: from.version,
                    to: to.account_id,
                    to_owner: to.owner.clone(),
                    to_version: to.version,
                    amount: *amount,
                    status: TransferStatus::Completed,
                });
            }
            (Self::Made(transfer), TransferEvent::TransferReversed { from_version, to_version, .. }) => {
                transfer.from_version = *from_version;
                transfer.to_version = *to_version;
                transfer.status = TransferStatus::Reversed;
            }
            // No command method raises these events. If a store holds them, another program wrote them.
            (Self::Made(_), TransferEvent::TransferMade { .. }) => debug_assert!(false, "made twice"),
            (Self::NotMade, event) => debug_assert!(false, "{event:?} before the transfer was made"),
        }
    }
}

impl TransferAggregate {
    /// The transfer, if it has been made.
    #[must_use]
    pub const fn made(&self) -> Option<&Transfer> {
        match self {
            Self::NotMade => None,
            Self::Made(transfer) => Some(transfer),
        }
    }

    /// The transfer, if it has been made and this actor may know of it: it may act for one of the accounts.
    ///
    /// # Errors
    /// [`TransferError::NotFound`] in both cases.
    pub fn transfer_of(&self, actor: &Actor) -> Result<&Transfer, TransferError> {
        self.made()
            .filter(|transfer| actor.may_act_for(&transfer.from_owner) || actor.may_act_for(&transfer.to_owner))
            .ok_or(TransferError::NotFound)
    }
}
