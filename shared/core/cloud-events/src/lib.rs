//! Events as CloudEvents 1.0 in Kafka's binary content mode
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md>): the attributes
//! are the record's headers, the event's data is its value, and the stream's id its key. Pure, so that the projector
//! reads what the producer wrote without linking a Kafka client.

mod attributes; // the headers' names, in one list
mod from_record; // a record that came to an event
mod to_record; // an event to a record that goes
mod trace_context; // W3C trace context out of the correlation id

pub use from_record::{RecordError, from_record};
pub use to_record::{KafkaRecord, to_record};
pub use trace_context::traceparent;
