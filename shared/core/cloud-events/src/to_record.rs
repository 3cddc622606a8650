use cqrs::EventEnvelope;

use crate::attributes;
use crate::trace_context::traceparent;

/// A Kafka record's key, headers and value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaRecord {
    /// The stream's id: one stream's events share a partition, and so keep their order.
    pub key: String,
    /// The CloudEvents attributes.
    pub headers: Vec<(&'static str, String)>,
    /// The event's data as JSON.
    pub value: Vec<u8>,
}

/// The event as a CloudEvent.
///
/// # Panics
/// Never: JSON values with text keys serialize.
#[must_use]
pub fn to_record(event: &EventEnvelope) -> KafkaRecord {
    let stream_id = event.stream_id.to_string();
    let trace = traceparent(&event.correlation_id, event.event_id);
    KafkaRecord {
        headers: vec![
            (attributes::SPECVERSION, attributes::SPECVERSION_1_0.to_owned()),
            (attributes::ID, event.event_id.to_string()),
            (attributes::SOURCE, format!("/passbook/{}", event.aggregate_type)),
            (attributes::TYPE, format!("{}{}.{}", attributes::TYPE_PREFIX, event.aggregate_type, event.event_type)),
            (attributes::SUBJECT, stream_id.clone()),
            (attributes::TIME, event.occurred_at.to_string()),
            (attributes::PARTITION_KEY, stream_id.clone()),
            (attributes::SEQUENCE, event.version.to_string()),
            (attributes::SEQUENCE_TYPE, "Integer".to_owned()),
            (attributes::AGGREGATE_TYPE, event.aggregate_type.clone()),
            (attributes::SCHEMA_VERSION, event.schema_version.to_string()),
            (attributes::CORRELATION_ID, event.correlation_id.clone()),
            (attributes::CAUSATION_ID, event.causation_id.clone()),
            (attributes::TRACEPARENT, trace.clone()),
            (attributes::PLAIN_TRACEPARENT, trace),
            (attributes::CONTENT_TYPE, attributes::JSON.to_owned()),
        ],
        key: stream_id,
        value: serde_json::to_vec(&event.data).expect("a JSON value serializes"),
    }
}
