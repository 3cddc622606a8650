use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use health::DependencyCheck;
use kafka_clients::{KafkaClientContext, client_config, client_context};
use kafka_events::{KafkaConnection, KafkaEventPublisher};
use rdkafka::consumer::{BaseConsumer, Consumer as _};

/// The time limit of this check. It is below the limit that the health check gives each dependency.
const TIMEOUT: Duration = Duration::from_millis(1_500);

/// Checks that Kafka's brokers know the events' topic. It asks them as a consumer and as the publisher, because these
/// two clients trust different authorities.
pub(crate) struct KafkaCheck {
    pub connection: KafkaConnection,
    pub kafka_publisher: Arc<KafkaEventPublisher>,
}

#[async_trait]
impl DependencyCheck for KafkaCheck {
    fn name(&self) -> &'static str {
        "event-bus"
    }

    async fn check(&self) -> Result<Option<String>, String> {
        let connection = self.connection.clone();
        // librdkafka blocks the calling thread while it waits.
        let answer = tokio::task::spawn_blocking(move || partitions_of(&connection)).await;
        let partitions = answer.map_err(|error| error.to_string())??;
        let published_to = tokio::time::timeout(TIMEOUT, self.kafka_publisher.partition_count()).await;
        published_to.map_err(|_| "the publisher gets no answer".to_owned())?.map_err(|error| {
            let source = error.source().map(|source| format!(": {source}"));
            format!("the publisher: {error}{}", source.unwrap_or_default())
        })?;
        Ok(Some(format!("the topic {} has {partitions} partitions", self.connection.topic())))
    }
}

fn partitions_of(connection: &KafkaConnection) -> Result<usize, String> {
    let client: BaseConsumer<KafkaClientContext> =
        client_config(connection).create_with_context(client_context(connection)).map_err(|error| error.to_string())?;
    let metadata = client.fetch_metadata(Some(connection.topic()), TIMEOUT).map_err(|error| error.to_string())?;
    let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
    if partitions == 0 { Err(format!("there is no topic {}", connection.topic())) } else { Ok(partitions) }
}
