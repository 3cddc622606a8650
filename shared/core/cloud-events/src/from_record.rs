use std::str::FromStr;

use cqrs::{EventEnvelope, StreamId};
use uuid::Uuid;

use crate::attributes;

/// The reason why a record is not an event of this system.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A CloudEvent of another system's type. Handling: skip it; it was never meant for this reader.
    #[error("a CloudEvent of the foreign type {event_type:?}")]
    ForeignType {
        /// Its type.
        event_type: String,
    },
    /// The record does not have the form of this system's events, or is damaged. Handling: keep it for a person to
    /// look at.
    #[error("the record's {header} is {problem}")]
    Unreadable {
        /// The name of the header, or `value`.
        header: &'static str,
        /// The fault of it.
        problem: &'static str,
    },
}

/// The event that a record carries. `header` returns the value of the record's header with that name.
///
/// # Errors
/// See [`RecordError`].
pub fn from_record<'a>(header: impl Fn(&str) -> Option<&'a [u8]>, value: &[u8]) -> Result<EventEnvelope, RecordError> {
    let text = |name: &'static str| -> Result<&'a str, RecordError> {
        let bytes = header(name).ok_or(RecordError::Unreadable { header: name, problem: "missing" })?;
        std::str::from_utf8(bytes).map_err(|_| RecordError::Unreadable { header: name, problem: "not UTF-8" })
    };
    let own_type = text(attributes::TYPE)?;
    let Some(type_name) = own_type.strip_prefix(attributes::TYPE_PREFIX) else {
        return Err(RecordError::ForeignType { event_type: own_type.to_owned() });
    };
    if text(attributes::SPECVERSION)? != attributes::SPECVERSION_1_0 {
        return Err(RecordError::Unreadable { header: attributes::SPECVERSION, problem: "not 1.0" });
    }
    let aggregate_type = text(attributes::AGGREGATE_TYPE)?;
    let event_type = type_name
        .strip_prefix(aggregate_type)
        .and_then(|behind| behind.strip_prefix('.'))
        .ok_or(RecordError::Unreadable { header: attributes::TYPE, problem: "not of its aggregate type" })?;
    Ok(EventEnvelope {
        stream_id: StreamId(parsed(attributes::SUBJECT, text(attributes::SUBJECT)?)?),
        aggregate_type: aggregate_type.to_owned(),
        version: parsed(attributes::SEQUENCE, text(attributes::SEQUENCE)?)?,
        event_id: parsed::<Uuid>(attributes::ID, text(attributes::ID)?)?,
        event_type: event_type.to_owned(),
        schema_version: parsed(attributes::SCHEMA_VERSION, text(attributes::SCHEMA_VERSION)?)?,
        data: serde_json::from_slice(value)
            .map_err(|_| RecordError::Unreadable { header: "value", problem: "not JSON" })?,
        occurred_at: parsed(attributes::TIME, text(attributes::TIME)?)?,
        correlation_id: text(attributes::CORRELATION_ID)?.to_owned(),
        causation_id: text(attributes::CAUSATION_ID)?.to_owned(),
    })
}

fn parsed<T: FromStr>(header: &'static str, text: &str) -> Result<T, RecordError> {
    text.parse().map_err(|_| RecordError::Unreadable { header, problem: "not of its form" })
}

#[cfg(test)]
mod tests {
    use cqrs::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::{KafkaRecord, to_record};

    fn event() -> EventEnvelope {
        EventEnvelope {
            stream_id: StreamId(Uuid::now_v7()),
            aggregate_type: "account".to_owned(),
            version: 7,
            event_id: Uuid::now_v7(),
            event_type: "FundsDeposited".to_owned(),
            schema_version: 1,
            data: json!({"amount_minor": 12_550, "reference": "Miete für März"}),
            occurred_at: Timestamp::now(),
            correlation_id: "c".to_owned(),
            causation_id: "d".to_owned(),
        }
    }

    fn read(record: &KafkaRecord) -> Result<EventEnvelope, RecordError> {
        let header =
            |name: &str| record.headers.iter().find(|(header, _)| *header == name).map(|(_, value)| value.as_bytes());
        from_record(header, &record.value)
    }

    #[test]
    fn what_was_written_is_read_again() {
        let event = event();
        let record = to_record(&event);
        assert_eq!(record.key, event.stream_id.to_string());
        assert_eq!(read(&record), Ok(event));
    }

    #[test]
    fn a_foreign_type_is_told_from_a_damaged_record() {
        let foreign = KafkaRecord {
            headers: vec![(attributes::SPECVERSION, "1.0".to_owned()), (attributes::TYPE, "shop.order".to_owned())],
            ..to_record(&event())
        };
        assert_eq!(read(&foreign), Err(RecordError::ForeignType { event_type: "shop.order".to_owned() }));
        for name in [
            attributes::TYPE,
            attributes::SPECVERSION,
            attributes::SUBJECT,
            attributes::SEQUENCE,
            attributes::ID,
            attributes::SCHEMA_VERSION,
            attributes::TIME,
            attributes::AGGREGATE_TYPE,
            attributes::CORRELATION_ID,
            attributes::CAUSATION_ID,
        ] {
            let mut missing = to_record(&event());
            missing.headers.retain(|(header, _)| *header != name);
            assert_eq!(read(&missing), Err(RecordError::Unreadable { header: name, problem: "missing" }));
        }
        for (name, wrong) in [
            (attributes::SPECVERSION, "0.3"),
            (attributes::SUBJECT, "ann"),
            (attributes::SEQUENCE, "-1"),
            (attributes::ID, "1"),
            (attributes::SCHEMA_VERSION, "one"),
            (attributes::TIME, "yesterday"),
        ] {
            let mut damaged = to_record(&event());
            for (header, value) in &mut damaged.headers {
                if *header == name {
                    wrong.clone_into(value);
                }
            }
            assert!(matches!(read(&damaged), Err(RecordError::Unreadable { header, .. }) if header == name), "{name}");
        }
        let no_json = KafkaRecord { value: b"{".to_vec(), ..to_record(&event()) };
        assert_eq!(read(&no_json), Err(RecordError::Unreadable { header: "value", problem: "not JSON" }));
    }
}
