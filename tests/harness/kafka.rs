use std::time::Duration;

use kafka_clients::topics::{self, TopicPlan};
use kafka_clients::{KafkaClientContext, client_config, client_context};
use kafka_events::KafkaConnection;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;
use settings::{KafkaBrokers, KafkaSettings, KafkaSignIn, Secret};
use tokio::process::Command;
use uuid::Uuid;

use super::{address, kafka_bootstrap_servers, python_clients};

/// Settings for a topic of one test's own, with its dead letters beside it, at the listener without a sign-in. The
/// broker comes from the environment's `KAFKA_BOOTSTRAP_SERVERS`, or from `make services`.
pub fn kafka_settings(topic: &str) -> KafkaSettings {
    KafkaSettings {
        brokers: KafkaBrokers::BootstrapServers(kafka_bootstrap_servers()),
        sign_in: KafkaSignIn::Plaintext,
        ca_file: None,
        topic: topic.to_owned(),
        dead_letter_topic: format!("{topic}.dead-letters"),
    }
}

/// Two topics that no other test knows: events and dead letters. They are deleted in the end.
pub struct KafkaTopics {
    pub settings: KafkaSettings,
}

impl KafkaTopics {
    /// Only the names. The topics are not made.
    pub fn not_made() -> Self {
        Self { settings: kafka_settings(&format!("contract.{}", Uuid::now_v7().simple())) }
    }

    /// The topics, made as the plan says.
    pub async fn made(plan: &TopicPlan) -> Self {
        let topics = Self::not_made();
        topics::prepare(&topics.connection().await, plan).await.expect("prepares");
        topics
    }

    pub async fn connection(&self) -> KafkaConnection {
        KafkaConnection::connect(&self.settings).await.expect("brokers that are named")
    }

    /// A client that administers the broker, as anyone may.
    pub async fn admin(&self) -> AdminClient<KafkaClientContext> {
        admin(&self.settings).await
    }

    pub fn servers(&self) -> &str {
        match &self.settings.brokers {
            KafkaBrokers::BootstrapServers(servers) => servers,
            KafkaBrokers::ClusterArn(_) => unreachable!("servers are named"),
        }
    }
}

/// Settings for the same broker at the listener that asks for TLS and a password, for the user that `make services`
/// makes.
pub fn signed_in_by(password: &str, settings: &KafkaSettings) -> KafkaSettings {
    let password = Secret::new(password.to_owned());
    KafkaSettings {
        brokers: KafkaBrokers::BootstrapServers(address("KAFKA_SCRAM_BOOTSTRAP_SERVERS")),
        sign_in: KafkaSignIn::ScramSha512 { username: "passbook".to_owned(), password },
        ca_file: Some(address("KAFKA_SCRAM_CA_FILE").into()),
        ..settings.clone()
    }
}

impl Drop for KafkaTopics {
    /// Deletes the topics on a runtime of its own, because a test's runtime may be ending. A topic that was never
    /// made is ignored.
    fn drop(&mut self) {
        let settings = self.settings.clone();
        let deleting = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let names = [&*settings.topic, &*settings.dead_letter_topic];
                admin(&settings).await.delete_topics(&names, &AdminOptions::new()).await.expect("an answer");
            });
        });
        let deleted = deleting.join();
        assert!(deleted.is_ok() || std::thread::panicking(), "the topic {} is left behind", self.settings.topic);
    }
}

async fn admin(settings: &KafkaSettings) -> AdminClient<KafkaClientContext> {
    let connection = KafkaConnection::connect(settings).await.expect("brokers that are named");
    client_config(&connection).create_with_context(client_context(&connection)).expect("an administrator")
}

/// The distance of a consumer group from the end of the connection's topic. The call blocks its thread.
pub fn lag(connection: &KafkaConnection, group_id: &str) -> i64 {
    let consumer: BaseConsumer<KafkaClientContext> = client_config(connection)
        .set("group.id", group_id)
        .create_with_context(client_context(connection))
        .expect("a consumer");
    let (topic, timeout) = (connection.topic(), Duration::from_secs(10));
    let metadata = consumer.fetch_metadata(Some(topic), timeout).expect("brokers");
    let mut partitions = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
        partitions.add_partition(topic, partition.id());
    }
    assert!(partitions.count() > 0, "there is no topic {topic}");
    let committed = consumer.committed_offsets(partitions, timeout).expect("offsets");
    let behind = committed.elements().into_iter().map(|one| {
        let (_, end) = consumer.fetch_watermarks(topic, one.partition(), timeout).expect("an end");
        match one.offset() {
            Offset::Offset(done) => end - done,
            _ => end,
        }
    });
    behind.sum()
}

/// All records of a topic, read by Python's `kafka-python` and parsed by CloudEvents' own SDK. See
/// `read_cloud_events.py`.
pub async fn read_cloud_events(servers: &str, topic: &str) -> Vec<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/harness/read_cloud_events.py");
    let mut python = Command::new("python3");
    python.args([script, servers, topic]).env("PYTHONPATH", python_clients()).kill_on_drop(true);
    let printed = python.output().await.expect("python3 is there");
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let lines = String::from_utf8(printed.stdout).expect("text");
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}
