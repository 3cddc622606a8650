//! The names of the headers. `ce_` is the binding's prefix. The rest of a name is CloudEvents' own, one of its
//! documented extensions (`partitionkey`, `sequence`, `traceparent`), or this project's. The project's names have
//! only lower-case letters and digits, as the specification requires of extensions.

pub(crate) const CONTENT_TYPE: &str = "content-type";
pub(crate) const SPECVERSION: &str = "ce_specversion";
pub(crate) const ID: &str = "ce_id";
pub(crate) const SOURCE: &str = "ce_source";
pub(crate) const TYPE: &str = "ce_type";
pub(crate) const SUBJECT: &str = "ce_subject";
pub(crate) const TIME: &str = "ce_time";
pub(crate) const PARTITION_KEY: &str = "ce_partitionkey";
pub(crate) const SEQUENCE: &str = "ce_sequence";
pub(crate) const SEQUENCE_TYPE: &str = "ce_sequencetype";
pub(crate) const TRACEPARENT: &str = "ce_traceparent";
pub(crate) const AGGREGATE_TYPE: &str = "ce_aggregatetype";
pub(crate) const SCHEMA_VERSION: &str = "ce_schemaversion";
pub(crate) const CORRELATION_ID: &str = "ce_correlationid";
pub(crate) const CAUSATION_ID: &str = "ce_causationid";

/// The trace context a second time, under the name that tracing libraries look for in Kafka's headers.
pub(crate) const PLAIN_TRACEPARENT: &str = "traceparent";

/// The prefix of all types of this system. A record of another type is another system's.
pub(crate) const TYPE_PREFIX: &str = "passbook.";
/// The version of CloudEvents.
pub(crate) const SPECVERSION_1_0: &str = "1.0";
/// The media type of the value.
pub(crate) const JSON: &str = "application/json";
