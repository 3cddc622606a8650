//! The events' topic and the dead-letter topic. They are made before the first event and updated with each release, as
//! part of the deployment. A function must not need the right to do so.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_events::KafkaConnection;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigSource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use settings::KafkaSignIn;

use crate::{KafkaClientContext, client_config, client_context};

const RETENTION_MS: &str = "retention.ms";
/// The limit of one request, including the search for a broker.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// The planned properties of the topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPlan {
    /// The number of partitions, which is the largest number of consumers that can share the work. It is chosen once.
    /// With another number a stream's key leads to another partition, where its next events could overtake the earlier
    /// events.
    pub partitions: u16,
    /// The number of brokers that hold each record. An existing topic keeps its number.
    pub replication_factor: u16,
    /// How long records are kept. It must be longer than any consumer is ever down. The event store keeps events for
    /// ever, but a consumer that has missed records here needs a rebuild.
    pub retention: Duration,
}

impl Default for TopicPlan {
    fn default() -> Self {
        Self { partitions: 12, replication_factor: 3, retention: Duration::from_secs(7 * 24 * 60 * 60) }
    }
}

/// The reason why the topics are not as planned.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The client cannot use its settings. Handling: set them correctly and start again.
    #[error("there is no client for these settings")]
    Client(#[source] KafkaError),
    /// The sign-in is IAM's, and the administrator's client in rdkafka never asks for a token. Handling: make the topics
    /// through MSK itself (`aws kafka create-topic`, or `AWS::MSK::Topic` in a template), or sign in by SCRAM.
    #[error("topics cannot be made under the IAM sign-in")]
    IamSignIn,
    /// The brokers did not answer, or refused. Handling: if rights are missing, or there are fewer brokers than the
    /// replication factor, change that. Otherwise prepare again; nothing is done twice.
    #[error("the topic {topic} could not be prepared")]
    Refused {
        /// Its name.
        topic: String,
        /// The driver's error.
        #[source]
        source: KafkaError,
    },
    /// The topic exists with another number of partitions. Nothing is changed, because a change would break the streams'
    /// order. Handling: plan the existing number. Or let the consumers finish the topic, and publish to a topic with
    /// another name.
    #[error("the topic {topic} has {there} partitions, and {planned} are planned")]
    OtherPartitions {
        /// Its name.
        topic: String,
        /// The topic's number of partitions.
        there: usize,
        /// The planned number.
        planned: u16,
    },
    /// The request's task ended without an answer. This is a defect, or the runtime is shutting down. Handling: prepare
    /// again.
    #[error("the request for the topic's partitions ended without an answer")]
    TaskEnded(#[source] tokio::task::JoinError),
}

/// Makes both topics of the connection's settings. If they exist, it updates their retention. Other settings of theirs
/// stay as they are.
///
/// # Errors
/// See [`PrepareError`].
pub async fn prepare(connection: &KafkaConnection, plan: &TopicPlan) -> Result<(), PrepareError> {
    if matches!(connection.sign_in(), KafkaSignIn::MskIam { .. }) {
        return Err(PrepareError::IamSignIn);
    }
    for topic in [connection.topic(), connection.dead_letter_topic()] {
        prepare_one(connection, topic, plan).await?;
    }
    Ok(())
}

async fn prepare_one(connection: &KafkaConnection, topic: &str, plan: &TopicPlan) -> Result<(), PrepareError> {
    let refused = |source| PrepareError::Refused { topic: topic.to_owned(), source };
    let refused_by_broker = |code| refused(KafkaError::AdminOp(code));
    let admin: AdminClient<KafkaClientContext> =
        client_config(connection).create_with_context(client_context(connection)).map_err(PrepareError::Client)?;
    let options = AdminOptions::new()
        .request_timeout(Some(REQUEST_TIMEOUT))
        // The answer comes when the topic exists, and not before.
        .operation_timeout(Some(REQUEST_TIMEOUT));
    let retention_ms = plan.retention.as_millis().to_string();

    let replication = TopicReplication::Fixed(plan.replication_factor.into());
    let new = NewTopic::new(topic, plan.partitions.into(), replication).set(RETENTION_MS, &retention_ms);
    for made in admin.create_topics([&new], &options).await.map_err(refused)? {
        match made {
            Ok(_) => return Ok(()),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(refused_by_broker(code)),
        }
    }

    let admin = Arc::new(admin);
    let there = partitions(Arc::clone(&admin), topic.to_owned()).await?;
    if there != usize::from(plan.partitions) {
        return Err(PrepareError::OtherPartitions { topic: topic.to_owned(), there, planned: plan.partitions });
    }

    let resource = ResourceSpecifier::Topic(topic);
    let mut own_settings = HashMap::new();
    for described in admin.describe_configs([&resource], &options).await.map_err(refused)? {
        let entries = described.map_err(refused_by_broker)?.entries;
        let set_on_topic = entries.into_iter().filter(|entry| entry.source == ConfigSource::DynamicTopic);
        own_settings.extend(set_on_topic.filter_map(|entry| Some((entry.name, entry.value?))));
    }
    if own_settings.get(RETENTION_MS) == Some(&retention_ms) {
        return Ok(());
    }
    own_settings.insert(RETENTION_MS.to_owned(), retention_ms);
    // The request sets all of a topic's own settings, and removes those that it does not name.
    let entries = own_settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let change = AlterConfig { specifier: resource, entries };
    for changed in admin.alter_configs([&change], &options).await.map_err(refused)? {
        changed.map_err(|(_, code)| refused_by_broker(code))?;
    }
    Ok(())
}

async fn partitions(admin: Arc<AdminClient<KafkaClientContext>>, topic: String) -> Result<usize, PrepareError> {
    // The call blocks its thread.
    let counting = tokio::task::spawn_blocking(move || {
        let metadata = admin.inner().fetch_metadata(Some(&topic), REQUEST_TIMEOUT);
        let number = metadata.map(|metadata| metadata.topics().iter().map(|topic| topic.partitions().len()).sum());
        number.map_err(|source| PrepareError::Refused { topic, source })
    });
    counting.await.map_err(PrepareError::TaskEnded)?
}
