use std::sync::Arc;

use cqrs::{EventPublisher, MarkingPublisher};
use kafka_events::{KafkaConnection, KafkaEventPublisher};
use mongo_stores::{MongoEventStore, RequestsAtOnce};
use settings::{KafkaSettings, SecretUrl};

use crate::{WriteSideError, is_mongodb, unknown_scheme};

/// MongoDB and Kafka, for the commands and the relay.
pub struct MongoAndKafka {
    /// The store of commits and their marks.
    pub mongo_event_store: Arc<MongoEventStore>,
    /// The connection settings of Kafka, for its other clients.
    pub connection: KafkaConnection,
    /// The bus on which commits are published. It does not touch the marks.
    pub kafka_publisher: Arc<KafkaEventPublisher>,
}

impl MongoAndKafka {
    /// Opens a client of each. Neither server is connected here. If the brokers are given by a cluster's ARN, AWS is
    /// asked for their addresses.
    ///
    /// # Errors
    /// See [`WriteSideError`].
    pub async fn open(event_store_url: &SecretUrl, kafka: &KafkaSettings) -> Result<Self, WriteSideError> {
        Self::open_for(event_store_url, kafka, RequestsAtOnce::One).await
    }

    /// As [`open`](Self::open), for a program that serves many requests at once.
    ///
    /// # Errors
    /// See [`WriteSideError`].
    pub async fn open_for_many(event_store_url: &SecretUrl, kafka: &KafkaSettings) -> Result<Self, WriteSideError> {
        Self::open_for(event_store_url, kafka, RequestsAtOnce::Many).await
    }

    async fn open_for(
        event_store_url: &SecretUrl,
        kafka: &KafkaSettings,
        requests_at_once: RequestsAtOnce,
    ) -> Result<Self, WriteSideError> {
        if !is_mongodb(event_store_url) {
            return Err(unknown_scheme(event_store_url));
        }
        let mongo_event_store =
            Arc::new(MongoEventStore::connect_for(event_store_url.expose(), requests_at_once).await?);
        let connection = KafkaConnection::connect(kafka).await?;
        let kafka_publisher = KafkaEventPublisher::new(&connection)?;
        Ok(Self { mongo_event_store, connection, kafka_publisher: Arc::new(kafka_publisher) })
    }

    /// The publisher for a command's commit.
    #[must_use]
    pub fn publisher(&self) -> Arc<dyn EventPublisher> {
        Arc::new(MarkingPublisher::new(self.kafka_publisher.clone(), self.mongo_event_store.clone()))
    }
}
