use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::producer::{FutureProducer, Producer as _};

use crate::KafkaClientContext;

/// How long a new producer makes itself ready. A broker that takes longer is away, and whoever publishes finds out.
const READY_TIMEOUT: Duration = Duration::from_secs(5);

/// A producer that is replaced when it is past using.
///
/// There are errors after which an idempotent producer could not keep its promise, and so refuses everything for the rest
/// of its life: to have no right to write idempotently is one. A process that lives on would never publish again, also
/// once the right has been granted.
pub(crate) struct RenewableProducer {
    config: ClientConfig,
    context: KafkaClientContext,
    topic: String,
    current: RwLock<FutureProducer<KafkaClientContext>>,
}

impl RenewableProducer {
    pub(crate) fn new(config: ClientConfig, context: KafkaClientContext, topic: String) -> Result<Self, KafkaError> {
        let current = RwLock::new(producer(&config, &context, &topic)?);
        Ok(Self { config, context, topic, current })
    }

    pub(crate) fn current(&self) -> FutureProducer<KafkaClientContext> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// If this producer is past using: why. Another is in its place then.
    pub(crate) fn replace_if_failed(&self, used: &FutureProducer<KafkaClientContext>) -> Option<String> {
        let (_, reason) = used.client().fatal_error()?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have replaced it by now.
        if current.client().fatal_error().is_some() {
            match producer(&self.config, &self.context, &self.topic) {
                Ok(next) => {
                    let failed = std::mem::replace(&mut *current, next);
                    // Its end blocks the thread that it comes to.
                    std::thread::spawn(move || drop(failed));
                }
                Err(error) => tracing::error!(%error, "a Kafka producer that is past using cannot be replaced"),
            }
        }
        Some(reason)
    }
}

/// A producer that makes itself ready at once.
fn producer(
    config: &ClientConfig,
    context: &KafkaClientContext,
    topic: &str,
) -> Result<FutureProducer<KafkaClientContext>, KafkaError> {
    let producer: FutureProducer<KafkaClientContext> = config.create_with_context(context.clone())?;
    let (waiting, topic) = (producer.clone(), topic.to_owned());
    // It blocks its thread. Its errors are the first record's, too, and are told there.
    std::thread::spawn(move || make_ready(&waiting, &topic));
    Ok(producer)
}

/// Asks for the topic's partitions until two brokers have answered, or one twice: the one that was asked where the others are,
/// and one of those.
///
/// The first answer tells where the topic's leaders are. The client then closes its connection and makes one to a leader, and it
/// tries to become a producer, for which it needs a connection: it has none just then, and tries again half a second later, or
/// when a broker has answered something. So a record of a function that has just started would wait for half a second.
fn make_ready(producer: &FutureProducer<KafkaClientContext>, topic: &str) {
    let give_up_at = Instant::now() + READY_TIMEOUT;
    let mut answers = 0;
    while answers < 2 {
        let timeout = give_up_at.saturating_duration_since(Instant::now());
        if timeout.is_zero() {
            return;
        }
        match producer.client().fetch_metadata(Some(topic), timeout) {
            Ok(_) => answers += 1,
            // The connection that it went by is being closed.
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}
