use std::sync::Arc;

use kafka_clients::{client_config, client_context};
use kafka_events::KafkaConnection;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::error::KafkaError;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::MappingSettings;
use super::batch_invoker::BatchInvoker;
use super::dead_letter_writer::DeadLetterWriter;
use super::poller::Poller;
use super::poller_context::PollerContext;
use super::record::Source;
use super::stop::Stop;
use crate::InvokeClient;

/// The time after which a silent poller loses its partitions.
const SESSION_TIMEOUT_MS: &str = "6000";
/// The longest time that a poller may be busy with one invocation: Lambda's own limit, and a margin.
const MAX_POLL_INTERVAL_MS: &str = "960000";

/// Brings the records of a topic to a function. If it is dropped without [`stop`](Self::stop), it ends at once. The
/// records that it has not committed are delivered again.
pub struct EventSourceMapping {
    stop: watch::Sender<bool>,
    pollers: JoinSet<()>,
}

/// The reason why a mapping did not start.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// The topic of dead letters is the topic itself, so that delivering would never end. Handling: name another topic.
    #[error("the dead-letter topic is the events' topic")]
    Recursion,
    /// The Kafka client cannot use its settings. Handling: correct them and start again.
    #[error("there is no Kafka client for these settings")]
    Client(#[from] KafkaError),
}

impl EventSourceMapping {
    /// Starts delivering the records of the connection's topic, from the group's first unfinished record. A new group
    /// begins with the first record of the topic (`TRIM_HORIZON`). Brokers and the function may be away: the mapping
    /// waits for them.
    ///
    /// # Errors
    /// See [`MappingError`].
    pub fn start(
        connection: &KafkaConnection,
        client: &InvokeClient,
        settings: &MappingSettings,
    ) -> Result<Self, MappingError> {
        if connection.topic() == connection.dead_letter_topic() {
            return Err(MappingError::Recursion);
        }
        let bootstrap_servers = connection.bootstrap_servers().to_owned();
        let source = Source { topic: connection.topic().to_owned(), bootstrap_servers };
        let dead_letters = Arc::new(DeadLetterWriter::new(connection, source.clone(), settings)?);
        let (stop, stopped) = watch::channel(false);
        let mut pollers = JoinSet::new();
        for _ in 0..settings.pollers {
            let consumer: StreamConsumer<PollerContext> = client_config(connection)
                .set("group.id", &settings.group_id)
                .set("enable.auto.commit", "false")
                .set("enable.auto.offset.store", "false")
                .set("auto.offset.reset", "earliest")
                .set("session.timeout.ms", SESSION_TIMEOUT_MS)
                .set("max.poll.interval.ms", MAX_POLL_INTERVAL_MS)
                .create_with_context(PollerContext::new(client_context(connection), source.topic.clone()))?;
            consumer.subscribe(&[&source.topic])?;
            let invoker = BatchInvoker {
                client: client.clone(),
                function_name: settings.function_name.clone(),
                source: source.clone(),
                max_payload_bytes: settings.max_payload_bytes,
            };
            let stop = Stop::new(stopped.clone(), settings.grace);
            let poller = Poller::new(consumer, invoker, Arc::clone(&dead_letters), settings.clone(), stop);
            pollers.spawn(poller.run());
        }
        Ok(Self { stop, pollers })
    }

    /// Stops the mapping. Invocations under way are finished within the settings' grace, and finished records are
    /// committed.
    pub async fn stop(mut self) {
        // Sending fails only when all pollers have ended.
        let _ = self.stop.send(true);
        while let Some(ended) = self.pollers.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a poller had ended before");
            }
        }
    }
}
