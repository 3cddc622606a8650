use aggregate_root::{DomainEvent, EventDecodeError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{AccountId, Currency, Money, Reference};

/// All events that can happen to a transfer. The accounts have events of their own about it, its legs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferEvent {
    /// The money was moved. This is the transfer's first event.
    TransferMade {
        /// The account that gave the money.
        from: TransferParty,
        /// The account that got the money.
        to: TransferParty,
        /// The amount, in the currency of both accounts.
        amount: Money,
        /// The purpose.
        reference: Option<Reference>,
    },
    /// The recipient gave the whole amount back.
    TransferReversed {
        /// The version of the first sender's account with its side of the reversal.
        from_version: u64,
        /// The version of the first recipient's account with its side of the reversal.
        to_version: u64,
        /// The reason.
        reason: Option<Reference>,
    },
}

/// One of the two accounts of a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferParty {
    /// The account.
    pub account_id: AccountId,
    /// The caller that owns the account, and so may see the transfer. An account never changes its owner.
    pub owner: String,
    /// The version of the account with its leg of the transfer. It is the place of the leg among the account's events.
    pub version: u64,
}

/// Version 1 of the stored form of `TransferMade`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TransferMadeV1 {
    from: AccountId,
    from_owner: String,
    from_version: u64,
    to: AccountId,
    to_owner: String,
    to_version: u64,
    amount_minor: i64,
    currency: Currency,
    reference: Option<Reference>,
}

/// Version 1 of the stored form of `TransferReversed`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TransferReversedV1 {
    from_version: u64,
    to_version: u64,
    reason: Option<Reference>,
}

impl DomainEvent for TransferEvent {
    fn event_type(&self) -> &'static str {
        match self {
            Self::TransferMade { .. } => "TransferMade",
            Self::TransferReversed { .. } => "TransferReversed",
        }
    }

    fn schema_version(&self) -> u32 {
        match self {
            Self::TransferMade { .. } | Self::TransferReversed { .. } => 1,
        }
    }

    fn to_data(&self) -> Value {
        let data = match self.clone() {
            Self::TransferMade { from, to, amount, reference } => serde_json::to_value(TransferMadeV1 {
                from: from.account_id,
                from_owner: from.owner,
                from_version: from.version,
                to: to.account_id,
                to_owner: to.owner,
                to_version: to.version,
                amount_minor: amount.amount_minor(),
                currency: amount.currency(),
                reference,
            }),
            Self::TransferReversed { from_version, to_version, reason } => {
                serde_json::to_value(TransferReversedV1 { from_version, to_version, reason })
            }
        };
        data.expect("texts and integers are plain JSON")
    }

    fn from_data(event_type: &str, schema_version: u32, data: &Value) -> Result<Self, EventDecodeError> {
        let malformed =
            |reason: String| EventDecodeError::Malformed { event_type: event_type.to_owned(), schema_version, reason };
        match (event_type, schema_version) {
            ("TransferMade", 1) => {
                let stored = TransferMadeV1::deserialize(data).map_err(|error| malformed(error.to_string()))?;
                let amount = Money::new(stored.amount_minor, stored.currency);
                Ok(Self::TransferMade {
                    from: TransferParty {
                        account_id: stored.from,
                        owner: stored.from_owner,
                        version: stored.from_version,
                    },
                    to: TransferParty { account_id: stored.to, owner: stored.to_owner, version: stored.to_version },
                    amount: amount.map_err(|error| malformed(error.to_string()))?,
                    reference: stored.reference,
                })
            }
            ("TransferReversed", 1) => {
                let TransferReversedV1 { from_version, to_version, reason } =
                    TransferReversedV1::deserialize(data).map_err(|error| malformed(error.to_string()))?;
                Ok(Self::TransferReversed { from_version, to_version, reason })
            }
            ("TransferMade" | "TransferReversed", _) => {
                Err(EventDecodeError::UnknownVersion { event_type: event_type.to_owned(), schema_version })
            }
            _ => Err(EventDecodeError::UnknownType { event_type: event_type.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_of_a_newer_build_or_in_another_form_is_not_guessed_at() {
        assert_eq!(
            TransferEvent::from_data("TransferBooked", 1, &json!({})),
            Err(EventDecodeError::UnknownType { event_type: "TransferBooked".to_owned() })
        );
        assert_eq!(
            TransferEvent::from_data("TransferReversed", 2, &json!({})),
            Err(EventDecodeError::UnknownVersion { event_type: "TransferReversed".to_owned(), schema_version: 2 })
        );
        for data in [json!({}), json!([]), json!({"from_version": -1, "to_version": 2, "reason": null})] {
            let result = TransferEvent::from_data("TransferReversed", 1, &data);
            assert!(matches!(result, Err(EventDecodeError::Malformed { .. })), "{data}: {result:?}");
        }
    }
}
