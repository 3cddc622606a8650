use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::RecordJson;

/// A batch of records. Amazon MSK (`aws:kafka`) and any other Kafka (`SelfManagedKafka`) have the same form.
///
/// A function reads `KafkaEvent`. A writer that has serialized its records already uses `R` for their JSON texts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "R: Deserialize<'de>"))]
pub struct KafkaEvent<R = RecordJson> {
    /// `aws:kafka` or `SelfManagedKafka`.
    #[serde(default)]
    pub event_source: Option<String>,
    /// The addresses of the brokers.
    #[serde(default)]
    pub bootstrap_servers: Option<String>,
    /// The records by [`partition_name`], in the order of their offsets.
    #[serde(default, deserialize_with = "null_is_default")]
    pub records: BTreeMap<String, Vec<R>>,
}

/// The name under which a batch lists the records of a partition, such as `accounts-0`. A function names a failed record by
/// it, too.
#[must_use]
pub fn partition_name(topic: &str, partition: i32) -> String {
    format!("{topic}-{partition}")
}

fn null_is_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
        assert_eq!(event.event_source.as_deref(), Some("aws:kafka"));
        let [record] = event.records["mytopic-0"].as_slice() else { panic!("one record: {event:?}") };
        assert_eq!(record.offset, 15);
        assert_eq!(record.value(), Ok(Some(b"Hello, this is a test.".to_vec())));
        assert_eq!(record.headers(), Ok(BTreeMap::from([("headerKey", b"headerValue".to_vec())])));
    }

    #[test]
    fn an_event_may_have_no_records() {
        for event in [json!({"eventSource": "SelfManagedKafka", "records": null}), json!({})] {
            let event: KafkaEvent = serde_json::from_value(event).expect("reads");
            assert!(event.records.is_empty());
        }
    }

    #[test]
    fn a_partition_is_named_by_its_topic_and_its_number() {
        assert_eq!(partition_name("accounts", 12), "accounts-12");
    }
}
