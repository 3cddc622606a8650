//! `AccountOpened`, whose holder became personal data in version 2.

use aggregate_root::StoredForm;
use serde::Deserialize;
use serde_json::Value;

/// The part of version 1 that version 2 changes: there was always a holder, in clear text.
#[derive(Deserialize)]
struct AccountOpenedV1 {
    #[serde(rename = "holder")]
    _holder: String,
}

/// In version 2 the holder is stored encrypted, and is null once it has been erased. Events of version 1 keep their names.
pub(super) fn v1_to_v2(data: &Value) -> Result<StoredForm<'static>, String> {
    let AccountOpenedV1 { .. } = AccountOpenedV1::deserialize(data).map_err(|error| error.to_string())?;
    Ok(StoredForm::made("AccountOpened", 2, data.clone()))
}
