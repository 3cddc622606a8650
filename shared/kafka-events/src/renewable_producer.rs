use std::sync::{PoisonError, RwLock};

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::producer::{FutureProducer, Producer as _};

use crate::KafkaClientContext;

/// A producer that is replaced when it is past using.
///
/// There are errors after which an idempotent producer could not keep its promise, and so refuses everything for the rest
/// of its life: to have no right to write idempotently is one. A process that lives on would never publish again, also
/// once the right has been granted.
pub(crate) struct RenewableProducer {
    config: ClientConfig,
    context: KafkaClientContext,
    current: RwLock<FutureProducer<KafkaClientContext>>,
}

impl RenewableProducer {
    pub(crate) fn new(config: ClientConfig, context: KafkaClientContext) -> Result<Self, KafkaError> {
        let current = RwLock::new(config.create_with_context(context.clone())?);
        Ok(Self { config, context, current })
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
            match self.config.create_with_context(self.context.clone()) {
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
