use bank::{Amount, Reference};
use http_api::{FieldErrors, Problem, text_if_present};
use serde::Deserialize;

use crate::field_values::{bank_value, positive_amount};

/// The body of a request that moves funds, before its texts are parsed. Deposits and withdrawals have the same body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FundsRequest {
    #[serde(default, deserialize_with = "text_if_present")]
    amount: Option<String>,
    #[serde(default, deserialize_with = "text_if_present")]
    reference: Option<String>,
}

/// The parsed body of a request that moves funds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Funds {
    /// The amount to move, in the account's currency.
    pub amount: Amount,
    /// The purpose of the movement.
    pub reference: Option<Reference>,
}

impl FundsRequest {
    /// Parses every field. Only the account knows how many decimals the amount may have.
    ///
    /// # Errors
    /// A [`Problem`] that names every wrong field.
    pub fn parse(self) -> Result<Funds, Problem> {
        let mut errors = FieldErrors::default();
        let amount = errors.required("amount", self.amount.as_deref(), positive_amount);
        let reference = errors.optional("reference", self.reference.as_deref(), bank_value);
        match (amount, reference) {
            (Some(amount), Some(reference)) => Ok(Funds { amount, reference }),
            _ => Err(errors.into_problem()),
        }
    }
}
