use bank::{AccountId, Actor, Amount, OpenAccount};
use bank_http_api::{bank_value, wrong_value};
use http_api::{FieldErrors, Problem, text_if_present};
use serde::Deserialize;

/// The body, before its texts are parsed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenAccountRequest {
    #[serde(default, deserialize_with = "text_if_present")]
    holder: Option<String>,
    #[serde(default, deserialize_with = "text_if_present")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "text_if_present")]
    currency: Option<String>,
    #[serde(default, deserialize_with = "text_if_present")]
    opening_balance: Option<String>,
}

impl OpenAccountRequest {
    /// Parses every field, or names every wrong field.
    pub(crate) fn into_command(self, actor: Actor, account_id: AccountId) -> Result<OpenAccount, Problem> {
        let mut errors = FieldErrors::default();
        let holder = errors.required("holder", self.holder.as_deref(), bank_value);
        let kind = errors.required("kind", self.kind.as_deref(), bank_value);
        let currency = errors.required("currency", self.currency.as_deref(), bank_value);
        let amount: Option<Amount> = errors.required("opening_balance", self.opening_balance.as_deref(), bank_value);
        // The number of decimals is known only when the currency is known.
        let opening_balance = amount.zip(currency).and_then(|(amount, currency)| {
            errors.note("opening_balance", amount.in_currency(currency).map_err(wrong_value))
        });
        match (holder, kind, opening_balance) {
            (Some(holder), Some(kind), Some(opening_balance)) => {
                Ok(OpenAccount { actor, account_id, holder, kind, opening_balance })
            }
            _ => Err(errors.into_problem()),
        }
    }
}
