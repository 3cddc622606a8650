//! `AccountOpened`, whose holder became personal data.

use aggregate_root::StoredForm;
use serde::Deserialize;
use serde_json::Value;

/// Of version 1, what changed after it: there was always a holder, in clear.
#[derive(Deserialize)]
struct AccountOpenedV1 {
    #[serde(rename = "holder")]
    _holder: String,
}

/// In version 2 the holder is stored encrypted, and is null once it has been erased. What was stored before keeps its name.
pub(super) fn v1_to_v2(data: &Value) -> Result<StoredForm<'static>, String> {
    let AccountOpenedV1 { .. } = AccountOpenedV1::deserialize(data).map_err(|error| error.to_string())?;
    Ok(StoredForm::made("AccountOpened", 2, data.clone()))
}
