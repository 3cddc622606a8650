use std::collections::BTreeSet;
use std::sync::Arc;

use cloud_events::{RecordError, from_record};
use cqrs::{EventConsumer, EventEnvelope, EventHandler, EventHandlerError, RejectedEvent};
use lambda_kafka_event::{KafkaEvent, RecordJson};

use crate::{AccountEventConsumer, BatchItemFailure, BatchResponse, ItemIdentifier};

/// The function behind the Kafka event source mapping.
pub struct AccountProjectorFunction {
    consumer: Arc<dyn EventConsumer>,
}

/// A batch, sorted into kinds of records.
#[derive(Default)]
struct SortedBatch {
    /// The events.
    events: Vec<EventEnvelope>,
    /// The record of each event.
    places: Vec<ItemIdentifier>,
    /// The number of records without a value. For Kafka this means that a key is gone. No event of this program has
    /// this form.
    tombstones: u64,
    /// The number of other systems' events on the same topic.
    foreign: u64,
    /// Records that cannot be read.
    unreadable: BTreeSet<ItemIdentifier>,
}

impl AccountProjectorFunction {
    /// A projector for this read database.
    #[must_use]
    pub fn new(event_handler: Arc<dyn EventHandler>) -> Self {
        Self::with_consumer(Arc::new(AccountEventConsumer::new(event_handler)))
    }

    /// A projector for this consumer, which may write to more than the read database.
    #[must_use]
    pub fn with_consumer(consumer: Arc<dyn EventConsumer>) -> Self {
        Self { consumer }
    }

    /// Applies a batch, with all its events in one transaction, and answers the records that failed. A failed record
    /// does not hold back the records beside it. It does not hold back the records behind it in its partition either,
    /// except those of its own account. These wait in the read database for their turn. The mapping delivers a
    /// partition again from its first failed record. Events that were applied before are then dropped as repeats.
    ///
    /// # Errors
    /// [`EventHandlerError`]: no event was applied, and the whole batch must be delivered again.
    pub async fn project(&self, batch: KafkaEvent) -> Result<BatchResponse, EventHandlerError> {
        let SortedBatch { events, places, tombstones, foreign, unreadable } = sort(&batch);
        let consumed = self.consumer.consume(&events).await;
        let rejected = consumed.inspect_err(|error| {
            tracing::error!(records = events.len(), %error, causes = telemetry::causes(error), "batch not applied");
        })?;
        let rejected: Vec<ItemIdentifier> = rejected
            .into_iter()
            .map(|RejectedEvent { index, reason }| {
                log_failure(&places[index], &reason);
                places[index].clone()
            })
            .collect();
        tracing::info!(
            records = batch.records.values().map(Vec::len).sum::<usize>(),
            events = events.len(),
            tombstones,
            foreign,
            unreadable = unreadable.len(),
            rejected = rejected.len(),
            "batch projected"
        );
        let failed: BTreeSet<ItemIdentifier> = unreadable.into_iter().chain(rejected).collect();
        let batch_item_failures =
            failed.into_iter().map(|item_identifier| BatchItemFailure { item_identifier }).collect();
        Ok(BatchResponse { batch_item_failures })
    }
}

fn sort(batch: &KafkaEvent) -> SortedBatch {
    let mut sorted = SortedBatch::default();
    for (partition, records) in &batch.records {
        for record in records {
            let place = ItemIdentifier::new(partition.clone(), record.offset);
            match event_of(record) {
                Ok(Some(event)) => {
                    sorted.events.push(event);
                    sorted.places.push(place);
                }
                Ok(None) => sorted.tombstones += 1,
                Err(NoEvent::Foreign) => sorted.foreign += 1,
                Err(NoEvent::Unreadable(reason)) => {
                    log_failure(&place, &reason);
                    sorted.unreadable.insert(place);
                }
            }
        }
    }
    sorted
}

enum NoEvent {
    Foreign,
    Unreadable(String),
}

/// The event of a record, or `None` for a tombstone.
fn event_of(record: &RecordJson) -> Result<Option<EventEnvelope>, NoEvent> {
    let unreadable = |reason: &str| NoEvent::Unreadable(reason.to_owned());
    let Some(value) = record.value().map_err(unreadable)? else {
        return Ok(None);
    };
    let headers = record.headers().map_err(unreadable)?;
    match from_record(|name| headers.get(name).map(Vec::as_slice), &value) {
        Ok(event) => Ok(Some(event)),
        Err(RecordError::ForeignType { .. }) => Err(NoEvent::Foreign),
        Err(error @ RecordError::Unreadable { .. }) => Err(NoEvent::Unreadable(error.to_string())),
    }
}

