use std::fmt;
use std::str::FromStr;

use lambda_kafka_event::{RecordJson, WholeRecord};

use super::DeadLetter;

/// A letter's place in the dead-letter topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterPlace {
    /// The partition of the topic.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
}

impl fmt::Display for LetterPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.partition, self.offset)
    }
}

impl FromStr for LetterPlace {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let place = text.split_once(':').and_then(|(partition, offset)| {
            Some(Self { partition: partition.parse().ok()?, offset: offset.parse().ok()? })
        });
        place
            .filter(|place| place.partition >= 0 && place.offset >= 0)
            .ok_or("it must be PARTITION:OFFSET, such as 0:12")
    }
}

/// A dead letter that has not been redriven.
#[derive(Debug)]
pub struct OpenLetter {
    /// The letter's place.
    pub place: LetterPlace,
    /// The time at which the letter was written, in milliseconds since 1970.
    pub written_at_ms: i64,
    /// The letter, or the reason why it does not have AWS's form.
    pub letter: Result<DeadLetter, String>,
}

impl OpenLetter {
    /// The records that the letter holds.
    ///
    /// # Errors
    /// The reason why the letter holds no readable records.
    pub fn records(&self) -> Result<Vec<WholeRecord>, String> {
        let letter = self.letter.as_ref().map_err(Clone::clone)?;
        let Some(payload) = &letter.payload else {
            let info = &letter.kafka_batch_info.record_info;
            return Err(format!(
                "its record was too large for a letter; it is in {} at offset {}",
                info.partition, info.offset
            ));
        };
        let records = payload.records.values().flatten().map(|json| {
            let record: RecordJson = serde_json::from_str(json.get()).map_err(|error| error.to_string())?;
            record.whole().map_err(|problem| format!("its record is not in AWS's form: {problem}"))
        });
        records.collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The example of <https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure-destination.html>.
    #[test]
    fn the_letter_that_aws_documents_is_read() {
        let letter = json!({
          "requestContext": {
            "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
            "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:my-function:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3
          },
          "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
          "version": "1.0",
          "timestamp": "2019-11-14T18:16:05.568Z",
          "KafkaBatchInfo": {
            "batchSize": 1,
            "eventSourceArn": "arn:aws:kafka:us-east-1:123456789012:cluster/my-cluster/abc123",
            "bootstrapServers": "b-1.mycluster.abc123.kafka.us-east-1.amazonaws.com:9098",
            "payloadSize": 1162,
            "recordInfo": {
              "offset": "49601189658422359378836298521827638475320189012309704722",
              "timestamp": "2019-11-14T18:16:04.835Z"
            }
          },
          "payload": {
            "bootstrapServers": "b-1.mycluster.abc123.kafka.us-east-1.amazonaws.com:9098",
            "eventSource": "aws:kafka",
            "eventSourceArn": "arn:aws:kafka:us-east-1:123456789012:cluster/my-cluster/abc123",
            "records": {
              "my-topic-0": [
                {
                  "headers": [{"b": [-61, -85]}, {"a": [195, 171]}, {"b": null}],
                  "key": "dGVzdC1rZXk=",
                  "offset": 100,
                  "partition": 0,
                  "timestamp": 1_749_116_692_330_i64,
                  "timestampType": "CREATE_TIME",
                  "topic": "my-topic",
                  "value": "dGVzdC12YWx1ZQ=="
                }
              ]
            }
          }
        });
        let letter = serde_json::from_str(&letter.to_string()).map_err(|error| error.to_string());
        let open = OpenLetter { place: "0:1".parse().expect("a place"), written_at_ms: 0, letter };
        let e = || Some("ë".as_bytes().to_vec());
        let expected = WholeRecord {
            topic: "my-topic".to_owned(),
            partition: 0,
            offset: 100,
            key: Some(b"test-key".to_vec()),
            value: Some(b"test-value".to_vec()),
            headers: vec![("b".to_owned(), e()), ("a".to_owned(), e()), ("b".to_owned(), None)],
        };
        assert_eq!(open.records(), Ok(vec![expected]));
    }

    #[test]
    fn a_place_is_a_partition_and_an_offset() {
        assert_eq!("3:17".parse(), Ok(LetterPlace { partition: 3, offset: 17 }));
        for wrong in ["", "3", "3:", ":17", "-1:0", "0:-1", "a:b", "1:2:3"] {
            assert!(wrong.parse::<LetterPlace>().is_err(), "{wrong}");
        }
    }
}
