use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

/// A batch of records, as a Kafka event source mapping hands it over
/// (<https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html>); the same from Amazon MSK (`aws:kafka`) and from any other Kafka
/// (`SelfManagedKafka`).
///
/// Our own type and not that of `aws_lambda_events`: there, one record whose headers are null, or one header with a
/// byte above 127 (AWS writes bytes as Java has them, from -128 to 127; others write 0 to 255), fails the whole batch,
/// and with it all accounts beside it, for ever. Here such a record is read, and one that cannot be read is a failure
/// of that record alone.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct KafkaEvent {
    /// By topic and partition, `accounts-0`, in the order of the offsets.
    #[serde(default, deserialize_with = "null_is_default")]
    pub records: BTreeMap<String, Vec<KafkaRecord>>,
}

/// One record. Its topic and partition are the name that it is listed under.
#[derive(Debug, Clone, Deserialize)]
pub struct KafkaRecord {
    /// Its place in the partition. Without one nothing can be said of the record, so that this alone is asked for.
    pub offset: i64,
    /// In Base64; null for a tombstone.
    #[serde(default = "nothing")]
    pub value: ReadOrNot<Option<String>>,
    /// In their order; null or missing where there are none.
    #[serde(default = "nothing")]
    pub headers: ReadOrNot<Option<Vec<Header>>>,
}

/// An object with one member: the header's name, and its value as a list of bytes, or null.
pub type Header = BTreeMap<String, Option<Vec<i16>>>;

/// A part of a record, or that it is of another form, which is the record's failure and not the batch's.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum ReadOrNot<T> {
    /// As it should be.
    Read(T),
    /// Something else.
    Not(IgnoredAny),
}

fn nothing<T>() -> ReadOrNot<Option<T>> {
    ReadOrNot::Read(None)
}

fn null_is_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl KafkaRecord {
    /// The value's bytes, or none for a tombstone.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn value(&self) -> Result<Option<Vec<u8>>, &'static str> {
        match &self.value {
            ReadOrNot::Read(None) => Ok(None),
            ReadOrNot::Read(Some(text)) => {
                STANDARD.decode(text).map(Some).map_err(|_| "the record's value is not Base64")
            }
            ReadOrNot::Not(_) => Err("the record's value is not a text"),
        }
    }

    /// The headers' bytes by name. A header without a value is left out; of two with one name the last holds, as in
    /// Kafka's own client.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn headers(&self) -> Result<BTreeMap<&str, Vec<u8>>, &'static str> {
        let listed = match &self.headers {
            ReadOrNot::Read(listed) => listed.iter().flatten().flatten(),
            ReadOrNot::Not(_) => return Err("the record's headers are not lists of bytes"),
        };
        let mut headers = BTreeMap::new();
        for (name, numbers) in listed {
            let Some(numbers) = numbers else { continue };
            let bytes: Option<Vec<u8>> = numbers.iter().map(|number| byte(*number)).collect();
            headers.insert(name.as_str(), bytes.ok_or("a number in the record's headers is no byte")?);
        }
        Ok(headers)
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

    fn record(members: &Value) -> KafkaRecord {
        let mut record = json!({
            "topic": "accounts", "partition": 0, "offset": 1, "timestamp": 1_764_000_000_123_i64, "timestampType": "CREATE_TIME",
            "key": null,
        });
        for (name, value) in members.as_object().expect("an object") {
            record[name] = value.clone();
        }
        serde_json::from_value(record).expect("its form never fails the batch")
    }

    /// The sample of <https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html>.
    #[test]
    fn the_sample_that_aws_documents_is_read() {
        let event: KafkaEvent = serde_json::from_str(
            r#"{
                "eventSource":"aws:kafka",
                "eventSourceArn":"arn:aws:kafka:us-east-1:123456789012:cluster/vpc-2priv-2pub/751d2973-a626-431c-9d4e-d7975eb44dd7-2",
                "bootstrapServers":"b-2.demo-cluster-1.a1bcde.c1.kafka.us-east-1.amazonaws.com:9092,b-1.demo-cluster-1.a1bcde.c1.kafka.us-east-1.amazonaws.com:9092",
                "records":{
                   "mytopic-0":[
                      {
                         "topic":"mytopic",
                         "partition":0,
                         "offset":15,
                         "timestamp":1545084650987,
                         "timestampType":"CREATE_TIME",
                         "key":"abcDEFghiJKLmnoPQRstuVWXyz1234==",
                         "value":"SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
                         "headers":[
                            {
                               "headerKey":[104, 101, 97, 100, 101, 114, 86, 97, 108, 117, 101]
                            }
                         ]
                      }
                   ]
                }
             }"#,
        )
        .expect("the documented form");
        let [record] = event.records["mytopic-0"].as_slice() else { panic!("one record: {event:?}") };
        assert_eq!(record.offset, 15);
        assert_eq!(record.value(), Ok(Some(b"Hello, this is a test.".to_vec())));
        assert_eq!(record.headers(), Ok(BTreeMap::from([("headerKey", b"headerValue".to_vec())])));
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
        let headers = record(&json!({"headers": [{"a": [1]}, {"b": [2]}, {"a": [3]}]}));
        assert_eq!(headers.headers(), Ok(BTreeMap::from([("a", vec![3]), ("b", vec![2])])));
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
    }

    #[test]
    fn an_event_may_have_no_records() {
        for event in [json!({"eventSource": "SelfManagedKafka", "records": null}), json!({})] {
            let event: KafkaEvent = serde_json::from_value(event).expect("reads");
            assert!(event.records.is_empty());
        }
    }
}
