//! From every past stored form of an account's events to the one that came after it.
//!
//! A new form of an event needs its line here and its function, the fixture of the form that it leaves behind (it is in
//! `tests/event_forms/` already) and that of the new one; `CONTRIBUTING.md` has the steps.

mod account_opened; // until the holder was personal data
mod funds_moved; // until there were deposits and withdrawals

use aggregate_root::Upcaster;

/// All of them, each type's oldest first.
pub(crate) const UPCASTERS: &[Upcaster] = &[
    Upcaster { event_type: "AccountOpened", schema_version: 1, to_next: account_opened::v1_to_v2 },
    Upcaster { event_type: "FundsMoved", schema_version: 1, to_next: funds_moved::v1_to_v2 },
    Upcaster { event_type: "FundsMoved", schema_version: 2, to_next: funds_moved::v2_to_deposited_or_withdrawn },
];
