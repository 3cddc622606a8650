use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{StreamId, Timestamp};

/// One event as it travels from the event store over a bus to the read side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventEnvelope {
    /// Whose stream; a bus keeps the order of one stream's events.
    pub stream_id: StreamId,
    /// What kind of stream.
    pub aggregate_type: String,
    /// The event's place in its stream, from 1. Consumers apply a stream strictly in this order.
    pub version: u64,
    /// The event's own id; a repeat has the same.
    pub event_id: Uuid,
    /// The stored name of the event's type.
    pub event_type: String,
    /// The version of that type's form.
    pub schema_version: u32,
    /// The event's data.
    pub data: Value,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Follows one request through everything that it causes.
    pub correlation_id: String,
    /// What caused the event directly.
    pub causation_id: String,
}
