use bank::{Actor, ReverseTransfer, TransferId};
use bank_http_api::bank_value;
use http_api::{FieldErrors, Problem, text_if_present};
use serde::Deserialize;

/// The body, before its texts are parsed. A request may have no body.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReverseTransferRequest {
    #[serde(default, deserialize_with = "text_if_present")]
    reason: Option<String>,
}

impl ReverseTransferRequest {
    /// Parses every field, or names every wrong field.
    pub(crate) fn into_command(self, actor: Actor, transfer_id: TransferId) -> Result<ReverseTransfer, Problem> {
        let mut errors = FieldErrors::default();
        let reason = errors.optional("reason", self.reason.as_deref(), bank_value);
        match reason {
            Some(reason) => Ok(ReverseTransfer { actor, transfer_id, reason }),
            None => Err(errors.into_problem()),
        }
    }
}
