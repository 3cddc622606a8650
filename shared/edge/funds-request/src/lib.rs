//! The body of a request that moves funds: an amount and a reference. `deposit-funds` and `withdraw-funds` take the same body
//! and make different commands of it.

use bank::{Amount, Reference};
use http_api::{FieldErrors, Problem, text_if_present};
use serde::Deserialize;

/// The body, before its texts are parsed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FundsRequest {
    #[serde(default, deserialize_with = "text_if_present")]
    amount: Option<String>,
    #[serde(default, deserialize_with = "text_if_present")]
    reference: Option<String>,
}

/// The body, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Funds {
    /// How much to move, in the account's currency.
    pub amount: Amount,
    /// What the movement is for.
    pub reference: Option<Reference>,
}

impl FundsRequest {
    /// Parses every field. Only the account knows how many decimals the amount may have.
    ///
    /// # Errors
    /// A [`Problem`] that names every field that is wrong.
    pub fn parse(self) -> Result<Funds, Problem> {
        let mut errors = FieldErrors::default();
        let amount = errors.required("amount", self.amount.as_deref(), str::parse);
        let amount = errors.positive("amount", amount);
        let reference = errors.optional("reference", self.reference.as_deref(), str::parse);
        match (amount, reference) {
            (Some(amount), Some(reference)) => Ok(Funds { amount, reference }),
            _ => Err(errors.into_problem()),
        }
    }
}
