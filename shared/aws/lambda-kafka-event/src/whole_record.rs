/// A record with its content in Kafka, without its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeRecord {
    /// The topic that holds the record.
    pub topic: String,
    /// The partition of the topic.
    pub partition: i32,
    /// The record's place in the partition.
    pub offset: i64,
    /// The key's bytes. A record may have no key.
    pub key: Option<Vec<u8>>,
    /// The value's bytes. A tombstone has no value.
    pub value: Option<Vec<u8>>,
    /// Names and values in the order of the record. A header may have no value, and a name may come twice.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl WholeRecord {
    /// The value of the last header with this name. Kafka's own client also takes the last of several.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().rev().find(|(header, _)| header == name)?.1.as_deref()
    }
}
