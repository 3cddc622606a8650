use bank::{AccountId, Actor, WithdrawFunds};
use bank_http_api::{bank_value, positive_amount};
use http_api::{FieldErrors, Problem, text_if_present};
use serde::Deserialize;

/// The body, before its texts are parsed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WithdrawFundsRequest {
    #[serde(default, deserialize_with = "text_if_present")]
    amount: Option<String>,
    #[serde(default, deserialize_with = "text_if_present")]
    reference: Option<String>,
}

impl WithdrawFundsRequest {
    /// Parses every field, or names all that are wrong. How many decimals the amount may have, only the
    /// account knows.
    pub(crate) fn into_command(self, actor: Actor, account_id: AccountId) -> Result<WithdrawFunds, Problem> {
        let mut errors = FieldErrors::default();
        let amount = errors.required("amount", self.amount.as_deref(), positive_amount);
        let reference = errors.optional("reference", self.reference.as_deref(), bank_value);
        match (amount, reference) {
            (Some(amount), Some(reference)) => Ok(WithdrawFunds { actor, account_id, amount, reference }),
            _ => Err(errors.into_problem()),
        }
    }
}
