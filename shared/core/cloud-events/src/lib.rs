//! Events as CloudEvents 1.0 in Kafka's binary content mode
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md>). The attributes
//! are the record's headers, the event's data is its value, and the stream's id is its key. The crate is pure, so
//! that the projector can read records without linking a Kafka client.

mod attributes; // the headers' names, in one list
mod from_record; // a received record to an event
mod to_record; // an event to a record to send
mod trace_context; // the W3C trace context from the correlation id

pub use from_record::{RecordError, from_record};
pub use to_record::{KafkaRecord, to_record};
pub use trace_context::traceparent;
