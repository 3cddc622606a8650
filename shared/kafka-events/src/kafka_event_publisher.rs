use std::time::{Duration, Instant};

use async_trait::async_trait;
use cloud_events::{KafkaRecord, to_record};
use cqrs::{Commit, EventPublisher, PublishError};
use futures::future::try_join_all;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};

use crate::pause::Pause;
use crate::renewable_producer::RenewableProducer;
use crate::{KafkaClientContext, KafkaConnection};

/// How long a publisher waits, and for how long it then does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishLimits {
    /// All of one commit's acknowledgements together. A command waits for it within the dispatcher's 10 s, and beside
    /// it for the event store.
    pub timeout: Duration,
    /// After a commit that was not acknowledged in time, others fail at once for so long; then one is tried.
    pub pause: Duration,
}

impl Default for PublishLimits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(2), pause: Duration::from_secs(5) }
    }
}

/// Why a commit is not on Kafka now: the source of the [`PublishError`]. Handling: log it; the commit keeps its mark,
/// and the relay publishes it.
#[derive(Debug, thiserror::Error)]
pub enum KafkaPublishError {
    /// Not tried, since its personal data has not been opened: its events would look as if that had been erased.
    /// Handling: a defect of the program; what publishes others' commits opens them first.
    #[error("the commit's personal data is sealed")]
    Sealed,
    /// Not tried, since another commit was not acknowledged a moment ago. Handling: none of its own.
    #[error("publishing pauses after a failure")]
    Paused,
    /// The brokers did not acknowledge in time. They may have the events all the same, or get them yet. Handling: look
    /// after the brokers, the network between or the sign-in; publishing goes on by itself once they answer.
    #[error("no acknowledgement within {} ms; the client says: {}", timeout.as_millis(), trouble.as_deref().unwrap_or("nothing"))]
    TimedOut {
        /// The limit.
        timeout: Duration,
        /// What the client complained about last.
        trouble: Option<String>,
    },
    /// The client has given up for good, and another has taken its place. Handling: that of the reason, often a right that
    /// is missing (to write idempotently); publishing goes on by itself once it is granted.
    #[error("the producer cannot go on: {reason}")]
    ProducerFailed {
        /// What the client says.
        reason: String,
    },
    /// The client or a broker refused one of the commit's records: it is too large, or there is no such topic, or no
    /// right to write to it. Other commits are not held up. Handling: that of its source; a record that is too large
    /// never goes, until the topic's `max.message.bytes` allows for it.
    #[error("a record was refused")]
    Refused(#[source] KafkaError),
}

/// Why records may still be under way. Handling: log it; their commits keep their marks.
#[derive(Debug, thiserror::Error)]
pub enum FlushError {
    /// They were not acknowledged in time.
    #[error("not every record was acknowledged in time")]
    Unacknowledged(#[source] KafkaError),
    /// The runtime is shutting down.
    #[error("nobody waits for the acknowledgements any more")]
    TaskEnded(#[source] tokio::task::JoinError),
}

/// Publishes each commit to the events' topic as soon as it is stored.
///
/// Every event is a record of its own, under its stream's id as the key, so that one stream's events share a partition.
/// They are written once and in order as long as this producer lives, by Kafka's idempotent producer. Across two
/// processes, or where the relay repeats what a command had published, they may come twice or out of order: consumers
/// go by the version.
pub struct KafkaEventPublisher {
    producer: RenewableProducer,
    context: KafkaClientContext,
    topic: String,
    timeout: Duration,
    pause: Pause,
}

impl KafkaEventPublisher {
    /// A publisher with the default limits. No broker needs to be there yet.
    ///
    /// # Errors
    /// librdkafka's, when it cannot use its settings; an unreadable CA file is one. Handling: set them right and start
    /// again.
    pub fn new(connection: &KafkaConnection) -> Result<Self, KafkaError> {
        Self::with_limits(connection, PublishLimits::default())
    }

    /// A publisher with these limits.
    ///
    /// # Errors
    /// As of [`new`](Self::new).
    pub fn with_limits(connection: &KafkaConnection, limits: PublishLimits) -> Result<Self, KafkaError> {
        let context = connection.client_context();
        let timeout_ms = limits.timeout.as_millis();
        let mut config = connection.client_config();
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            // A command waits for its own events: there is nothing to gather.
            .set("linger.ms", "0")
            // How long a record stays with the client: no longer than somebody waits for it.
            .set("message.timeout.ms", timeout_ms.to_string())
            // For so long a topic that no broker knows may be one that was made a moment ago.
            .set("topic.metadata.propagation.max.ms", (timeout_ms / 2).to_string())
            // The partition that Java's and most other clients give a key, so that any of them finds a stream's.
            .set("partitioner", "murmur2_random");
        let topic = connection.topic().to_owned();
        let producer = RenewableProducer::new(config, context.clone(), topic.clone())?;
        Ok(Self { producer, context, topic, timeout: limits.timeout, pause: Pause::of(limits.pause) })
    }

    /// Waits until every record that is under way has been acknowledged or given up, for a program that ends.
    ///
    /// # Errors
    /// See [`FlushError`].
    pub async fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        let producer = self.producer.current();
        // It blocks its thread.
        let flushed = tokio::task::spawn_blocking(move || producer.flush(timeout));
        flushed.await.map_err(FlushError::TaskEnded)?.map_err(FlushError::Unacknowledged)
    }

    async fn acknowledged(&self, commit: &Commit) -> Result<(), KafkaPublishError> {
        if commit.is_sealed() {
            return Err(KafkaPublishError::Sealed);
        }
        if !self.pause.may_try(Instant::now()) {
            return Err(KafkaPublishError::Paused);
        }
        let producer = self.producer.current();
        let error = match tokio::time::timeout(self.timeout, self.delivered(&producer, commit)).await {
            Ok(Ok(())) => {
                self.pause.end();
                self.context.forget_trouble();
                return Ok(());
            }
            Ok(Err(error)) => Some(error).filter(|error| !is_timeout(error)),
            Err(_) => None,
        };
        if let Some(reason) = self.producer.replace_if_failed(&producer) {
            self.pause.begin(Instant::now());
            return Err(KafkaPublishError::ProducerFailed { reason });
        }
        if let Some(error) = error {
            return Err(KafkaPublishError::Refused(error));
        }
        self.pause.begin(Instant::now());
        Err(KafkaPublishError::TimedOut { timeout: self.timeout, trouble: self.context.last_trouble() })
    }

    async fn delivered(
        &self,
        producer: &FutureProducer<KafkaClientContext>,
        commit: &Commit,
    ) -> Result<(), KafkaError> {
        // All are handed over before any is waited for, so that they travel together and in order.
        let mut deliveries = Vec::with_capacity(commit.draft.events.len());
        for event in commit.envelopes() {
            deliveries.push(delivery(self.enqueue(producer, &to_record(&event))?));
        }
        try_join_all(deliveries).await.map(drop)
    }

    fn enqueue(
        &self,
        producer: &FutureProducer<KafkaClientContext>,
        record: &KafkaRecord,
    ) -> Result<DeliveryFuture, KafkaError> {
        let headers = OwnedHeaders::new_with_capacity(record.headers.len());
        let headers = record
            .headers
            .iter()
            .fold(headers, |headers, (name, value)| headers.insert(Header { key: name, value: Some(value) }));
        let record = FutureRecord::to(&self.topic).key(&record.key).payload(&record.value).headers(headers);
        producer.send_result(record).map_err(|(error, _)| error)
    }
}

#[async_trait]
impl EventPublisher for KafkaEventPublisher {
    async fn publish(&self, commit: &Commit) -> Result<(), PublishError> {
        self.acknowledged(commit).await.map_err(|error| PublishError { source: error.into() })
    }
}

async fn delivery(delivery: DeliveryFuture) -> Result<(), KafkaError> {
    match delivery.await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err((error, _))) => Err(error),
        // The producer tells of every record before it is gone.
        Err(_) => Err(KafkaError::Canceled),
    }
}

