//! The steps from every past stored form of an account's events to the next form.
//!
//! A new form of an event needs a line here and a function. It also needs a fixture in `tests/event_forms/`, where the
//! form before it already has one. `CONTRIBUTING.md` has the steps.

mod account_opened; // from the time before the holder was personal data
mod funds_moved; // from the time before deposits and withdrawals

use aggregate_root::Upcaster;

/// All upcasters, in the order of each type's versions.
pub(crate) const UPCASTERS: &[Upcaster] = &[
    Upcaster { event_type: "AccountOpened", schema_version: 1, to_next: account_opened::v1_to_v2 },
    Upcaster { event_type: "FundsMoved", schema_version: 1, to_next: funds_moved::v1_to_v2 },
    Upcaster { event_type: "FundsMoved", schema_version: 2, to_next: funds_moved::v2_to_deposited_or_withdrawn },
];
