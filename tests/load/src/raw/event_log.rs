use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Document, doc};
use mongodb::options::{Acknowledgment, ClientOptions, CollectionOptions, ReadConcern, WriteConcern};
use mongodb::{Client, Collection, Database};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Message as _, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use rdkafka::{Offset, TopicPartitionList};
use uuid::Uuid;

use crate::loops::Operation;
use crate::services::Services;

/// The program's own number of partitions.
pub(super) const PARTITIONS: i32 = 12;
const TIMEOUT: Duration = Duration::from_secs(10);

/// The raw clients of MongoDB and Kafka, with a commit and a record of the program to copy.
pub struct EventLog {
    database: Database,
    template: Document,
    record: OwnedMessage,
    producer: FutureProducer,
    pub(super) topic: String,
    pub(super) kafka_servers: String,
    streams: Vec<Uuid>,
}

/// The work for one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawCommand {
    Insert,
    FindInsert,
    FindInsertProduce,
}

impl RawCommand {
    fn collection(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::FindInsert => "find_insert",
            Self::FindInsertProduce => "find_insert_produce",
        }
    }
}

impl EventLog {
    /// Copies the newest deposit of the program's stack of this name, and makes a database and a topic for the raw clients.
    pub async fn prepare(services: &Services, name: &str, streams: usize) -> anyhow::Result<Self> {
        let raw_name = format!("{name}_raw");
        let mut options = ClientOptions::parse(services.mongodb_url(&raw_name)).await?;
        options.max_pool_size = Some(64);
        let client = Client::with_options(options)?;
        let newest = doc! { "events.event_type": "FundsDeposited" };
        let commits: Collection<Document> = client.database(name).collection("commits");
        let template = commits.find_one(newest).sort(doc! { "_id": -1 }).await?.context("a deposit's commit")?;
        let record = newest_deposit(&services.kafka_servers, name)?;
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &services.kafka_servers)
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("linger.ms", "0")
            .create()?;
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &services.kafka_servers).create()?;
        let new_topic = NewTopic::new(&raw_name, PARTITIONS, TopicReplication::Fixed(1));
        for made in admin.create_topics([&new_topic], &AdminOptions::new()).await? {
            made.map_err(|(topic, error)| anyhow::anyhow!("{topic}: {error}"))?;
        }
        Ok(Self {
            database: client.database(&raw_name),
            template,
            record,
            producer,
            topic: raw_name,
            kafka_servers: services.kafka_servers.clone(),
            streams: (0..streams).map(|_| Uuid::now_v7()).collect(),
        })
    }

    /// The work of this kind, on streams with one commit each.
    pub async fn commands(self: &Arc<Self>, command: RawCommand) -> anyhow::Result<Arc<RawCommands>> {
        let durable = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
        let options = CollectionOptions::builder().write_concern(durable).read_concern(ReadConcern::majority()).build();
        let commits = self.database.collection_with_options(command.collection(), options);
        let first = self.streams.iter().map(|stream| commit(&self.template, *stream, 1));
        commits.insert_many(first).await?;
        Ok(Arc::new(RawCommands {
            event_log: self.clone(),
            command,
            commits,
            last_versions: self.streams.iter().map(|_| AtomicI64::new(1)).collect(),
            turn: AtomicUsize::new(0),
        }))
    }

    /// Sends a copy of the record with this key. Returns once it is acknowledged.
    pub async fn produce(&self, key: &str) -> anyhow::Result<()> {
        let mut record = FutureRecord::to(&self.topic).key(key);
        record.payload = self.record.payload();
        record.headers = self.record.headers().cloned();
        self.producer.send(record, Timeout::After(TIMEOUT)).await.map_err(|(error, _)| error)?;
        Ok(())
    }

    /// The records in the raw topic.
    pub fn records(&self) -> anyhow::Result<u64> {
        let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", &self.kafka_servers).create()?;
        let mut records = 0;
        for partition in 0..PARTITIONS {
            let (first, end) = consumer.fetch_watermarks(&self.topic, partition, TIMEOUT)?;
            records += u64::try_from(end - first)?;
        }
        Ok(records)
    }
}

/// The commands of one raw client.
pub struct RawCommands {
    event_log: Arc<EventLog>,
    command: RawCommand,
    commits: Collection<Document>,
    last_versions: Vec<AtomicI64>,
    turn: AtomicUsize,
}

impl RawCommands {
    /// The commits that were written.
    pub async fn written(&self) -> anyhow::Result<u64> {
        Ok(self.commits.count_documents(doc! {}).await? - self.event_log.streams.len() as u64)
    }
}

impl Operation for RawCommands {
    /// The streams have their turns. So two callers meet on one stream only if a call takes as long as thousands of others.
    async fn run(&self, _caller: usize) -> anyhow::Result<()> {
        let EventLog { streams, template, .. } = &*self.event_log;
        let index = self.turn.fetch_add(1, Ordering::Relaxed) % streams.len();
        let stream = streams[index];
        let last_version = match self.command {
            RawCommand::Insert => self.last_versions[index].fetch_add(1, Ordering::Relaxed),
            RawCommand::FindInsert | RawCommand::FindInsertProduce => {
                let of_stream = doc! { "_id": { "$gte": commit_id(stream, 0), "$lte": commit_id(stream, i64::MAX) } };
                let newest = self.commits.find_one(of_stream).sort(doc! { "_id": -1 }).await?;
                newest.context("the stream's last commit")?.get_i64("last_version")?
            }
        };
        self.commits.insert_one(commit(template, stream, last_version + 1)).await?;
        if self.command == RawCommand::FindInsertProduce {
            self.event_log.produce(&stream.to_string()).await?;
        }
        Ok(())
    }
}

fn commit_id(stream: Uuid, version: i64) -> Document {
    let stream_id = Binary { subtype: BinarySubtype::Uuid, bytes: stream.as_bytes().to_vec() };
    doc! { "stream_id": stream_id, "first_version": version }
}

/// A copy of the template with another stream and version.
fn commit(template: &Document, stream: Uuid, version: i64) -> Document {
    let mut commit = template.clone();
    commit.insert("_id", commit_id(stream, version));
    commit.insert("last_version", version);
    commit
}

/// A deposit's record, the newest of a partition that ends with one.
fn newest_deposit(kafka_servers: &str, topic: &str) -> anyhow::Result<OwnedMessage> {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", kafka_servers).set("group.id", "load").create()?;
    for partition in 0..PARTITIONS {
        let mut end = TopicPartitionList::new();
        end.add_partition_offset(topic, partition, Offset::OffsetTail(1))?;
        consumer.assign(&end)?;
        let Some(record) = consumer.poll(TIMEOUT) else { continue };
        let record = record?.detach();
        if record.payload().is_some_and(|payload| String::from_utf8_lossy(payload).contains("amount")) {
            return Ok(record);
        }
    }
    anyhow::bail!("no deposit's record is in the topic {topic}")
}
