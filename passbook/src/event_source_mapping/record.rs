use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// One header: its name, and its value's bytes, or null. AWS writes bytes as Java has them, from -128 to 127; 0 to 255 is
/// read as well.
pub type HeaderBytes = BTreeMap<String, Option<Vec<i16>>>;

/// A record in an event, member for member as AWS writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordJson {
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its place there.
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// `CREATE_TIME` or `LOG_APPEND_TIME`: whose clock it was.
    pub timestamp_type: String,
    /// Base64, or none.
    pub key: Option<String>,
    /// Base64, or none.
    pub value: Option<String>,
    /// In their order.
    pub headers: Vec<HeaderBytes>,
}

/// A record on its way to the function.
#[derive(Debug)]
pub(crate) struct Record {
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: i64,
    pub key: Option<Vec<u8>>,
    /// As it will stand in the event: written once, so that its length is known when batches are cut.
    pub json: Box<RawValue>,
}

impl Record {
    /// A message in AWS's form.
    ///
    /// # Errors
    /// Never in practice: texts, numbers and lists of them serialize.
    pub(crate) fn of(message: &BorrowedMessage<'_>) -> Result<Self, serde_json::Error> {
        let (timestamp, timestamp_type) = match message.timestamp() {
            Timestamp::LogAppendTime(timestamp_ms) => (timestamp_ms, "LOG_APPEND_TIME"),
            Timestamp::CreateTime(timestamp_ms) => (timestamp_ms, "CREATE_TIME"),
            Timestamp::NotAvailable => (-1, "NO_TIMESTAMP_TYPE"),
        };
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter()).map(|header| {
            let bytes = header.value.map(|bytes| bytes.iter().map(|byte| i16::from(byte.cast_signed())).collect());
            HeaderBytes::from([(header.key.to_owned(), bytes)])
        });
        let record = RecordJson {
            topic: message.topic().to_owned(),
            partition: message.partition(),
            offset: message.offset(),
            timestamp,
            timestamp_type: timestamp_type.to_owned(),
            key: message.key().map(|bytes| STANDARD.encode(bytes)),
            value: message.payload().map(|bytes| STANDARD.encode(bytes)),
            headers: headers.collect(),
        };
        Ok(Self {
            partition: record.partition,
            offset: record.offset,
            timestamp_ms: record.timestamp,
            key: message.key().map(ToOwned::to_owned),
            json: serde_json::value::to_raw_value(&record)?,
        })
    }

    /// How much longer it makes an event.
    pub(crate) fn bytes(&self) -> usize {
        // And the comma before it; the name of its partition is in the margin.
        self.json.get().len() + 1
    }
}

/// Where records come from.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub topic: String,
    pub bootstrap_servers: String,
}

/// A batch of records, as AWS hands it to a function.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventJson<'a> {
    event_source: &'static str,
    bootstrap_servers: &'a str,
    records: BTreeMap<String, Vec<&'a RawValue>>,
}

impl Source {
    /// The name under which a batch holds a partition's records.
    pub(crate) fn partition_name(&self, partition: i32) -> String {
        format!("{}-{partition}", self.topic)
    }

    /// These records, each partition's in their order, as an event.
    pub(crate) fn event<'a>(&'a self, records: impl Iterator<Item = &'a Record>) -> EventJson<'a> {
        let mut by_partition: BTreeMap<String, Vec<&RawValue>> = BTreeMap::new();
        for record in records {
            by_partition.entry(self.partition_name(record.partition)).or_default().push(&record.json);
        }
        EventJson {
            event_source: "SelfManagedKafka",
            bootstrap_servers: &self.bootstrap_servers,
            records: by_partition,
        }
    }
}
