use aggregate_root::{DomainEvent, EventDecodeError, upcast};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::upcasters::UPCASTERS;
use crate::{AccountId, AccountKind, Currency, HolderName, Money, Reference, TransferId, TransferLeg};

/// All events that can happen to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountEvent {
    /// The account was opened. This is its first event and its first statement line.
    AccountOpened {
        /// The caller that opened the account, and so owns it.
        owner: String,
        /// The holder's name. It is personal data: stored encrypted, and erased for good with its key.
        holder: HolderName,
        /// The kind of account.
        kind: AccountKind,
        /// The balance at the start, which may be zero.
        opening_balance: Money,
    },
    /// Money came in.
    FundsDeposited {
        /// The amount.
        amount: Money,
        /// The purpose.
        reference: Option<Reference>,
    },
    /// Money went out.
    FundsWithdrawn {
        /// The amount.
        amount: Money,
        /// The purpose.
        reference: Option<Reference>,
    },
    /// Money went to another account.
    TransferSent(TransferLeg),
    /// Money came from another account.
    TransferReceived(TransferLeg),
    /// The account, which had received a transfer, gave the money back.
    ReversalSent(TransferLeg),
    /// The account, which had sent a transfer, got the money back.
    ReversalReceived(TransferLeg),
    /// The account was closed. The only command that it still takes is the erasure of the holder's name.
    AccountClosed {
        /// The reason.
        reason: Option<Reference>,
    },
    /// The holder's name was erased. Nobody can read it any more, even if `AccountOpened` still has it.
    AccountHolderErased,
}

/// Version 2 of the stored form of `AccountOpened`. The holder is personal data, and null once it is erased.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountOpenedV2 {
    owner: String,
    // An erased holder is null, and never left out. Data without a holder was not written by this program.
    #[serde(deserialize_with = "HolderName::deserialize")]
    holder: HolderName,
    kind: AccountKind,
    currency: Currency,
    opening_balance_minor: i64,
}

/// Version 1 of the stored form of `FundsDeposited` and `FundsWithdrawn`. The currency is the account's. Every event
/// has it, so that a consumer can read an event alone.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MovementV1 {
    amount_minor: i64,
    currency: Currency,
    reference: Option<Reference>,
}

/// Version 1 of the stored form of `TransferSent`, `TransferReceived`, `ReversalSent` and `ReversalReceived`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TransferLegV1 {
    transfer_id: TransferId,
    counterparty: AccountId,
    amount_minor: i64,
    currency: Currency,
    reference: Option<Reference>,
}

/// Version 1 of the stored form of `AccountClosed`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountClosedV1 {
    reason: Option<Reference>,
}

/// Version 1 of the stored form of `AccountHolderErased`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountHolderErasedV1 {}

