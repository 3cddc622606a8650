use serde::Serialize;

/// Which records of a batch failed, as a Kafka event source mapping with `ReportBatchItemFailures` reads it
/// (<https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html#kafka-partial-batch-response>).
///
/// The mapping takes every record that is not named here as done, and the named ones up again. A name that was not in
/// the batch makes it take up the whole batch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// By topic and partition, each in the order of its offsets.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// One failed record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// Which.
    pub item_identifier: ItemIdentifier,
}

/// A record's place in Kafka.
///
/// The page above has named the first member `topic-partition` in one edition and `partition` in another, and a mapping
/// takes an identifier without the name that it knows for a batch that failed as a whole. So both are there, with the
/// same value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ItemIdentifier {
    /// The topic, a hyphen and the partition's number, as the batch groups its records.
    #[serde(rename = "topic-partition")]
    topic_partition: String,
    /// The same again.
    pub(crate) partition: String,
    /// The record's offset in it.
    pub(crate) offset: i64,
}

impl ItemIdentifier {
    /// Of this offset in the topic's partition, written as the batch writes it: `topic-0`.
    #[must_use]
    pub fn new(topic_partition: String, offset: i64) -> Self {
        Self { partition: topic_partition.clone(), topic_partition, offset }
    }
}
