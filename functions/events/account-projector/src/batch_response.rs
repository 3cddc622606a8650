use serde::Serialize;

/// The failed records of a batch, in the form that a Kafka event source mapping with `ReportBatchItemFailures` reads
/// (<https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html#kafka-partial-batch-response>).
///
/// The mapping treats every record that is not named here as finished, and delivers the named records again. If a named
/// record was not in the batch, the mapping delivers the whole batch again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// The failed records by topic and partition, each in the order of its offsets.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// A failed record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// The record's place.
    pub item_identifier: ItemIdentifier,
}

/// A record's place in Kafka.
///
/// The page above has named the first member `topic-partition` in one edition and `partition` in another. A mapping
/// that does not find the name it knows treats the batch as failed as a whole. So both members are there, with the same
/// value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ItemIdentifier {
    /// The topic, a hyphen and the partition's number, as the batch groups its records.
    #[serde(rename = "topic-partition")]
    topic_partition: String,
    /// The same value under the other name.
    pub(crate) partition: String,
    /// The record's offset in the partition.
    pub(crate) offset: i64,
}

impl ItemIdentifier {
    /// The place with this offset in the topic's partition, which is written as in the batch: `topic-0`.
    #[must_use]
    pub fn new(topic_partition: String, offset: i64) -> Self {
        Self { partition: topic_partition.clone(), topic_partition, offset }
    }
}
