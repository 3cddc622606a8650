//! The relay: a schedule -> **this function** -> Kafka. It closes the gap between the event store and the bus: what a
//! dead or frozen command function left marked, and what Kafka did not take in time.

mod event_relay; // marked commits to the bus, each stream's in order

use std::time::{Duration, SystemTime};

use lambda_runtime::Context;

pub use event_relay::{EventRelay, RelayLimits, RelayReport};

/// What an invocation has left before Lambda ends it.
#[must_use]
pub fn time_left(context: &Context) -> Duration {
    context.deadline().duration_since(SystemTime::now()).unwrap_or_default()
}
