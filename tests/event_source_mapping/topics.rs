use std::sync::Arc;
use std::time::Duration;

use cloud_events::{KafkaRecord, to_record};
use cqrs::EventEnvelope;
use kafka_clients::topics::{TopicPlan, prepare};
use kafka_events::KafkaConnection;
use local_aws::{EventFunction, EventSourceMapping, InvokeApi, InvokeClient, MappingSettings};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use serde_json::Value;
use uuid::Uuid;

use crate::harness::{eventually, kafka_bootstrap_servers, kafka_settings, lag, passbook_program, without_settings};

pub const PARTITIONS: i32 = 3;
pub const FUNCTION: &str = "account-projector";

/// A topic and its dead-letter topic, for one test alone. Both are removed with this value.
pub struct Topics {
    name: String,
    partitions: i32,
    pub connection: KafkaConnection,
    producer: FutureProducer,
}

impl Topics {
    pub async fn new() -> Self {
        Self::with_partitions(3).await
    }

    pub async fn with_partitions(partitions: u16) -> Self {
        let name = format!("mapping_{}", Uuid::now_v7().simple());
        let connection = KafkaConnection::connect(&kafka_settings(&name)).await.expect("brokers");
        let plan = TopicPlan { partitions, replication_factor: 1, retention: Duration::from_secs(3_600) };
        prepare(&connection, &plan).await.expect("topics");
        let producer = client().set("enable.idempotence", "true").create().expect("a producer");
        Self { name, partitions: partitions.into(), connection, producer }
    }

    /// Settings of this test alone, with short pauses between tries.
    pub fn settings(&self) -> MappingSettings {
        MappingSettings {
            batch_size: 20,
            batching_window: Duration::from_millis(30),
            first_pause: Duration::from_millis(10),
            longest_pause: Duration::from_millis(200),
            ..MappingSettings::new(FUNCTION, &self.name)
        }
    }

    /// Publishes each event to the partition of its stream, which is the same for all events of the stream.
    pub async fn publish(&self, events: &[EventEnvelope]) {
        for event in events {
            let partition = i32::from(event.stream_id.0.as_bytes()[15]) % self.partitions;
            self.publish_record(partition, &to_record(event)).await;
        }
    }

    pub async fn publish_record(&self, partition: i32, record: &KafkaRecord) {
        let headers = record.headers.iter().fold(OwnedHeaders::new(), |headers, (name, value)| {
            headers.insert(Header { key: name, value: Some(value) })
        });
        let message = FutureRecord::to(&self.name).partition(partition).headers(headers);
        let message = message.key(&record.key).payload(&record.value);
        self.producer.send(message, Timeout::Never).await.expect("acknowledged");
    }

    /// Starts a mapping to this function in this process, through the Invoke API.
    pub async fn start(&self, settings: &MappingSettings, function: Arc<dyn EventFunction>) -> Running {
        let api = InvokeApi::serve([(FUNCTION.to_owned(), function)]).await.expect("a port");
        let client = InvokeClient::new(&api.base_url(), Duration::from_secs(20));
        let mapping = EventSourceMapping::start(&self.connection, &client, settings).expect("starts");
        Running { mapping, _api: api }
    }

    /// The number of records that the group is behind the topic's end.
    pub fn lag(&self) -> i64 {
        lag(&self.connection, &self.name)
    }

    pub async fn all_are_committed(&self) {
        eventually("everything is committed", async || tokio::task::block_in_place(|| self.lag() == 0).then_some(()))
            .await;
    }

    /// Runs `passbook dead-letters …` as a process. Answers whether it succeeded, its output, and its error output.
    pub async fn dead_letters(&self, arguments: &[&str]) -> (bool, String, String) {
        let mut command = std::process::Command::new(passbook_program());
        without_settings(&mut command)
            .arg("dead-letters")
            .args(arguments)
            .env("KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap_servers())
            .env("KAFKA_TOPIC", &self.name);
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("runs").expect("starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (output.status.success(), text(output.stdout), text(output.stderr))
    }

    /// The open letters, as `passbook dead-letters list --json` gives them.
    pub async fn open_letters(&self) -> Vec<Value> {
        let (success, output, log) = self.dead_letters(&["list", "--json"]).await;
        assert!(success, "{log}");
        output.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

impl Drop for Topics {
    fn drop(&mut self) {
        let topics = [self.name.clone(), format!("{}.dead-letters", self.name)];
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let admin: AdminClient<DefaultClientContext> = client().create().expect("a client");
            let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
            runtime.block_on(admin.delete_topics(&topics, &AdminOptions::new())).expect("deletes");
        });
        // A topic that is left behind does no harm.
        let _ = dropping.join();
    }
}

fn client() -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka_bootstrap_servers());
    config
}

/// A mapping and the function behind it. If it is dropped, it ends like a process that is killed.
pub struct Running {
    mapping: EventSourceMapping,
    _api: InvokeApi,
}

impl Running {
    pub async fn stop(self) {
        self.mapping.stop().await;
    }
}
