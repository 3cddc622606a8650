use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::select_ok;
use rskafka::BackoffConfig;
use rskafka::client::error::Error as KafkaError;
use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder, SaslConfig};
use rskafka::record::Record;
use tokio::sync::OnceCell;
use tokio_rustls::rustls::ClientConfig;

use crate::KafkaConnection;
use crate::kafka_connection::CLIENT_ID;
use crate::murmur2::partition_of;
use crate::sign_in::{NoPublisherError, sasl, tls};

/// How long a server that is asked for the others may be silent before the next one is asked as well.
const NEXT_SERVER_AFTER: Duration = Duration::from_millis(200);

/// What every link of a publisher is made of.
pub(crate) struct LinkPlan {
    bootstrap_servers: Vec<String>,
    tls: Option<Arc<ClientConfig>>,
    sasl: Option<SaslConfig>,
    topic: String,
}

impl LinkPlan {
    pub(crate) fn new(connection: &KafkaConnection) -> Result<Self, NoPublisherError> {
        let servers = connection.bootstrap_servers().split(',').map(|server| server.trim().to_owned());
        let bootstrap_servers: Vec<String> = servers.filter(|server| !server.is_empty()).collect();
        if bootstrap_servers.is_empty() {
            return Err(NoPublisherError::NoServer);
        }
        Ok(Self {
            bootstrap_servers,
            tls: tls(connection)?,
            sasl: sasl(connection.sign_in()),
            topic: connection.topic().to_owned(),
        })
    }

    /// Asks the servers one after the other, from any of them on, and goes by the first that answers. The client looks for a
    /// server without an end of its own, so each is asked by another client.
    async fn client(&self) -> Result<Client, LinkError> {
        let first = usize::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or_default();
        let number = self.bootstrap_servers.len();
        let servers = (0..number).map(|nth| (nth, &self.bootstrap_servers[(first + nth) % number]));
        let asked = servers.map(|(nth, server)| {
            Box::pin(async move {
                tokio::time::sleep(NEXT_SERVER_AFTER * u32::try_from(nth).unwrap_or(u32::MAX)).await;
                self.client_by(server.clone()).await
            })
        });
        let (client, _) = select_ok(asked).await?;
        Ok(client)
    }

    async fn client_by(&self, server: String) -> Result<Client, LinkError> {
        let mut builder = ClientBuilder::new(vec![server]).client_id(CLIENT_ID).backoff_config(BackoffConfig {
            // Whoever publishes tries again, and knows until when.
            deadline: Some(Duration::ZERO),
            ..BackoffConfig::default()
        });
        if let Some(tls) = &self.tls {
            builder = builder.tls_config(Arc::clone(tls));
        }
        if let Some(sasl) = &self.sasl {
            builder = builder.sasl_config(sasl.clone());
        }
        Ok(builder.build().await?)
    }
}

/// Why records did not get to a broker by this link.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("no broker knows the topic, or there is no right to see it")]
    UnknownTopic,
    #[error(transparent)]
    Kafka(#[from] KafkaError),
}

/// One client, which knows where the partitions are, and a connection to the leader of each partition that has been written
/// to. The client has no limit for what it waits for: whoever uses a link sets one, and does not use the link again after it.
pub(crate) struct Link {
    plan: Arc<LinkPlan>,
    client: OnceCell<(Client, i32)>,
    leaders: Mutex<HashMap<i32, Arc<OnceCell<PartitionClient>>>>,
    heard_at: Mutex<Instant>,
}

impl Link {
    pub(crate) fn new(plan: Arc<LinkPlan>) -> Self {
        let (client, leaders) = (OnceCell::new(), Mutex::default());
        Self { plan, client, leaders, heard_at: Mutex::new(Instant::now()) }
    }

    /// Finds the brokers and the topic's partitions; the first who asks does it for all.
    pub(crate) async fn prepare(&self) -> Result<&(Client, i32), LinkError> {
        self.client
            .get_or_try_init(|| async {
                let client = self.plan.client().await?;
                let topics = client.list_topics().await?;
                let topic = topics.into_iter().find(|topic| topic.name == self.plan.topic);
                let partitions = topic.map(|topic| topic.partitions.len()).unwrap_or_default();
                match i32::try_from(partitions) {
                    Ok(1..) => Ok((client, i32::try_from(partitions).unwrap_or(i32::MAX))),
                    _ => Err(LinkError::UnknownTopic),
                }
            })
            .await
    }

    /// Writes the records in one batch, all or none and in order, to the partition of their key.
    pub(crate) async fn write(&self, key: &str, records: Vec<Record>) -> Result<(), LinkError> {
        let (client, partitions) = self.prepare().await?;
        let partition = partition_of(key.as_bytes(), *partitions);
        let leader = self.leader(partition);
        let topic = &self.plan.topic;
        let leader =
            leader.get_or_try_init(|| client.partition_client(topic, partition, UnknownTopicHandling::Error)).await?;
        leader.produce(records, Compression::NoCompression).await?;
        *self.heard_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Ok(())
    }

    /// For how long no broker has said anything.
    pub(crate) fn silent_for(&self) -> Duration {
        self.heard_at.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    fn leader(&self, partition: i32) -> Arc<OnceCell<PartitionClient>> {
        Arc::clone(self.leaders.lock().unwrap_or_else(PoisonError::into_inner).entry(partition).or_default())
    }
}