impl DomainEvent for AccountEvent {
    fn event_type(&self) -> &'static str {
        match self {
            Self::AccountOpened { .. } => "AccountOpened",
            Self::FundsDeposited { .. } => "FundsDeposited",
            Self::FundsWithdrawn { .. } => "FundsWithdrawn",
            Self::TransferSent(_) => "TransferSent",
            Self::TransferReceived(_) => "TransferReceived",
            Self::ReversalSent(_) => "ReversalSent",
            Self::ReversalReceived(_) => "ReversalReceived",
            Self::AccountClosed { .. } => "AccountClosed",
            Self::AccountHolderErased => "AccountHolderErased",
        }
    }

    fn schema_version(&self) -> u32 {
        match self {
            Self::AccountOpened { .. } => 2,
            Self::FundsDeposited { .. }
            | Self::FundsWithdrawn { .. }
            | Self::TransferSent(_)
            | Self::TransferReceived(_)
            | Self::ReversalSent(_)
            | Self::ReversalReceived(_)
            | Self::AccountClosed { .. }
            | Self::AccountHolderErased => 1,
        }
    }

    fn personal_members(&self) -> &'static [&'static str] {
        match self {
            Self::AccountOpened { .. } => &["holder"],
            Self::FundsDeposited { .. }
            | Self::FundsWithdrawn { .. }
            | Self::TransferSent(_)
            | Self::TransferReceived(_)
            | Self::ReversalSent(_)
            | Self::ReversalReceived(_)
            | Self::AccountClosed { .. }
            | Self::AccountHolderErased => &[],
        }
    }

    fn to_data(&self) -> Value {
        let data = match self.clone() {
            Self::AccountOpened { owner, holder, kind, opening_balance } => serde_json::to_value(AccountOpenedV2 {
                owner,
                holder,
                kind,
                currency: opening_balance.currency(),
                opening_balance_minor: opening_balance.amount_minor(),
            }),
            Self::FundsDeposited { amount, reference } | Self::FundsWithdrawn { amount, reference } => {
                serde_json::to_value(MovementV1 {
                    amount_minor: amount.amount_minor(),
                    currency: amount.currency(),
                    reference,
                })
            }
            Self::TransferSent(leg)
            | Self::TransferReceived(leg)
            | Self::ReversalSent(leg)
            | Self::ReversalReceived(leg) => serde_json::to_value(TransferLegV1 {
                transfer_id: leg.transfer_id,
                counterparty: leg.counterparty,
                amount_minor: leg.amount.amount_minor(),
                currency: leg.amount.currency(),
                reference: leg.reference,
            }),
            Self::AccountClosed { reason } => serde_json::to_value(AccountClosedV1 { reason }),
            Self::AccountHolderErased => serde_json::to_value(AccountHolderErasedV1 {}),
        };
        data.expect("texts and integers are plain JSON")
    }

    fn from_data(event_type: &str, schema_version: u32, data: &Value) -> Result<Self, EventDecodeError> {
        let form = upcast(UPCASTERS, event_type, schema_version, data)?;
        let data = form.data.as_ref();
        // The error names the stored form, because a person will search for that form.
        let malformed =
            |reason: String| EventDecodeError::Malformed { event_type: event_type.to_owned(), schema_version, reason };
        match (form.event_type.as_ref(), form.schema_version) {
            ("AccountOpened", 2) => {
                let stored: AccountOpenedV2 = read(data).map_err(malformed)?;
                let opening_balance = money(stored.opening_balance_minor, stored.currency).map_err(malformed)?;
                Ok(Self::AccountOpened {
                    owner: stored.owner,
                    holder: stored.holder,
                    kind: stored.kind,
                    opening_balance,
                })
            }
            ("FundsDeposited", 1) => {
                let stored: MovementV1 = read(data).map_err(malformed)?;
                let amount = money(stored.amount_minor, stored.currency).map_err(malformed)?;
                Ok(Self::FundsDeposited { amount, reference: stored.reference })
            }
            ("FundsWithdrawn", 1) => {
                let stored: MovementV1 = read(data).map_err(malformed)?;
                let amount = money(stored.amount_minor, stored.currency).map_err(malformed)?;
                Ok(Self::FundsWithdrawn { amount, reference: stored.reference })
            }
            ("TransferSent", 1) => leg(data).map(Self::TransferSent).map_err(malformed),
            ("TransferReceived", 1) => leg(data).map(Self::TransferReceived).map_err(malformed),
            ("ReversalSent", 1) => leg(data).map(Self::ReversalSent).map_err(malformed),
            ("ReversalReceived", 1) => leg(data).map(Self::ReversalReceived).map_err(malformed),
            ("AccountClosed", 1) => {
                let stored: AccountClosedV1 = read(data).map_err(malformed)?;
                Ok(Self::AccountClosed { reason: stored.reason })
            }
            ("AccountHolderErased", 1) => {
                let AccountHolderErasedV1 {} = read(data).map_err(malformed)?;
                Ok(Self::AccountHolderErased)
            }
            (
                "AccountOpened"
                | "FundsDeposited"
                | "FundsWithdrawn"
                | "TransferSent"
                | "TransferReceived"
                | "ReversalSent"
                | "ReversalReceived"
                | "AccountClosed"
                | "AccountHolderErased"
                | "FundsMoved",
                _,
            ) => Err(EventDecodeError::UnknownVersion { event_type: event_type.to_owned(), schema_version }),
            _ => Err(EventDecodeError::UnknownType { event_type: event_type.to_owned() }),
        }
    }
}

