use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{StreamId, Timestamp};

/// One event as it travels from the event store over a bus to the read side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventEnvelope {
    /// The event's stream. A bus keeps the order of one stream's events.
    pub stream_id: StreamId,
    /// The stream's type of aggregate.
    pub aggregate_type: String,
    /// The event's place in its stream, from 1. Consumers apply a stream strictly in this order.
    pub version: u64,
    /// The event's own id. A repeated event has the same id.
    pub event_id: Uuid,
    /// The stored name of the event's type.
    pub event_type: String,
    /// The version of that type's form.
    pub schema_version: u32,
    /// The event's data.
    pub data: Value,
    /// The time at which the event happened.
    pub occurred_at: Timestamp,
    /// An id that follows one request through all its effects.
    pub correlation_id: String,
    /// The direct cause of the event.
    pub causation_id: String,
}
