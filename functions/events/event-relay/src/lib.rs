//! The relay: a schedule -> **this function** -> Kafka. It closes the gap between the event store and the bus. It
//! publishes commits that a dead or frozen command function left marked, and commits that Kafka did not take in time.

mod event_relay; // publishes marked commits, each stream's in order

pub use event_relay::{EventRelay, RelayLimits, RelayReport};
