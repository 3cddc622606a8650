use kafka_events::topics::{self, TopicPlan};
use kafka_events::{KafkaClientContext, KafkaConnection};
use rdkafka::admin::{AdminClient, AdminOptions};
use serde_json::Value;
use settings::{KafkaBrokers, KafkaSettings, KafkaSignIn, Secret};
use tokio::process::Command;
use uuid::Uuid;

use super::{address, python_clients};

/// Two topics that no other test knows, events and dead letters, deleted in the end. The broker is that of the
/// environment's `KAFKA_BOOTSTRAP_SERVERS`, else that of `make services`.
pub struct KafkaTopics {
    pub settings: KafkaSettings,
}

impl KafkaTopics {
    /// Names only; the topics are not made.
    pub fn not_made() -> Self {
        let topic = format!("contract.{}", Uuid::now_v7().simple());
        let settings = KafkaSettings {
            brokers: KafkaBrokers::BootstrapServers(address("KAFKA_BOOTSTRAP_SERVERS")),
            sign_in: KafkaSignIn::Plaintext,
            ca_file: None,
            dead_letter_topic: format!("{topic}.dead-letters"),
            topic,
        };
        Self { settings }
    }

    /// Made as the plan says.
    pub async fn made(plan: &TopicPlan) -> Self {
        let topics = Self::not_made();
        topics::prepare(&topics.connection().await, plan).await.expect("prepares");
        topics
    }

    pub async fn connection(&self) -> KafkaConnection {
        KafkaConnection::connect(&self.settings).await.expect("brokers that are named")
    }

    /// As anyone may administer the broker.
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

/// The same broker at the listener that asks for TLS and a password, for the user that `make services` makes.
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
    /// On a runtime of its own: a test's may be on its way out. A topic that was never made is not missed.
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
    connection.client_config().create_with_context(connection.client_context()).expect("an administrator")
}

/// All that is in a topic, read by Python's `kafka-python` and parsed by CloudEvents' own SDK: see
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
