//! `FundsMoved`, one event for money that comes and money that goes, told apart by the sign of its amount.
//!
//! Nothing of this repository's history has ever written it: it is the first draft of the design, kept as the worked
//! example of the two changes that come up most, a member that is added with a default and an event that is split.

use aggregate_root::StoredForm;
use serde::Deserialize;
use serde_json::{Value, json};

/// Version 1: positive amounts came in, negative ones went out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FundsMovedV1 {
    amount_minor: i64,
    currency: String,
}

/// Version 2 also says what for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FundsMovedV2 {
    amount_minor: i64,
    currency: String,
    reference: Option<String>,
}

/// A member is added; what was stored before it has none.
pub(super) fn v1_to_v2(data: &Value) -> Result<StoredForm<'static>, String> {
    let FundsMovedV1 { amount_minor, currency } = FundsMovedV1::deserialize(data).map_err(|error| error.to_string())?;
    let data = json!({"amount_minor": amount_minor, "currency": currency, "reference": null});
    Ok(StoredForm::made("FundsMoved", 2, data))
}

/// One event is split into two, each of which says by its name what the sign said.
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
