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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ItemIdentifier {
    /// The topic, a hyphen and the partition's number, as the batch groups its records.
    ///
    /// Earlier editions of the page above called this member `topic-partition`; it is `partition` there today, and in
    /// AWS's own libraries.
    pub partition: String,
    /// The record's offset in it.
    pub offset: i64,
}