fn log_failure(place: &ItemIdentifier, reason: &str) {
    tracing::error!(partition = place.partition, offset = place.offset, reason, "record failed");
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use cloud_events::to_record;
    use cqrs::{HandledBatch, StreamId, Timestamp};
    use lambda_kafka_event::{TimestampType, WholeRecord};
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    /// A consumer that takes all events except those whose data says that they are poison.
    #[derive(Default)]
    struct Memory {
        taken: Mutex<Vec<EventEnvelope>>,
        is_down: bool,
    }

    #[async_trait]
    impl EventHandler for Memory {
        async fn handle(&self, events: &[EventEnvelope]) -> Result<HandledBatch, EventHandlerError> {
            if self.is_down {
                return Err(EventHandlerError::Unavailable { source: "no server".into() });
            }
            let mut handled = HandledBatch::default();
            let mut taken = self.taken.lock().expect("no panic");
            for (index, event) in events.iter().enumerate() {
                if event.data == json!("poison") {
                    handled.rejected.push(RejectedEvent { index, reason: "poison".to_owned() });
                } else {
                    taken.push(event.clone());
                }
            }
            Ok(handled)
        }
    }

    fn event(data: Value) -> EventEnvelope {
        EventEnvelope {
            stream_id: StreamId(Uuid::now_v7()),
            aggregate_type: "account".to_owned(),
            version: 1,
            event_id: Uuid::now_v7(),
            event_type: "FundsDeposited".to_owned(),
            schema_version: 1,
            data,
            occurred_at: Timestamp::now(),
            correlation_id: "c".to_owned(),
            causation_id: "d".to_owned(),
        }
    }

    fn record(offset: i64, event: &EventEnvelope) -> Value {
        let written = to_record(event);
        let headers = written.headers.iter();
        let whole = WholeRecord {
            topic: "t".to_owned(),
            partition: 0,
            offset,
            key: None,
            value: Some(written.value.clone()),
            headers: headers.map(|(name, value)| ((*name).to_owned(), Some(value.as_bytes().to_vec()))).collect(),
        };
        serde_json::to_value(RecordJson::new(&whole, 0, TimestampType::CreateTime)).expect("serializes")
    }

    async fn project(memory: Memory, records: &Value) -> (Value, Vec<EventEnvelope>) {
        let memory = Arc::new(memory);
        let batch = serde_json::from_value(json!({"eventSource": "aws:kafka", "records": records})).expect("a batch");
        let answer = AccountProjectorFunction::new(memory.clone()).project(batch).await.expect("projects");
        let taken = memory.taken.lock().expect("no panic").clone();
        (serde_json::to_value(answer).expect("serializes"), taken)
    }

    fn failure(partition: &str, offset: i64) -> Value {
        json!({"itemIdentifier": {"topic-partition": partition, "partition": partition, "offset": offset}})
    }

    #[tokio::test]
    async fn a_batch_that_is_applied_has_no_failures() {
        let (one, other) = (event(json!(1)), event(json!(2)));
        let records = json!({"t-0": [record(5, &one)], "t-1": [record(3, &other)]});
        let (answer, taken) = project(Memory::default(), &records).await;
        assert_eq!(answer, json!({"batchItemFailures": []}));
        assert_eq!(taken, [one, other]);
    }

    #[tokio::test]
    async fn poison_amid_two_partitions_fails_alone_and_in_the_order_of_offsets() {
        // given
        let good: Vec<EventEnvelope> = (0..6).map(|number| event(json!(number))).collect();
        let unreadable = json!({"offset": 11, "value": "e30=", "headers": [{"ce_type": [-1]}]});
        let records = json!({
            "t-0": [record(9, &good[0]), record(10, &event(json!("poison"))), unreadable, record(12, &good[1])],
            "t-1": [record(1, &good[2]), record(2, &good[3]), record(3, &event(json!("poison"))), record(4, &good[4])],
            "t-10": [record(1, &good[5])],
        });
        // when
        let (answer, taken) = project(Memory::default(), &records).await;
        // then
        let failures = json!([failure("t-0", 10), failure("t-0", 11), failure("t-1", 3)]);
        assert_eq!(answer, json!({ "batchItemFailures": failures }));
        assert_eq!(taken, good);
    }

    #[tokio::test]
    async fn every_record_that_carries_a_rejected_event_fails() {
        let poison = event(json!("poison"));
        let mended = EventEnvelope { data: json!("mended"), ..poison.clone() };
        let records = json!({
            "t-0": [record(1, &poison), record(2, &mended), record(3, &poison)],
            "t-1": [record(1, &poison)],
        });
        let (answer, taken) = project(Memory::default(), &records).await;
        let failures = json!([failure("t-0", 1), failure("t-0", 3), failure("t-1", 1)]);
        assert_eq!(answer, json!({ "batchItemFailures": failures }));
        assert_eq!(taken, [mended]);
    }

    #[tokio::test]
    async fn tombstones_and_other_systems_events_are_done_with() {
        let good = event(json!(1));
        let mut tombstone = record(1, &good);
        tombstone["value"] = Value::Null;
        let foreign = json!({
            "offset": 2, "value": "bm90IGV2ZW4gSlNPTg==", "headers": [{"ce_specversion": b"1.0"}, {"ce_type": b"shop.order"}],
        });
        let (answer, taken) = project(Memory::default(), &json!({"t-0": [tombstone, foreign, record(3, &good)]})).await;
        assert_eq!(answer, json!({"batchItemFailures": []}));
        assert_eq!(taken, [good]);
    }

    #[tokio::test]
    async fn a_batch_fails_whole_when_the_read_database_is_down() {
        let records = json!({"t-0": [record(1, &event(json!(1)))]});
        let batch = serde_json::from_value(json!({ "records": records })).expect("a batch");
        let memory = Arc::new(Memory { is_down: true, ..Memory::default() });
        let error = AccountProjectorFunction::new(memory).project(batch).await.expect_err("it is down");
        assert!(matches!(error, EventHandlerError::Unavailable { .. }), "{error:?}");
    }
}
