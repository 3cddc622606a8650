use std::collections::BTreeSet;
use std::error::Error;
use std::sync::{Mutex, PoisonError};

use kafka_clients::KafkaClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{ClientContext, TopicPartitionList};

/// The callbacks that the driver uses for a poller's consumer.
pub(crate) struct PollerContext {
    connection: KafkaClientContext,
    topic: String,
    /// Partitions that were taken away since the poller's last check.
    revoked: Mutex<BTreeSet<i32>>,
}

impl PollerContext {
    pub(crate) fn new(connection: KafkaClientContext, topic: String) -> Self {
        Self { connection, topic, revoked: Mutex::default() }
    }

    /// The partitions that were taken away since the last call.
    pub(crate) fn take_revoked(&self) -> BTreeSet<i32> {
        std::mem::take(&mut *self.revoked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientContext for PollerContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = KafkaClientContext::ENABLE_REFRESH_OAUTH_TOKEN;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.connection.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.connection.error(error, reason);
    }

    fn generate_oauth_token(&self, configuration: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.connection.generate_oauth_token(configuration)
    }
}

impl ConsumerContext for PollerContext {
    /// The driver calls this while the poller waits for the next record, and so never between an invocation and its commit.
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = rebalance {
            let partitions = partitions.elements_for_topic(&self.topic).into_iter().map(|one| one.partition());
            self.revoked.lock().unwrap_or_else(PoisonError::into_inner).extend(partitions);
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            // The records are delivered again, to this poller or another.
            tracing::warn!(%error, "offsets could not be committed");
        }
    }
}
