use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use cqrs::Timestamp;
use kafka_clients::{KafkaClientContext, client_config, client_context};
use kafka_events::KafkaConnection;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use tokio::time::sleep;
use uuid::Uuid;

use super::MappingSettings;
use super::backlog::GivenUp;
use super::record::Source;
use super::stop::{Abandoned, Stop};
use crate::dead_letters::{BatchInfo, Condition, DeadLetter, RecordInfo, RequestContext, ResponseContext};

/// The longest letter that the client sends. The broker decides how long a letter in the topic may be.
const MAX_LETTER_BYTES: &str = "20000000";

/// Writes dead letters.
pub(crate) struct DeadLetterWriter {
    producer: FutureProducer<KafkaClientContext>,
    topic: String,
    source: Source,
    function_name: String,
    first_pause: Duration,
    longest_pause: Duration,
}

impl DeadLetterWriter {
    pub(crate) fn new(
        connection: &KafkaConnection,
        source: Source,
        settings: &MappingSettings,
    ) -> Result<Self, KafkaError> {
        let producer = client_config(connection)
            .set("enable.idempotence", "true")
            // Base64 and lists of numbers make a record much longer. Compression removes the difference.
            .set("compression.type", "gzip")
            .set("message.max.bytes", MAX_LETTER_BYTES)
            .create_with_context(client_context(connection))?;
        Ok(Self {
            producer,
            topic: connection.dead_letter_topic().to_owned(),
            source,
            function_name: settings.function_name.clone(),
            first_pause: settings.first_pause,
            longest_pause: settings.longest_pause,
        })
    }

    /// Writes the records that were given up and waits until the brokers have them, with as many tries as needed. Their
    /// offsets are passed afterwards.
    pub(crate) async fn write_all(
        &self,
        given_up: &[GivenUp],
        condition: Condition,
        function_error: Option<&str>,
        stop: &Stop,
    ) -> Result<(), Abandoned> {
        for one in given_up {
            let (partition, offset) = (one.record.partition, one.record.offset);
            let pauses = ExponentialBuilder::default()
                .with_min_delay(self.first_pause)
                .with_max_delay(self.longest_pause)
                .without_max_times()
                .with_jitter();
            let write = || self.write(one, condition, function_error);
            let written = write.retry(pauses).sleep(sleep).notify(|error, pause| {
                tracing::error!(partition, offset, %error, ?pause, "a dead letter could not be written");
            });
            // The write is tried without end, so it never fails.
            stop.within_grace(written).await?.map_err(|_| Abandoned)?;
            tracing::error!(partition, offset, condition = condition.as_str(), "record given up: a dead letter");
        }
        Ok(())
    }

    /// Writes a record and waits until the brokers have it. A record that is too large for the topic is written without its
    /// content. The letter then says where the content is.
    async fn write(
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
        // The letter has the record's key, so that the letters of one stream keep their order too.
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
            payload: with_content.then(|| self.source.event_of_one(record)),
        }
    }
}