/// Whether the record ran out of time, rather than being refused.
fn is_timeout(error: &KafkaError) -> bool {
    matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut))
}

#[cfg(test)]
mod tests {
    use cqrs::{CommitDraft, Opening, RecordedEvent, RecordedState, SealedPersonalData, StreamId, Timestamp};
    use rdkafka::mocking::MockCluster;
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
    use settings::{KafkaBrokers, KafkaSettings, KafkaSignIn};

    use super::*;

    fn commit() -> Commit {
        let event = RecordedEvent {
            event_id: uuid::Uuid::now_v7(),
            event_type: "Counted".to_owned(),
            schema_version: 1,
            data: serde_json::json!({ "number": 1 }),
            personal: None,
        };
        let draft = CommitDraft {
            stream_id: StreamId(uuid::Uuid::now_v7()),
            aggregate_type: "counter".to_owned(),
            first_version: 1,
            events: vec![event],
            occurred_at: Timestamp::now(),
            caller: "a caller".to_owned(),
            correlation_id: "a request".to_owned(),
            causation_id: "a request".to_owned(),
            idempotency: None,
            state: RecordedState { state_version: 1, data: serde_json::json!(1) },
            previous_hash: None,
        };
        draft.seal()
    }

    /// On a broker of librdkafka's own, which refuses on demand: a real one would need an authorizer for it, and a user
    /// who loses a right halfway.
    #[tokio::test]
    async fn a_producer_that_gives_up_for_good_is_replaced() {
        let cluster = MockCluster::new(1).expect("a broker");
        cluster.create_topic("events", 1, 1).expect("a topic");
        cluster.request_errors(
            RDKafkaApiKey::InitProducerId,
            &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED],
        );
        let settings = KafkaSettings {
            brokers: KafkaBrokers::BootstrapServers(cluster.bootstrap_servers()),
            sign_in: KafkaSignIn::Plaintext,
            ca_file: None,
            topic: "events".to_owned(),
            dead_letter_topic: "events.dead-letters".to_owned(),
        };
        let connection = KafkaConnection::connect(&settings).await.expect("brokers that are named");
        let limits = PublishLimits { pause: Duration::from_millis(100), ..PublishLimits::default() };
        let publisher = KafkaEventPublisher::with_limits(&connection, limits).expect("a publisher");

