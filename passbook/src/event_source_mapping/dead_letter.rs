use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What AWS writes to a Kafka topic for failures, and what is written here, member for member
/// (<https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure-destination.html#kafka-ofd-record-format>): why the records failed,
/// and the records themselves in the event that held them. The message's key is the record's.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// About the invocations.
    pub request_context: RequestContext,
    /// About the last answer.
    #[serde(default)]
    pub response_context: ResponseContext,
    /// The version of this form.
    pub version: String,
    /// When they were given up.
    pub timestamp: String,
    /// About the batch.
    #[serde(rename = "KafkaBatchInfo")]
    pub kafka_batch_info: BatchInfo,
    /// The event. Null where it was too large for the topic; the record is then still where it came from.
    pub payload: Option<DeadLetterPayload>,
}

/// About the invocations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestContext {
    /// Of this dead letter.
    pub request_id: String,
    /// Which function; its name alone where there is no ARN.
    pub function_arn: String,
    /// Why they were given up, in AWS's word: see [`Condition`].
    pub condition: String,
    /// How often the function got the records.
    pub approximate_invoke_count: u32,
}

/// Why records were given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// They failed as often as they may.
    RetriesExhausted,
    /// They were older than they may be.
    MaximumRecordAgeExceeded,
}

impl Condition {
    /// In AWS's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RetriesExhausted => "RetriesExhausted",
            Self::MaximumRecordAgeExceeded => "MaximumRecordAgeExceeded",
        }
    }
}

/// About the last answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResponseContext {
    /// Of HTTP.
    pub status_code: u16,
    /// Of the function.
    pub executed_version: String,
    /// `Unhandled` where the function failed as a whole; none where it reported the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_error: Option<String>,
}

/// About the batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchInfo {
    /// How many records.
    pub batch_size: usize,
    /// The brokers.
    pub bootstrap_servers: String,
    /// The event's length.
    pub payload_size: usize,
    /// The first record.
    pub record_info: RecordInfo,
}

/// Which record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordInfo {
    /// Its offset, as a text.
    pub offset: String,
    /// When it was written.
    pub timestamp: String,
    /// Its topic and partition, which AWS does not name here: for a letter without a payload.
    #[serde(default)]
    pub partition: String,
}

/// The event that held the records.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterPayload {
    /// `SelfManagedKafka` or `aws:kafka`.
    pub event_source: String,
    /// The brokers.
    pub bootstrap_servers: String,
    /// The records by topic and partition, each a [`RecordJson`](super::RecordJson).
    pub records: BTreeMap<String, Vec<Box<RawValue>>>,
}
