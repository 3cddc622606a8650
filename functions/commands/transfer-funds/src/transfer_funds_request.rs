use bank::{AccountId, Actor, TransferFunds, TransferId};
use bank_http_api::{account_not_found, bank_value, positive_amount, recipient_not_found};
use http_api::{FieldErrors, Problem, text_if_present};
use serde::Deserialize;

/// The body, before its texts are parsed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransferFundsRequest {
    #[serde(default, deserialize_with = "text_if_present")]
    from: Option<String>,
    #[serde(default, deserialize_with = "text_if_present")]
    to: Option<String>,
    #[serde(default, deserialize_with = "text_if_present")]
    amount: Option<String>,
    #[serde(default, deserialize_with = "text_if_present")]
    reference: Option<String>,
}

impl TransferFundsRequest {
    /// Parses every field, or names every wrong field. Only the accounts know how many decimals the amount may have.
    ///
    /// A text that is not an account id is not a wrong field: no account has such an id, as in a path.
    pub(crate) fn into_command(self, actor: Actor, transfer_id: TransferId) -> Result<TransferFunds, Problem> {
        let mut errors = FieldErrors::default();
        let from = errors.required("from", self.from.as_deref(), |text| Ok(text.parse::<AccountId>().ok()));
        let to = errors.required("to", self.to.as_deref(), |text| Ok(text.parse::<AccountId>().ok()));
        let amount = errors.required("amount", self.amount.as_deref(), positive_amount);
        let reference = errors.optional("reference", self.reference.as_deref(), bank_value);
        match (from, to, amount, reference) {
            (Some(from), Some(to), Some(amount), Some(reference)) => Ok(TransferFunds {
                actor,
                transfer_id,
                from: from.ok_or_else(account_not_found)?,
                to: to.ok_or_else(recipient_not_found)?,
                amount,
                reference,
            }),
            _ => Err(errors.into_problem()),
        }
    }
}
