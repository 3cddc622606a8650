use lambda_kafka_event::KafkaEvent;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A failed batch as AWS writes it to a Kafka topic for failures, member for member
/// (<https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure-destination.html#kafka-ofd-record-format>). It says why the
/// records failed, and holds them in the event that held them. The message's key is the record's key.
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
    /// When the records were given up.
    pub timestamp: String,
    /// About the batch.
    #[serde(rename = "KafkaBatchInfo")]
    pub kafka_batch_info: BatchInfo,
    /// The event. It is null where it was too large for the topic. The record is then still in the topic that it came from.
    pub payload: Option<KafkaEvent<Box<RawValue>>>,
}

/// About the invocations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestContext {
    /// The id of this dead letter.
    pub request_id: String,
    /// The function's ARN, or its name where it has no ARN.
    pub function_arn: String,
    /// Why the records were given up, in AWS's word: see [`Condition`].
    pub condition: String,
    /// How often the function got the records.
    pub approximate_invoke_count: u32,
}

/// Why records were given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// The records failed as often as they may.
    RetriesExhausted,
    /// The records were older than they may be.
    MaximumRecordAgeExceeded,
}

impl Condition {
    /// AWS's word for it.
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
    /// The status of HTTP.
    pub status_code: u16,
    /// The version of the function.
    pub executed_version: String,
    /// `Unhandled` where the function failed as a whole. None where the function reported the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_error: Option<String>,
}

/// About the batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchInfo {
    /// The number of records.
    pub batch_size: usize,
    /// The addresses of the brokers.
    pub bootstrap_servers: String,
    /// The length of the event, in bytes.
    pub payload_size: usize,
    /// The first record.
    pub record_info: RecordInfo,
}

/// About one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordInfo {
    /// Its offset, as a text.
    pub offset: String,
    /// When the record was written.
    pub timestamp: String,
    /// Its topic and partition, for a letter without a payload. AWS does not have this member.
    #[serde(default)]
    pub partition: String,
}
