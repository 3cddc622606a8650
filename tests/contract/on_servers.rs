use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use account_projector::AccountProjectorFunction;
use async_trait::async_trait;
use cqrs::{DeliveryMarks as _, EventConsumer, MarkingPublisher, OpeningPublisher, PersonalData, Timestamp};
use event_relay::EventRelay;
use futures::future::BoxFuture;
use kafka_events::{KafkaConnection, KafkaEventPublisher, PublishLimits};
use local_aws::MappingSettings;
use mongo_stores::{MongoEventStore, MongoKeyStore};
use mysql_read_db::{MySqlProjector, MySqlReadDb};
use passbook::delivery::Delivery;
use personal_data::{KeyProtection, StreamKeys};

use super::delivery::{Bus, DeliveryUnderTest, Process};
use super::read_db::{PROJECTIONS, ReadDb};
use crate::harness::{ServersStack, lag, passbook_program, without_settings};

mod delivery {
    crate::contract::delivery::delivery_suite!(super::OnServers::new());
}

/// Databases, topics and a consumer group, and all processes that have the read database open.
struct OnServers {
    stack: ServersStack,
    read_dbs: Mutex<Vec<MySqlReadDb>>,
}

impl OnServers {
    fn new() -> Self {
        Self { stack: ServersStack::new(), read_dbs: Mutex::default() }
    }
}

#[async_trait]
impl DeliveryUnderTest for OnServers {
    async fn start_process(&self) -> Process {
        let event_store = MongoEventStore::connect(&self.stack.event_store_url()).await.expect("a URL");
        let event_store = Arc::new(event_store);
        let connection = KafkaConnection::connect(&self.stack.kafka_settings()).await.expect("brokers that are named");
        // In these tests a commit that is not published in time fails its case, so the limit must suit a busy machine.
        let limits = PublishLimits { timeout: Duration::from_secs(20), ..PublishLimits::default() };
        let kafka = Arc::new(KafkaEventPublisher::with_limits(&connection, limits).expect("a producer"));
        let read_db = mysql_read_db::connect(&self.stack.read_db_url()).expect("a URL");
        self.read_dbs.lock().expect("no panic").push(read_db.clone());
        let key_store = MongoKeyStore::connect(&self.stack.event_store_url()).await.expect("a URL");
        let bus = MarksAndMapping {
            event_store: event_store.clone(),
            connection,
            kafka: kafka.clone(),
            personal_data: Arc::new(StreamKeys::new(Arc::new(key_store), KeyProtection::none())),
            mapping: MappingSettings {
                batch_size: 20,
                batching_window: Duration::from_millis(30),
                first_pause: Duration::from_millis(10),
                longest_pause: Duration::from_millis(200),
                ..MappingSettings::new("account-projector", self.stack.mapping_group())
            },
            environment: self.stack.environment(),
        };
        Process {
            publisher: Arc::new(MarkingPublisher::new(kafka, event_store.clone())),
            event_store,
            bus: Arc::new(bus),
            read_db: ReadDb::new(read_db.clone(), Arc::new(MySqlProjector::new(read_db, PROJECTIONS))),
        }
    }

    async fn end_all(&self) {
        let read_dbs = std::mem::take(&mut *self.read_dbs.lock().expect("no panic"));
        for read_db in read_dbs {
            read_db.close().await;
        }
    }

    /// The life is longer, because the bus first joins its group.
    fn longest_life(&self) -> Duration {
        Duration::from_millis(1_200)
    }
}

/// The parts that `passbook serve` runs between the two sides, and the marks that show the remaining work.
struct MarksAndMapping {
    event_store: Arc<MongoEventStore>,
    connection: KafkaConnection,
    kafka: Arc<KafkaEventPublisher>,
    personal_data: Arc<dyn PersonalData>,
    mapping: MappingSettings,
    /// The environment for a call of the program.
    environment: Vec<(String, String)>,
}

impl MarksAndMapping {
    /// The output of `passbook dead-letters …`.
    async fn dead_letters(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(passbook_program());
        without_settings(&mut command)
            .arg("dead-letters")
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("runs").expect("starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }
}

#[async_trait]
impl Bus for MarksAndMapping {
    async fn run(&self, consumer: Arc<dyn EventConsumer>, stop: BoxFuture<'static, ()>) {
        let projector = AccountProjectorFunction::with_consumer(consumer);
        let bus = OpeningPublisher::new(self.kafka.clone(), self.personal_data.clone());
        let relay = EventRelay::new(self.event_store.clone(), bus);
        let delivery =
            Delivery::in_process(&self.connection, &self.mapping, projector, relay).await.expect("a free port");
        stop.await;
        delivery.stop().await;
    }

    async fn is_caught_up(&self) -> bool {
        // The order matters: a commit without a mark is on the topic, and counts as lag until it is delivered.
        let undelivered = self.event_store.undelivered(Timestamp::now(), 1).await.expect("reads");
        undelivered.commits.is_empty()
            && undelivered.unreadable.is_empty()
            && tokio::task::block_in_place(|| lag(&self.connection, &self.mapping.group_id)) == 0
    }

    async fn dead_letters(&self) -> u64 {
        self.dead_letters(&["list", "--json"]).await.lines().count() as u64
    }

    async fn redrive(&self) {
        self.dead_letters(&["redrive", "--all"]).await;
    }
}
