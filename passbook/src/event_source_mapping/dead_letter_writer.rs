use cqrs::Timestamp;
use kafka_clients::{KafkaClientContext, client_config, client_context};
use kafka_events::KafkaConnection;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use uuid::Uuid;

use super::backlog::GivenUp;
use super::dead_letter::{
    BatchInfo, Condition, DeadLetter, DeadLetterPayload, RecordInfo, RequestContext, ResponseContext,
};
use super::record::Source;

/// The longest letter that the client sends; what the topic takes, the broker says.
const MAX_LETTER_BYTES: &str = "20000000";

/// Writes dead letters.
pub(crate) struct DeadLetterWriter {
    producer: FutureProducer<KafkaClientContext>,
    topic: String,
    source: Source,
    function_name: String,
}

impl DeadLetterWriter {
    pub(crate) fn new(connection: &KafkaConnection, source: Source, function_name: &str) -> Result<Self, KafkaError> {
        let producer = client_config(connection)
            .set("enable.idempotence", "true")
            // In Base64 and lists of numbers a record is a good deal longer than it was; packed it is not.
            .set("compression.type", "gzip")
            .set("message.max.bytes", MAX_LETTER_BYTES)
            .create_with_context(client_context(connection))?;
        let topic = connection.dead_letter_topic().to_owned();
        Ok(Self { producer, topic, source, function_name: function_name.to_owned() })
    }

    /// Writes a record that was given up, and waits until the brokers have it. One that is too large for the topic is
    /// written without its content: it says where that is.
    pub(crate) async fn write(
        &self,
        given_up: &GivenUp,
        condition: Condition,
        function_error: Option<&str>,
    ) -> Result<(), KafkaError> {
        let whole = self.letter(given_up, condition, function_error, true);
        match self.send(given_up, &whole).await {
            Err(KafkaError::MessageProduction(
                RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidMessageSize,
            )) => {
                let GivenUp { record, .. } = given_up;
                tracing::warn!(partition = record.partition, offset = record.offset, "dead letter without its content");
                self.send(given_up, &self.letter(given_up, condition, function_error, false)).await
            }
            result => result,
        }
    }

    async fn send(&self, given_up: &GivenUp, letter: &DeadLetter) -> Result<(), KafkaError> {
        // Texts, numbers and lists of them serialize.
        let value = serde_json::to_vec(letter).unwrap_or_default();
        // By the record's key, so that the letters of one stream keep their order too.
        let mut message = FutureRecord::<[u8], [u8]>::to(&self.topic).payload(&value);
        if let Some(key) = &given_up.record.key {
            message = message.key(key);
        }
        self.producer.send(message, Timeout::Never).await.map(|_| ()).map_err(|(error, _)| error)
    }

    fn letter(
        &self,
        GivenUp { record, invocations }: &GivenUp,
        condition: Condition,
        function_error: Option<&str>,
        with_content: bool,
    ) -> DeadLetter {
        let partition = self.source.partition_name(record.partition);
        let payload = DeadLetterPayload {
            event_source: "SelfManagedKafka".to_owned(),
            bootstrap_servers: self.source.bootstrap_servers.clone(),
            records: [(partition.clone(), vec![record.json.clone()])].into(),
        };
        let written_at = Timestamp::from_unix_micros(record.timestamp_ms.saturating_mul(1_000));
        DeadLetter {
            request_context: RequestContext {
                request_id: Uuid::now_v7().to_string(),
                function_arn: self.function_name.clone(),
                condition: condition.as_str().to_owned(),
                approximate_invoke_count: *invocations,
            },
            response_context: ResponseContext {
                status_code: 200,
                executed_version: "$LATEST".to_owned(),
                function_error: function_error.map(ToOwned::to_owned),
            },
            version: "1.0".to_owned(),
            timestamp: Timestamp::now().to_string(),
            kafka_batch_info: BatchInfo {
                batch_size: 1,
                bootstrap_servers: self.source.bootstrap_servers.clone(),
                payload_size: record.bytes(),
                record_info: RecordInfo {
                    offset: record.offset.to_string(),
                    timestamp: written_at.map_or_else(|_| String::new(), |time| time.to_string()),
                    partition,
                },
            },
            payload: with_content.then_some(payload),
        }
    }
}
