use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::WholeRecord;

/// One record of a [`KafkaEvent`](crate::KafkaEvent), member for member as AWS writes it.
///
/// It is this project's own type and not that of `aws_lambda_events`. That type refuses a whole batch if one record's
/// headers are null, or if one header has a byte above 127. AWS writes bytes as Java has them, from -128 to 127, and
/// others write 0 to 255. The batch would come again for ever, with the records of all other streams. This type reads
/// such a record. If a record has another form, only that record fails.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordJson {
    #[serde(default)]
    topic: Member<String>,
    #[serde(default)]
    partition: Member<i32>,
    /// The record's place in its partition. Only this member is required: without it a function cannot name the record.
    pub offset: i64,
    /// The time in milliseconds since 1970.
    #[serde(default)]
    timestamp: Member<i64>,
    #[serde(default)]
    timestamp_type: Member<String>,
    /// The key in Base64.
    #[serde(default)]
    key: Member<String>,
    /// The value in Base64.
    #[serde(default)]
    value: Member<String>,
    #[serde(default)]
    headers: Member<Vec<HeaderJson>>,
}

/// An object with one member: the header's name, and its value as a list of bytes, or null.
type HeaderJson = BTreeMap<String, Option<Vec<i16>>>;

/// A header's name, and its value's bytes.
type Header<'a> = (&'a str, Option<Vec<u8>>);

/// A member of a record. A member of another form is kept apart, so that it does not fail the batch.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Member<T> {
    /// The member's value. Null and a missing member are `None`.
    Read(Option<T>),
    #[serde(skip_serializing)]
    OfAnotherForm(IgnoredAny),
}

impl<T> Default for Member<T> {
    fn default() -> Self {
        Self::Read(None)
    }
}

impl<T> Member<T> {
    fn read(&self, problem: &'static str) -> Result<Option<&T>, &'static str> {
        match self {
            Self::Read(value) => Ok(value.as_ref()),
            Self::OfAnotherForm(_) => Err(problem),
        }
    }
}

/// The clock that gave a record its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// The clock of the program that published the record.
    CreateTime,
    /// The clock of the broker.
    LogAppendTime,
    /// The record has no time.
    NotAvailable,
}

impl TimestampType {
    /// The name that Kafka and AWS use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CreateTime => "CREATE_TIME",
            Self::LogAppendTime => "LOG_APPEND_TIME",
            Self::NotAvailable => "NO_TIMESTAMP_TYPE",
        }
    }
}

impl RecordJson {
    /// Writes a record in AWS's form. `timestamp_ms` counts from 1970.
    #[must_use]
    pub fn new(record: &WholeRecord, timestamp_ms: i64, timestamp_type: TimestampType) -> Self {
        let base64 = |bytes: &Option<Vec<u8>>| Member::Read(bytes.as_ref().map(|bytes| STANDARD.encode(bytes)));
        let headers = record.headers.iter().map(|(name, bytes)| {
            let signed = |bytes: &Vec<u8>| bytes.iter().map(|byte| i16::from(byte.cast_signed())).collect();
            HeaderJson::from([(name.clone(), bytes.as_ref().map(signed))])
        });
        Self {
            topic: Member::Read(Some(record.topic.clone())),
            partition: Member::Read(Some(record.partition)),
            offset: record.offset,
            timestamp: Member::Read(Some(timestamp_ms)),
            timestamp_type: Member::Read(Some(timestamp_type.as_str().to_owned())),
            key: base64(&record.key),
            value: base64(&record.value),
            headers: Member::Read(Some(headers.collect())),
        }
    }

    /// The value's bytes; `None` for a tombstone.
    ///
    /// # Errors
    /// The fault of the value.
    pub fn value(&self) -> Result<Option<Vec<u8>>, &'static str> {
        let text = self.value.read("the record's value is not a text")?;
        text.map(|text| STANDARD.decode(text).map_err(|_| "the record's value is not Base64")).transpose()
    }

    /// The headers' bytes by name. A header without a value is left out. If several headers have one name, the last is
    /// used, as in Kafka's own client.
    ///
    /// # Errors
    /// The fault of the headers.
    pub fn headers(&self) -> Result<BTreeMap<&str, Vec<u8>>, &'static str> {
        let mut headers = BTreeMap::new();
        for (name, bytes) in self.header_list()? {
            if let Some(bytes) = bytes {
                headers.insert(name, bytes);
            }
        }
        Ok(headers)
    }

    /// The record with its whole content in Kafka.
    ///
    /// # Errors
    /// The wrong or missing part of the record.
    pub fn whole(&self) -> Result<WholeRecord, &'static str> {
        let topic = self.topic.read("the record's topic is not a text")?.ok_or("the record's topic is missing")?;
        let partition = self.partition.read("the record's partition is not a number")?;
        let key = self.key.read("the record's key is not a text")?;
        let headers = self.header_list()?;
        Ok(WholeRecord {
            topic: topic.clone(),
            partition: *partition.ok_or("the record's partition is missing")?,
            offset: self.offset,
            key: key.map(|text| STANDARD.decode(text).map_err(|_| "the record's key is not Base64")).transpose()?,
            value: self.value()?,
            headers: headers.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect(),
        })
    }

    fn header_list(&self) -> Result<Vec<Header<'_>>, &'static str> {
        let listed = self.headers.read("the record's headers are not lists of bytes")?;
        listed
            .into_iter()
            .flatten()
            .flatten()
            .map(|(name, numbers)| {
                let bytes = numbers.as_ref().map(|numbers| numbers.iter().map(|number| byte(*number)).collect());
                match bytes {
                    Some(None) => Err("a number in the record's headers is not a byte"),
                    Some(bytes) => Ok((name.as_str(), bytes)),
                    None => Ok((name.as_str(), None)),
                }
            })
            .collect()
    }
}

