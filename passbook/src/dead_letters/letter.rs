use std::fmt;
use std::str::FromStr;

use bank::AccountEvent;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cloud_events::{RecordError, from_record};
use cqrs::{DomainEvent as _, EventEnvelope};

use crate::event_source_mapping::{DeadLetter, RecordJson};

/// A letter's place in the dead-letter topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterPlace {
    /// Its partition.
    pub partition: i32,
    /// Its offset there.
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
pub(crate) struct OpenLetter {
    pub place: LetterPlace,
    /// When it was written.
    pub written_at_ms: i64,
    /// What it says, or that it is no letter of AWS's form.
    pub letter: Result<DeadLetter, String>,
}

/// A record out of a letter, as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LetterRecord {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl OpenLetter {
    /// The records that it holds.
    ///
    /// # Errors
    /// Why they cannot be had.
    pub(crate) fn records(&self) -> Result<Vec<LetterRecord>, String> {
        let letter = self.letter.as_ref().map_err(Clone::clone)?;
        let Some(payload) = &letter.payload else {
            let info = &letter.kafka_batch_info.record_info;
            return Err(format!(
                "its record was too large for a letter; it is in {} at offset {}",
                info.partition, info.offset
            ));
        };
        payload
            .records
            .values()
            .flatten()
            .map(|json| {
                let record: RecordJson = serde_json::from_str(json.get()).map_err(|error| error.to_string())?;
                LetterRecord::of(record).ok_or_else(|| "its record is not in AWS's form".to_owned())
            })
            .collect()
    }
}

impl LetterRecord {
    fn of(record: RecordJson) -> Option<Self> {
        let decode = |text: Option<String>| text.map(|text| STANDARD.decode(text)).transpose().ok();
        let headers = record.headers.into_iter().flatten().map(|(name, numbers)| {
            let bytes = numbers.map(|numbers| numbers.into_iter().map(byte).collect::<Option<Vec<u8>>>());
            match bytes {
                None => Some((name, None)),
                Some(bytes) => Some((name, Some(bytes?))),
            }
        });
        Some(Self {
            topic: record.topic,
            partition: record.partition,
            offset: record.offset,
            key: decode(record.key)?,
            value: decode(record.value)?,
            headers: headers.collect::<Option<_>>()?,
        })
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().rev().find(|(one, _)| one == name)?.1.as_deref()
    }

    /// A header as a text, however damaged the record is.
    pub(crate) fn header_text(&self, name: &str) -> Option<String> {
        self.header(name).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// The event that it carries.
    pub(crate) fn event(&self) -> Result<EventEnvelope, RecordError> {
        from_record(|name| self.header(name), self.value.as_deref().unwrap_or_default())
    }

    /// What can be seen to be wrong with it from here. What the function itself said is in its log.
    pub(crate) fn defect(&self) -> Option<String> {
        match self.event() {
            Err(error) => Some(error.to_string()),
            Ok(event) => AccountEvent::from_data(&event.event_type, event.schema_version, &event.data)
                .err()
                .map(|error| error.to_string()),
        }
    }
}

fn byte(number: i16) -> Option<u8> {
    u8::try_from(number).ok().or_else(|| i8::try_from(number).ok().map(i8::cast_unsigned))
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
        let expected = LetterRecord {
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
