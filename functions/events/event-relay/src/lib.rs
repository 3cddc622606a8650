//! The relay: a schedule -> **this function** -> Kafka. It closes the gap between the event store and the bus: what a
//! dead or frozen command function left marked, and what Kafka did not take in time.

mod event_relay; // marked commits to the bus, each stream's in order

pub use event_relay::{EventRelay, RelayLimits, RelayReport};
