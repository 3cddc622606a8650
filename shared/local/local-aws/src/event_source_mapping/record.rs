use std::collections::BTreeMap;

use lambda_kafka_event::{KafkaEvent, RecordJson, TimestampType, WholeRecord, partition_name};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _, Timestamp};
use serde_json::value::RawValue;

/// A record on its way to the function.
#[derive(Debug)]
pub(crate) struct Record {
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: i64,
    pub key: Option<Vec<u8>>,
    /// The record in the event's form. It is written once, so that its length is known when batches are cut.
    pub json: Box<RawValue>,
}

impl Record {
    /// A message in AWS's form.
    ///
    /// # Errors
    /// Never in practice: texts, numbers and lists of them serialize.
    pub(crate) fn of(message: &BorrowedMessage<'_>) -> Result<Self, serde_json::Error> {
        let (timestamp_ms, timestamp_type) = match message.timestamp() {
            Timestamp::LogAppendTime(timestamp_ms) => (timestamp_ms, TimestampType::LogAppendTime),
            Timestamp::CreateTime(timestamp_ms) => (timestamp_ms, TimestampType::CreateTime),
            Timestamp::NotAvailable => (-1, TimestampType::NotAvailable),
        };
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        let record = WholeRecord {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(ToOwned::to_owned),
            value: message.payload().map(ToOwned::to_owned),
            headers: headers.map(|header| (header.key.to_owned(), header.value.map(ToOwned::to_owned))).collect(),
        };
        Ok(Self {
            partition: record.partition,
            offset: record.offset,
            timestamp_ms,
            json: serde_json::value::to_raw_value(&RecordJson::new(&record, timestamp_ms, timestamp_type))?,
            key: record.key,
        })
    }

    /// The number of bytes that the record adds to an event.
    pub(crate) fn bytes(&self) -> usize {
        // The length includes the comma before the record. The margin of the event's limit covers the name of the
        // partition.
        self.json.get().len() + 1
    }
}

/// The origin of records.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub topic: String,
    pub bootstrap_servers: String,
}

impl Source {
    /// The name under which a batch lists a partition's records.
    pub(crate) fn partition_name(&self, partition: i32) -> String {
        partition_name(&self.topic, partition)
    }

    /// An event with these records. The records of a partition keep their order.
    pub(crate) fn event<'a>(&self, records: impl Iterator<Item = &'a Record>) -> KafkaEvent<&'a RawValue> {
        let mut by_partition: BTreeMap<String, Vec<&RawValue>> = BTreeMap::new();
        for record in records {
            by_partition.entry(self.partition_name(record.partition)).or_default().push(&record.json);
        }
        self.event_of(by_partition)
    }

    /// An event with this record alone.
    pub(crate) fn event_of_one(&self, record: &Record) -> KafkaEvent<Box<RawValue>> {
        self.event_of([(self.partition_name(record.partition), vec![record.json.clone()])].into())
    }

    fn event_of<R>(&self, records: BTreeMap<String, Vec<R>>) -> KafkaEvent<R> {
        KafkaEvent {
            event_source: Some("SelfManagedKafka".to_owned()),
            bootstrap_servers: Some(self.bootstrap_servers.clone()),
            records,
        }
    }
}
