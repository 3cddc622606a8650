//! `FundsMoved`, one event for incoming and outgoing money. The sign of its amount tells the two apart.
//!
//! No build in this repository's history has ever written it. It is the first draft of the design. It is kept as the
//! worked example of the two most frequent changes: a member that is added with a default, and an event that is
//! split.

use aggregate_root::StoredForm;
use serde::Deserialize;
use serde_json::{Value, json};

/// Version 1. Positive amounts came in; negative amounts went out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FundsMovedV1 {
    amount_minor: i64,
    currency: String,
}

/// Version 2, which also has a reference.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FundsMovedV2 {
    amount_minor: i64,
    currency: String,
    reference: Option<String>,
}

/// Adds the reference. An event of version 1 gets none.
pub(super) fn v1_to_v2(data: &Value) -> Result<StoredForm<'static>, String> {
    let FundsMovedV1 { amount_minor, currency } = FundsMovedV1::deserialize(data).map_err(|error| error.to_string())?;
    let data = json!({"amount_minor": amount_minor, "currency": currency, "reference": null});
    Ok(StoredForm::made("FundsMoved", 2, data))
}

/// Splits the event into two types. The name of the type now says what the sign said.
pub(super) fn v2_to_deposited_or_withdrawn(data: &Value) -> Result<StoredForm<'static>, String> {
    let FundsMovedV2 { amount_minor, currency, reference } =
        FundsMovedV2::deserialize(data).map_err(|error| error.to_string())?;
    let event_type = match amount_minor {
        1.. => "FundsDeposited",
        0 => return Err("amount_minor is 0: nothing moved".to_owned()),
        _ => "FundsWithdrawn",
    };
    let data = json!({"amount_minor": amount_minor.unsigned_abs(), "currency": currency, "reference": reference});
    Ok(StoredForm::made(event_type, 1, data))
}