        let failed = publisher.acknowledged(&commit()).await;
        assert!(matches!(failed, Err(KafkaPublishError::ProducerFailed { .. })), "{failed:?}");
        let paused = publisher.acknowledged(&commit()).await;
        assert!(matches!(paused, Err(KafkaPublishError::Paused)), "{paused:?}");
        tokio::time::sleep(limits.pause).await;
        publisher.acknowledged(&commit()).await.expect("the next producer publishes");
    }

    #[tokio::test]
    async fn a_sealed_commit_is_not_published_as_if_it_had_been_erased() {
        let settings = KafkaSettings {
            brokers: KafkaBrokers::BootstrapServers("127.0.0.1:1".to_owned()),
            sign_in: KafkaSignIn::Plaintext,
            ca_file: None,
            topic: "events".to_owned(),
            dead_letter_topic: "events.dead-letters".to_owned(),
        };
        let connection = KafkaConnection::connect(&settings).await.expect("brokers that are named");
        let publisher = KafkaEventPublisher::new(&connection).expect("a publisher");
        let mut sealed = commit();
        sealed.draft.events[0].personal = Some(SealedPersonalData {
            members: vec!["name".to_owned()],
            ciphertext: "…".to_owned(),
            opening: Opening::Sealed,
        });
        let refused = publisher.acknowledged(&sealed).await;
        assert!(matches!(refused, Err(KafkaPublishError::Sealed)), "{refused:?}");
    }
}
