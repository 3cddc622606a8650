use lambda_kafka_event::KafkaEvent;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A failed batch as AWS writes it to a Kafka topic for failures, member for member
/// (<https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure-destination.html#kafka-ofd-record-format>). It gives
/// the reason of the failure, and holds the records in their event. The message's key is the record's key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// Facts about the invocations.
    pub request_context: RequestContext,
    /// Facts about the last answer.
    #[serde(default)]
    pub response_context: ResponseContext,
    /// The version of this form.
    pub version: String,
    /// The time at which the records were given up.
    pub timestamp: String,
    /// Facts about the batch.
    #[serde(rename = "KafkaBatchInfo")]
    pub kafka_batch_info: BatchInfo,
    /// The event. It is null if it was too large for the topic. The record is then still in its original topic.
    pub payload: Option<KafkaEvent<Box<RawValue>>>,
}

/// Facts about the invocations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestContext {
    /// The id of this dead letter.
    pub request_id: String,
    /// The function's ARN, or its name if it has no ARN.
    pub function_arn: String,
    /// The reason why the records were given up, in AWS's word: see [`Condition`].
    pub condition: String,
    /// The number of times that the function got the records.
    pub approximate_invoke_count: u32,
}

/// The reason why records were given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// The records failed as often as is allowed.
    RetriesExhausted,
    /// The records were older than is allowed.
    MaximumRecordAgeExceeded,
}

impl Condition {
    /// AWS's word for the reason.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RetriesExhausted => "RetriesExhausted",
            Self::MaximumRecordAgeExceeded => "MaximumRecordAgeExceeded",
        }
    }
}

/// Facts about the last answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResponseContext {
    /// The HTTP status.
    pub status_code: u16,
    /// The version of the function.
    pub executed_version: String,
    /// `Unhandled` if the function failed as a whole. `None` if the function reported the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_error: Option<String>,
}

/// Facts about the batch.
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

/// Facts about one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordInfo {
    /// The record's offset, as a text.
    pub offset: String,
    /// The time at which the record was written.
    pub timestamp: String,
    /// The record's topic and partition, for a letter without a payload. AWS does not have this member.
    #[serde(default)]
    pub partition: String,
}