/// A byte that was written signed or unsigned.
fn byte(number: i16) -> Option<u8> {
    u8::try_from(number).ok().or_else(|| i8::try_from(number).ok().map(i8::cast_unsigned))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn record(members: &Value) -> RecordJson {
        let mut record = json!({
            "topic": "accounts", "partition": 0, "offset": 1, "timestamp": 1_764_000_000_123_i64, "timestampType": "CREATE_TIME",
            "key": null,
        });
        for (name, value) in members.as_object().expect("an object") {
            record[name] = value.clone();
        }
        serde_json::from_value(record).expect("its form never fails the batch")
    }

    #[test]
    fn a_record_is_written_as_aws_writes_it_and_read_as_it_was() {
        let whole = WholeRecord {
            topic: "accounts".to_owned(),
            partition: 3,
            offset: 17,
            key: Some(b"test-key".to_vec()),
            value: None,
            headers: vec![
                ("a".to_owned(), Some("ë".as_bytes().to_vec())),
                ("b".to_owned(), None),
                ("a".to_owned(), None),
            ],
        };
        let written = RecordJson::new(&whole, 1_764_000_000_123, TimestampType::LogAppendTime);
        let json = serde_json::to_value(&written).expect("JSON");
        let expected = json!({
            "topic": "accounts", "partition": 3, "offset": 17, "timestamp": 1_764_000_000_123_i64,
            "timestampType": "LOG_APPEND_TIME", "key": "dGVzdC1rZXk=", "value": null,
            "headers": [{"a": [-61, -85]}, {"b": null}, {"a": null}],
        });
        assert_eq!(json, expected);
        let read: RecordJson = serde_json::from_value(json).expect("reads");
        assert_eq!(read.whole(), Ok(whole));
    }

    #[test]
    fn bytes_of_headers_are_read_signed_and_unsigned() {
        let expected = Ok(BTreeMap::from([("holder", "Zoë".as_bytes().to_vec())]));
        for bytes in [json!([90, 111, -61, -85]), json!([90, 111, 195, 171])] {
            assert_eq!(record(&json!({"headers": [{"holder": bytes}]})).headers(), expected);
        }
    }

    #[test]
    fn headers_may_be_null_missing_or_empty() {
        for headers in [json!({"headers": null}), json!({}), json!({"headers": []}), json!({"headers": [{"a": null}]})]
        {
            assert_eq!(record(&headers).headers(), Ok(BTreeMap::new()), "{headers}");
        }
    }

    #[test]
    fn of_two_headers_with_one_name_the_last_holds() {
        let record = record(&json!({"headers": [{"a": [1]}, {"b": [2]}, {"a": [3]}]}));
        assert_eq!(record.headers(), Ok(BTreeMap::from([("a", vec![3]), ("b", vec![2])])));
        assert_eq!(record.whole().expect("whole").header("a"), Some(&[3][..]));
    }

    #[test]
    fn a_value_may_be_null_or_missing_and_then_is_a_tombstone() {
        for value in [json!({"value": null}), json!({})] {
            assert_eq!(record(&value).value(), Ok(None));
        }
    }

    #[test]
    fn what_is_of_another_form_is_the_records_failure_and_not_the_batches() {
        for headers in
            [json!("none"), json!([{"a": "text"}]), json!([{"a": [256]}]), json!([{"a": [-129]}]), json!([[1]])]
        {
            assert!(record(&json!({ "headers": headers })).headers().is_err(), "{headers}");
        }
        for value in [json!(5), json!("not Base64!"), json!({})] {
            assert!(record(&json!({ "value": value })).value().is_err(), "{value}");
        }
        for member in ["topic", "partition", "key"] {
            assert!(record(&json!({ (member): [] })).whole().is_err(), "{member}");
        }
    }
}
