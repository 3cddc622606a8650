use std::sync::Arc;

use cqrs::{EventPublisher, MarkingPublisher};
use kafka_events::{KafkaConnection, KafkaEventPublisher};
use mongo_stores::MongoEventStore;
use settings::{KafkaSettings, SecretUrl};

use crate::{WriteSideError, is_mongodb, unknown_scheme};

/// MongoDB and Kafka, as the commands and the relay need them.
pub struct MongoAndKafka {
    /// Where commits and their marks are.
    pub event_store: Arc<MongoEventStore>,
    /// Where Kafka is, for other clients of it.
    pub connection: KafkaConnection,
    /// Where they are published. It leaves the marks alone.
    pub bus: Arc<KafkaEventPublisher>,
}

impl MongoAndKafka {
    /// A client of each. Nothing is connected here but, where the brokers are asked for by a cluster's ARN, AWS.
    ///
    /// # Errors
    /// See [`WriteSideError`].
    pub async fn open(event_store_url: &SecretUrl, kafka: &KafkaSettings) -> Result<Self, WriteSideError> {
        if !is_mongodb(event_store_url) {
            return Err(unknown_scheme(event_store_url));
        }
        let event_store = Arc::new(MongoEventStore::connect(event_store_url.expose()).await?);
        let connection = KafkaConnection::connect(kafka).await?;
        let bus = KafkaEventPublisher::new(&connection)?;
        Ok(Self { event_store, connection, bus: Arc::new(bus) })
    }

    /// What a command tells of its commit.
    #[must_use]
    pub fn publisher(&self) -> Arc<dyn EventPublisher> {
        Arc::new(MarkingPublisher::new(self.bus.clone(), self.event_store.clone()))
    }
}
