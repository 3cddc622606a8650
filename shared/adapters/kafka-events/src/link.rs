use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
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

/// How long a server may be silent before the next server is asked as well.
const NEXT_SERVER_AFTER: Duration = Duration::from_millis(200);
/// How long a link is used. It never asks again for the topic's partitions and their leaders.
const OLD_AFTER: Duration = Duration::from_secs(5 * 60);
/// A connection that has been idle for so long may have been cut silently, above all while Lambda had the process frozen.
const STILL_AFTER: Duration = Duration::from_secs(5);

/// The settings of every link of a publisher.
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
        if let Some(server) = bootstrap_servers.iter().find(|server| !is_server(server)) {
            return Err(NoPublisherError::Server { server: server.clone() });
        }
        Ok(Self {
            bootstrap_servers,
            tls: tls(connection)?,
            sasl: sasl(connection.sign_in()),
            topic: connection.topic().to_owned(),
        })
    }

    /// Asks the servers one after the other, beginning with a random one, and uses the first that answers. The client would
    /// look for a silent server without an end. So each server is asked by a client of its own.
    async fn client(&self) -> Result<Client, LinkError> {
        let number = self.bootstrap_servers.len();
        let first = usize::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or_default() % number;
        let mut servers = self.bootstrap_servers.iter().cycle().skip(first).take(number);
        let mut connecting = FuturesUnordered::new();
        connecting.extend(servers.next().map(|server| self.client_by(server.clone())));
        loop {
            let mut has_failed = None;
            tokio::select! {
                Some(answer) = connecting.next() => match answer {
                    Ok(client) => return Ok(client),
                    Err(error) => has_failed = Some(error),
                },
                () = tokio::time::sleep(NEXT_SERVER_AFTER) => {}
            }
            connecting.extend(servers.next().map(|server| self.client_by(server.clone())));
            if let Some(error) = has_failed.filter(|_| connecting.is_empty()) {
                return Err(error);
            }
        }
    }

    async fn client_by(&self, server: String) -> Result<Client, LinkError> {
        let mut builder = ClientBuilder::new(vec![server]).client_id(CLIENT_ID).backoff_config(BackoffConfig {
            // The publisher tries again, and knows the limit.
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

/// Whether the text is a host and a port. An IPv6 address in brackets is refused, because the client would cut it at its first
/// colon.
fn is_server(text: &str) -> bool {
    let is_name = |host: &str| !host.is_empty() && !host.contains([':', '/', '[', '@']);
    text.rsplit_once(':').is_some_and(|(host, port)| is_name(host) && port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// The reason why records did not get to a broker by this link.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("no broker knows the topic, or the right to see it is missing")]
    UnknownTopic,
    #[error(transparent)]
    Kafka(#[from] KafkaError),
}

/// One client, which knows the leaders of the partitions, and a connection to the leader of each partition that has been
/// written to. The client waits without a limit. So the caller sets a limit, and leaves the link behind when the limit has
/// passed.
pub(crate) struct Link {
    plan: Arc<LinkPlan>,
    client: OnceCell<(Client, i32)>,
    leaders: Mutex<HashMap<i32, Arc<Leader>>>,
    made_at: Instant,
}

/// The leader of a partition, which has the partition's first copy.
#[derive(Default)]
struct Leader {
    connection: OnceCell<PartitionClient>,
    heard_at: Mutex<Option<Instant>>,
}

impl Link {
    pub(crate) fn new(plan: Arc<LinkPlan>) -> Self {
        Self { plan, client: OnceCell::new(), leaders: Mutex::default(), made_at: Instant::now() }
    }

    /// Finds the brokers and the topic's partitions. The first caller does it for all.
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

    /// Writes the records in one batch to the partition of their key: all in order, or none.
    pub(crate) async fn write(&self, key: &str, records: Vec<Record>) -> Result<(), LinkError> {
        let (client, partitions) = self.prepare().await?;
        let partition = partition_of(key.as_bytes(), *partitions);
        let leader = self.leader(partition);
        let topic = &self.plan.topic;
        let connect = || client.partition_client(topic, partition, UnknownTopicHandling::Error);
        leader.connection.get_or_try_init(connect).await?.produce(records, Compression::NoCompression).await?;
        *leader.heard_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(())
    }

    /// Whether the leader of the key's partition has acknowledged records a moment ago.
    pub(crate) fn has_just_heard_of(&self, key: &str) -> bool {
        let Some((_, partitions)) = self.client.get() else { return false };
        let leader = self.leader(partition_of(key.as_bytes(), *partitions));
        let heard_at = *leader.heard_at.lock().unwrap_or_else(PoisonError::into_inner);
        heard_at.is_some_and(|heard_at| heard_at.elapsed() < STILL_AFTER)
    }

    /// Whether the link's knowledge is too old to use.
    pub(crate) fn is_old(&self) -> bool {
        self.made_at.elapsed() > OLD_AFTER
    }

    fn leader(&self, partition: i32) -> Arc<Leader> {
        Arc::clone(self.leaders.lock().unwrap_or_else(PoisonError::into_inner).entry(partition).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_with_a_port() {
        for server in ["localhost:9092", "127.0.0.1:1", "b-1.passbook.kafka.eu-central-1.amazonaws.com:9098"] {
            assert!(is_server(server), "{server}");
        }
        for other in [
            "",
            "localhost",
            ":9092",
            "localhost:",
            "localhost:0",
            "localhost:65536",
            "SASL_SSL://b:9096",
            "[::1]:9092",
        ] {
            assert!(!is_server(other), "{other}");
        }
    }
}
