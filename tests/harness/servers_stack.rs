use std::future::Future;
use std::process::{Command, Stdio};

use mongodb::Client;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use settings::KafkaSettings;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection};
use uuid::Uuid;

use super::kafka::kafka_settings;
use super::services::{event_store_url, kafka_bootstrap_servers, mysql_server_url};
use super::{passbook_program, without_settings};

/// Empty databases, topics and a consumer group of one test's own on the real servers. The program itself prepares
/// them, and they are removed with the test.
pub struct ServersStack {
    name: String,
    /// The number of read databases that were thrown away. A new read database must be given all events again.
    read_db_generation: u32,
}

impl ServersStack {
    pub fn new() -> Self {
        let stack = Self { name: format!("stack_{}", Uuid::now_v7().simple()), read_db_generation: 0 };
        stack.make_read_db();
        stack
    }

    /// The settings of every process of this stack.
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("EVENT_STORE_URL", self.event_store_url()),
            ("READ_DB_URL", self.read_db_url()),
            ("KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap_servers()),
            ("KAFKA_TOPIC", self.topic()),
            ("PASSBOOK_MAPPING_GROUP", self.mapping_group()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    pub fn event_store_url(&self) -> String {
        event_store_url(&self.name)
    }

    pub fn read_db_url(&self) -> String {
        format!("{}/{}", mysql_server_url("READ_DB_URL"), self.name)
    }

    pub fn topic(&self) -> String {
        self.name.clone()
    }

    pub fn dead_letter_topic(&self) -> String {
        format!("{}.dead-letters", self.name)
    }

    /// The consumer group of the projector's mapping.
    pub fn mapping_group(&self) -> String {
        format!("{}_{}", self.name, self.read_db_generation)
    }

    /// Kafka's settings in the form that the adapters take.
    pub fn kafka_settings(&self) -> KafkaSettings {
        kafka_settings(&self.topic())
    }

    /// Removes the read database with all its rows. A consumer group that has read nothing brings the rows back from
    /// Kafka.
    pub fn throw_read_db_away(&mut self) {
        self.read_db_generation += 1;
        let (server_url, name) = (mysql_server_url("READ_DB_URL"), self.name.clone());
        on_a_thread(async move { drop_read_db(&server_url, &name).await });
        self.make_read_db();
    }

    fn make_read_db(&self) {
        let (server_url, name) = (mysql_server_url("READ_DB_URL"), self.name.clone());
        on_a_thread(async move { run(&server_url, format!("CREATE DATABASE {name}")).await });
        let mut prepare = Command::new(passbook_program());
        let prepared = without_settings(&mut prepare)
            .args(["prepare", "--partitions", "4"])
            .envs(self.environment())
            .stdin(Stdio::null())
            .output()
            .expect("the program starts");
        assert!(prepared.status.success(), "{}", String::from_utf8_lossy(&prepared.stderr));
    }
}

impl Drop for ServersStack {
    /// Removes as much as it can, even after a failed test.
    fn drop(&mut self) {
        let (event_store_url, topics) = (self.event_store_url(), [self.topic(), self.dead_letter_topic()]);
        let (server_url, name) = (mysql_server_url("READ_DB_URL"), self.name.clone());
        let dropping = std::thread::spawn(move || {
            on_a_thread(async move {
                let client = Client::with_uri_str(event_store_url).await.expect("a URL");
                client.database(&name).drop().await.expect("drops");
                client.database(&format!("{name}_keys")).drop().await.expect("drops");
                drop_read_db(&server_url, &name).await;
                let admin: AdminClient<DefaultClientContext> =
                    ClientConfig::new().set("bootstrap.servers", kafka_bootstrap_servers()).create().expect("a client");
                let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
                admin.delete_topics(&topics, &AdminOptions::new()).await.expect("deletes");
            });
        });
        let dropped = dropping.join();
        assert!(dropped.is_ok() || std::thread::panicking(), "{} is left behind on the servers", self.name);
    }
}

async fn drop_read_db(server_url: &str, name: &str) {
    run(server_url, format!("DROP DATABASE IF EXISTS {name}")).await;
}

async fn run(server_url: &str, statement: String) {
    let mut connection = MySqlConnection::connect(server_url).await.expect("connects");
    connection.execute(AssertSqlSafe(statement)).await.expect("runs");
    connection.close().await.expect("closes");
}

/// Runs work for callers that are on a runtime already, and may be about to leave it.
fn on_a_thread(work: impl Future<Output = ()> + Send + 'static) {
    let working = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(work);
    });
    working.join().expect("the servers do as they are told");
}