fn read<T: for<'de> Deserialize<'de>>(data: &Value) -> Result<T, String> {
    T::deserialize(data).map_err(|error| error.to_string())
}

fn money(amount_minor: i64, currency: Currency) -> Result<Money, String> {
    Money::new(amount_minor, currency).map_err(|error| error.to_string())
}

fn leg(data: &Value) -> Result<TransferLeg, String> {
    let TransferLegV1 { transfer_id, counterparty, amount_minor, currency, reference } = read(data)?;
    Ok(TransferLeg { transfer_id, counterparty, amount: money(amount_minor, currency)?, reference })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_of_a_newer_build_or_in_another_form_is_not_guessed_at() {
        assert_eq!(
            AccountEvent::from_data("AccountFrozen", 1, &json!({})),
            Err(EventDecodeError::UnknownType { event_type: "AccountFrozen".to_owned() })
        );
        assert_eq!(
            AccountEvent::from_data("AccountClosed", 2, &json!({"reason": null})),
            Err(EventDecodeError::UnknownVersion { event_type: "AccountClosed".to_owned(), schema_version: 2 })
        );
        for data in [
            json!({}),
            json!([]),
            json!({"amount_minor": 1.5, "currency": "EUR", "reference": null}),
            json!({"amount_minor": -1, "currency": "EUR", "reference": null}),
            json!({"amount_minor": 1, "currency": "EURO", "reference": null}),
            json!({"amount_minor": 1, "currency": "EUR", "reference": null, "more": 1}),
        ] {
            let result = AccountEvent::from_data("FundsDeposited", 1, &data);
            assert!(matches!(result, Err(EventDecodeError::Malformed { .. })), "{data}: {result:?}");
        }
    }

    #[test]
    fn a_past_form_that_does_not_fit_is_damaged_in_its_own_name() {
        for (schema_version, data) in [
            (1, json!({"amount_minor": 0, "currency": "EUR"})),
            (1, json!({"amount_minor": 1.5, "currency": "EUR"})),
            (1, json!({"amount_minor": 1, "currency": "EURO"})),
            (1, json!({"amount_minor": i64::MIN, "currency": "EUR"})),
            // This data has a member that only the next version has.
            (1, json!({"amount_minor": 1, "currency": "EUR", "reference": null})),
            (2, json!({"amount_minor": 1, "currency": "EUR", "reference": "a\nb"})),
            (2, json!([])),
        ] {
            let result = AccountEvent::from_data("FundsMoved", schema_version, &data);
            assert!(
                matches!(&result, Err(EventDecodeError::Malformed { event_type, schema_version: version, .. })
                    if event_type == "FundsMoved" && *version == schema_version),
                "{data}: {result:?}"
            );
        }
    }

    #[test]
    fn an_account_that_was_opened_before_names_were_sealed_has_a_name_in_its_log() {
        let data =
            json!({"owner": "ann", "holder": null, "kind": "savings", "currency": "EUR", "opening_balance_minor": 1});
        let result = AccountEvent::from_data("AccountOpened", 1, &data);
        assert!(matches!(result, Err(EventDecodeError::Malformed { schema_version: 1, .. })), "{result:?}");
        assert!(AccountEvent::from_data("AccountOpened", 2, &data).is_ok());
        let mut without_holder = data;
        without_holder.as_object_mut().expect("an object").remove("holder");
        let result = AccountEvent::from_data("AccountOpened", 2, &without_holder);
        assert!(matches!(result, Err(EventDecodeError::Malformed { schema_version: 2, .. })), "{result:?}");
    }
}
