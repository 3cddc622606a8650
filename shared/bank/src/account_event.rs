use aggregate_root::{DomainEvent, EventDecodeError, upcast};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::upcasters::UPCASTERS;
use crate::{AccountKind, Currency, Holder, Money, Reference};

/// Everything that can happen to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountEvent {
    /// The account's first event, and its first statement line.
    AccountOpened {
        /// The caller that opened it, and so owns it.
        owner: String,
        /// Whose it is by name.
        holder: Holder,
        /// What kind of account.
        kind: AccountKind,
        /// What it holds from the start; may be nothing.
        opening_balance: Money,
    },
    /// Money came in.
    FundsDeposited {
        /// How much.
        amount: Money,
        /// What for.
        reference: Option<Reference>,
    },
    /// Money went out.
    FundsWithdrawn {
        /// How much.
        amount: Money,
        /// What for.
        reference: Option<Reference>,
    },
    /// The account's last event.
    AccountClosed {
        /// Why.
        reason: Option<Reference>,
    },
}

/// Version 1 of the stored form of `AccountOpened`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountOpenedV1 {
    owner: String,
    holder: Holder,
    kind: AccountKind,
    currency: Currency,
    opening_balance_minor: i64,
}

/// Version 1 of the stored form of `FundsDeposited` and `FundsWithdrawn`. The currency is the account's; it
/// stands in every event so that a consumer can read one by itself.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MovementV1 {
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

impl DomainEvent for AccountEvent {
    fn event_type(&self) -> &'static str {
        match self {
            Self::AccountOpened { .. } => "AccountOpened",
            Self::FundsDeposited { .. } => "FundsDeposited",
            Self::FundsWithdrawn { .. } => "FundsWithdrawn",
            Self::AccountClosed { .. } => "AccountClosed",
        }
    }

    fn schema_version(&self) -> u32 {
        1
    }

    fn to_data(&self) -> Value {
        let data = match self.clone() {
            Self::AccountOpened { owner, holder, kind, opening_balance } => serde_json::to_value(AccountOpenedV1 {
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
            Self::AccountClosed { reason } => serde_json::to_value(AccountClosedV1 { reason }),
        };
        data.expect("texts and integers are plain JSON")
    }

    fn from_data(event_type: &str, schema_version: u32, data: &Value) -> Result<Self, EventDecodeError> {
        let form = upcast(UPCASTERS, event_type, schema_version, data)?;
        let data = form.data.as_ref();
        // In the name of what is stored, which is what a person will look for.
        let malformed =
            |reason: String| EventDecodeError::Malformed { event_type: event_type.to_owned(), schema_version, reason };
        match (form.event_type.as_ref(), form.schema_version) {
            ("AccountOpened", 1) => {
                let stored: AccountOpenedV1 = read(data).map_err(malformed)?;
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
            ("AccountClosed", 1) => {
                let stored: AccountClosedV1 = read(data).map_err(malformed)?;
                Ok(Self::AccountClosed { reason: stored.reason })
            }
            ("AccountOpened" | "FundsDeposited" | "FundsWithdrawn" | "AccountClosed" | "FundsMoved", _) => {
                Err(EventDecodeError::UnknownVersion { event_type: event_type.to_owned(), schema_version })
            }
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
            // A member that only the next version has.
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
}
