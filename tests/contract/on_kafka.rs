use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cqrs::{Commit, CommitDraft, EventPublisher as _};
use futures::future::join_all;
use kafka_clients::topics::{self, PrepareError, TopicPlan};
use kafka_clients::{KafkaClientContext, client_config, client_context};
use kafka_events::{KafkaConnection, KafkaEventPublisher, KafkaPublishError, PublishLimits, RefusedError};
use rdkafka::Message as _;
use rdkafka::admin::{AdminOptions, AlterConfig, ConfigResource, ResourceSpecifier};
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::{Value, json};
use settings::{KafkaBrokers, KafkaSettings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::commits::{StreamEnd, opened, recorded};
use crate::harness::{KafkaTopics, read_cloud_events, signed_in_by};

/// A plan with one replica, because there is one broker.
fn plan(partitions: u16) -> TopicPlan {
    TopicPlan { partitions, replication_factor: 1, ..TopicPlan::default() }
}

async fn publisher(topics: &KafkaTopics) -> KafkaEventPublisher {
    KafkaEventPublisher::new(&topics.connection().await).expect("a publisher")
}

async fn publish(publisher: &KafkaEventPublisher, commit: &Commit) -> Result<(), KafkaPublishError> {
    match publisher.publish(&opened(commit)).await {
        Ok(()) => Ok(()),
        Err(error) => Err(*error.source.downcast().expect("this publisher's error")),
    }
}

/// The records of each stream, in the order of their partition.
fn by_key(records: Vec<Value>) -> BTreeMap<String, Vec<Value>> {
    let mut by_key: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for record in records {
        by_key.entry(text(&record["key"])).or_default().push(record);
    }
    for records in by_key.values_mut() {
        records.sort_by_key(|record| record["offset"].as_i64());
    }
    by_key
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

// --- records as other clients read them

#[tokio::test]
async fn an_event_is_a_cloud_event_to_a_client_in_another_language() {
    let topics = KafkaTopics::made(&plan(12)).await;
    let data = json!({ "amount_minor": 12_550, "reference": "Miete für März 👩‍👩‍👧", "rate": 0.5, "nothing": null });
    let draft = CommitDraft {
        occurred_at: "2026-11-24T17:00:00.123456Z".parse().expect("a time"),
        correlation_id: "4bf92f3577b34da6a3ce929d0e0e4736".to_owned(),
        causation_id: "the request of Ann Lée".to_owned(),
        ..StreamEnd::of_new_stream().draft(vec![recorded(data.clone())])
    };
    let commit = draft.seal();
    publish(&publisher(&topics).await, &commit).await.expect("publishes");

    let records = read_cloud_events(topics.servers(), &topics.settings.topic).await;
    let [record] = &records[..] else { panic!("{records:?}") };
    let stream_id = commit.draft.stream_id.to_string();
    let traceparent = text(&record["attributes"]["traceparent"]);
    let expected = json!({
        "specversion": "1.0",
        "id": commit.draft.events[0].event_id.to_string(),
        "source": "/passbook/counter",
        "type": "passbook.counter.Counted",
        "subject": stream_id,
        "time": "2026-11-24T17:00:00.123456+00:00",
        "datacontenttype": "application/json",
        "partitionkey": stream_id,
        "sequence": "1",
        "sequencetype": "Integer",
        "aggregatetype": "counter",
        "schemaversion": "2",
        "correlationid": "4bf92f3577b34da6a3ce929d0e0e4736",
        "causationid": "the request of Ann Lée",
        "traceparent": traceparent,
    });
    assert_eq!(record["attributes"], expected);
    assert_eq!(record["data"], data);
    assert_eq!(record["key"], json!(stream_id));
    // The trace comes from the client's request. It is also under its plain name.
    assert!(traceparent.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"), "{traceparent}");
    let headers: Vec<(String, String)> = serde_json::from_value(record["headers"].clone()).expect("pairs of texts");
    assert!(headers.contains(&("traceparent".to_owned(), traceparent)), "{headers:?}");
}

#[tokio::test]
async fn a_commit_s_events_come_in_order_and_a_stream_s_commits_on_the_partition_of_its_key() {
    let topics = KafkaTopics::made(&plan(12)).await;
    let publisher = publisher(&topics).await;
    let publish_stream = async || {
        let mut end = StreamEnd::of_new_stream();
        let mut event_ids = Vec::new();
        for number_of_events in [1, 7, 2, 30, 1] {
            let commit = end.push(number_of_events);
            publish(&publisher, &commit).await.expect("publishes");
            event_ids.extend(commit.draft.events.iter().map(|event| event.event_id.to_string()));
        }
        (end.stream_id.to_string(), event_ids)
    };
    let published: BTreeMap<String, Vec<String>> =
        join_all((0..20).map(|_| publish_stream())).await.into_iter().collect();

    let read = by_key(read_cloud_events(topics.servers(), &topics.settings.topic).await);
    let ids = |records: &Vec<Value>| records.iter().map(|record| text(&record["attributes"]["id"])).collect();
    let read_ids: BTreeMap<String, Vec<String>> =
        read.iter().map(|(key, records)| (key.clone(), ids(records))).collect();
    assert_eq!(read_ids, published);
    let mut used = BTreeSet::new();
    for (key, records) in &read {
        let partition = &records[0]["partition_of_key"];
        assert!(records.iter().all(|record| record["partition"] == *partition), "{key}");
        used.insert(partition.as_i64());
    }
    assert!(used.len() > 3, "{used:?}");
}

/// Other publishers that use librdkafka must find a stream on the same partition, now and in the past.
#[tokio::test]
async fn a_key_s_partition_is_the_one_that_librdkafka_s_murmur2_gives_it() {
    let topics = KafkaTopics::made(&plan(12)).await;
    let (connection, publisher) = (topics.connection().await, publisher(&topics).await);
    let librdkafka_s: FutureProducer<KafkaClientContext> = client_config(&connection)
        .set("partitioner", "murmur2_random")
        .create_with_context(client_context(&connection))
        .expect("a producer");
    let mut expected = BTreeMap::new();
    for commit in (0..60).map(|_| StreamEnd::of_new_stream().push(1)) {
        publish(&publisher, &commit).await.expect("publishes");
        let key = commit.draft.stream_id.to_string();
        let record = FutureRecord::to(connection.dead_letter_topic()).key(&key).payload("");
        let delivered = librdkafka_s.send(record, Duration::from_secs(10)).await.expect("publishes");
        expected.insert(key, i64::from(delivered.partition));
    }
    let read = read_cloud_events(topics.servers(), &topics.settings.topic).await;
    let partition = |record: &Value| record["partition"].as_i64().expect("a number");
    let ours: BTreeMap<String, i64> = read.iter().map(|record| (text(&record["key"]), partition(record))).collect();
    assert_eq!(ours, expected);
}

// --- brokers that are away

/// The limits are short enough for a test to wait for each of them.
const LIMITS: PublishLimits = PublishLimits { timeout: Duration::from_secs(1), pause: Duration::from_secs(2) };

/// An address with or without a broker.
struct Address {
    port: u16,
    occupant: JoinHandle<()>,
}

impl Address {
    /// An address where no server listens.
    async fn deserted() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Self { port: listener.local_addr().expect("bound").port(), occupant: tokio::spawn(async {}) }
    }

    /// An address where every connection is accepted and never answered.
    async fn silent() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let occupant = tokio::spawn(async move {
            let mut connections = Vec::new();
            while let Ok((connection, _)) = listener.accept().await {
                connections.push(connection);
            }
        });
        Self { port, occupant }
    }

    /// The former server leaves the address, and these servers take it.
    async fn is_taken_by(&mut self, servers: &str) {
        self.occupant.abort();
        // The task has released the port when it has ended.
        let _ = (&mut self.occupant).await;
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.expect("the port is free again");
        let servers = servers.to_owned();
        self.occupant = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let servers = servers.clone();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(servers).await.expect("a broker");
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
        });
    }

    async fn publisher(&self, topics: &KafkaTopics) -> KafkaEventPublisher {
        let here = KafkaSettings {
            brokers: KafkaBrokers::BootstrapServers(format!("127.0.0.1:{}", self.port)),
            ..topics.settings.clone()
        };
        let connection = KafkaConnection::connect(&here).await.expect("an address");
        KafkaEventPublisher::with_limits(&connection, LIMITS).expect("a publisher, whoever is there")
    }
}

#[tokio::test]
async fn while_nobody_listens_a_commit_fails_in_time_and_the_next_at_once_and_then_it_goes_on() {
    fails_in_time_and_goes_on(Address::deserted().await).await;
}

#[tokio::test]
async fn while_a_broker_says_nothing_a_commit_fails_in_time_and_the_next_at_once_and_then_it_goes_on() {
    fails_in_time_and_goes_on(Address::silent().await).await;
}

async fn fails_in_time_and_goes_on(mut address: Address) {
    let topics = KafkaTopics::made(&plan(1)).await;
    let publisher = address.publisher(&topics).await;
    let mut end = StreamEnd::of_new_stream();
    // Both wait, because nothing had failed when they came.
    let started = Instant::now();
    let (first, second) = (end.push(1), end.push(2));
    let (one, other) = tokio::join!(publish(&publisher, &first), publish(&publisher, &second));
    assert!(matches!(one, Err(KafkaPublishError::TimedOut { .. })), "{one:?}");
    assert!(matches!(other, Err(KafkaPublishError::TimedOut { .. })), "{other:?}");
    assert!(started.elapsed() < LIMITS.timeout + Duration::from_millis(500), "{:?}", started.elapsed());

    let started = Instant::now();
    for _ in 0..100 {
        let next = publish(&publisher, &end.push(1)).await;
        assert!(matches!(next, Err(KafkaPublishError::Paused)), "{next:?}");
    }
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());

    // One publisher tries for all once the pause is over.
    tokio::time::sleep(LIMITS.pause).await;
    let (probe, other) = (end.push(1), end.push(1));
    let (probe, other) = tokio::join!(publish(&publisher, &probe), publish(&publisher, &other));
    assert!(matches!(probe, Err(KafkaPublishError::TimedOut { .. })), "{probe:?}");
    assert!(matches!(other, Err(KafkaPublishError::Paused)), "{other:?}");

    address.is_taken_by(topics.servers()).await;
    let mut late = StreamEnd::of_new_stream();
    let back = Instant::now();
    let (mut published, mut tries) = (None, 0);
    while published.is_none() {
        tokio::time::sleep(LIMITS.pause).await;
        tries += 1;
        let commit = late.push(3);
        published = publish(&publisher, &commit).await.is_ok().then_some(commit);
        assert!(back.elapsed() < Duration::from_secs(15), "{tries} tries");
    }
    // After that the others publish at once.
    for _ in 0..3 {
        publish(&publisher, &late.push(1)).await.expect("publishes");
    }

    let read = by_key(read_cloud_events(topics.servers(), &topics.settings.topic).await);
    let last = published.expect("a commit");
    let ids: Vec<String> =
        read[&last.draft.stream_id.to_string()].iter().map(|record| text(&record["attributes"]["id"])).collect();
    for event in &last.draft.events {
        assert!(ids.contains(&event.event_id.to_string()));
    }
}

// --- connections that are cut without a sign

/// A way to the broker that can drop its traffic. Clients stay on it, even after the broker has told them its address.
struct Way {
    port: u16,
    /// Connections are numbered in the order of their arrival. Connections before this number carry nothing any more.
    silent_before: Arc<AtomicUsize>,
    occupant: JoinHandle<()>,
}

impl Way {
    async fn to(servers: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let silent_before: Arc<AtomicUsize> = Arc::default();
        let (servers, silent) = (servers.to_owned(), Arc::clone(&silent_before));
        let occupant = tokio::spawn(async move {
            for number in 0.. {
                let (client, _) = listener.accept().await.expect("a connection");
                let server = TcpStream::connect(&servers).await.expect("a broker");
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let is_silent = {
                    let silent = Arc::clone(&silent);
                    move || number < silent.load(Ordering::SeqCst)
                };
                tokio::spawn(carry(from_client, to_server, is_silent.clone(), Vec::new(), Vec::new()));
                let (named, instead) = (as_in_metadata(&servers), as_in_metadata(&format!("127.0.0.1:{port}")));
                tokio::spawn(carry(from_server, to_client, is_silent, named, instead));
            }
        });
        Self { port, silent_before, occupant }
    }

    /// Silences the first `connections` connections, and new ones too if there are fewer so far.
    fn silence(&self, connections: usize) {
        self.silent_before.store(connections, Ordering::SeqCst);
    }

    async fn publisher(&self, topics: &KafkaTopics) -> KafkaEventPublisher {
        let settings = KafkaSettings {
            brokers: KafkaBrokers::BootstrapServers(format!("127.0.0.1:{}", self.port)),
            ..topics.settings.clone()
        };
        let connection = KafkaConnection::connect(&settings).await.expect("an address");
        KafkaEventPublisher::with_limits(&connection, LIMITS).expect("a publisher")
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.occupant.abort();
    }
}

/// A broker's address as the broker writes it: the host with its length before it, and the port.
fn as_in_metadata(address: &str) -> Vec<u8> {
    let (host, port) = address.rsplit_once(':').expect("a port");
    let (length, port) = (u16::try_from(host.len()).expect("short"), port.parse::<i32>().expect("a number"));
    [&length.to_be_bytes()[..], host.as_bytes(), &port.to_be_bytes()].concat()
}

/// Carries the traffic and replaces the broker's own address, as long as the connection is not silenced.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    is_silent: impl Fn() -> bool,
    named: Vec<u8>,
    instead: Vec<u8>,
) {
    let mut buffer = vec![0; 1 << 20];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if is_silent() {
            continue;
        }
        let mut carried = buffer[..read].to_vec();
        if !named.is_empty()
            && let Some(at) = carried.windows(named.len()).position(|window| window == named)
        {
            carried[at..at + named.len()].copy_from_slice(&instead);
        }
        if to.write_all(&carried).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_connection_that_goes_silent_costs_one_commit_its_time_and_the_next_one_goes_by_another() {
    let topics = KafkaTopics::made(&plan(1)).await;
    let way = Way::to(topics.servers()).await;
    let publisher = way.publisher(&topics).await;
    let mut end = StreamEnd::of_new_stream();
    publish(&publisher, &end.push(1)).await.expect("publishes");

    way.silence(usize::MAX);
    let started = Instant::now();
    let lost = publish(&publisher, &end.push(1)).await;
    assert!(matches!(lost, Err(KafkaPublishError::TimedOut { .. })), "{lost:?}");
    assert!(started.elapsed() < LIMITS.timeout + Duration::from_millis(500), "{:?}", started.elapsed());
    let paused = publish(&publisher, &end.push(1)).await;
    assert!(matches!(paused, Err(KafkaPublishError::Paused)), "{paused:?}");

    // The two existing connections stay dead, as behind a firewall that has forgotten them.
    way.silence(2);
    tokio::time::sleep(LIMITS.pause).await;
    let commit = end.push(2);
    publish(&publisher, &commit).await.expect("publishes");
    let read = read_cloud_events(topics.servers(), &topics.settings.topic).await;
    let last: Vec<String> = read[read.len() - 2..].iter().map(|record| text(&record["attributes"]["id"])).collect();
    let expected: Vec<String> = commit.draft.events.iter().map(|event| event.event_id.to_string()).collect();
    assert_eq!(last, expected);
}

/// The connections are like those of a function that Lambda had frozen.
#[tokio::test]
async fn a_commit_that_finds_its_connections_dead_after_a_standstill_goes_by_others_within_its_limit() {
    let topics = KafkaTopics::made(&plan(1)).await;
    let way = Way::to(topics.servers()).await;
    let publisher = way.publisher(&topics).await;
    let mut end = StreamEnd::of_new_stream();
    publish(&publisher, &end.push(1)).await.expect("publishes");
    way.silence(2);
    tokio::time::sleep(Duration::from_secs(6)).await;
    publish(&publisher, &end.push(1)).await.expect("publishes");
    assert_eq!(read_cloud_events(topics.servers(), &topics.settings.topic).await.len(), 2);
}

// --- records that are refused

#[tokio::test]
async fn a_record_that_is_too_large_for_every_topic_is_refused_and_holds_up_no_other() {
    let topics = KafkaTopics::made(&plan(1)).await;
    let publisher = publisher(&topics).await;
    let too_large = StreamEnd::of_new_stream().draft(vec![recorded(json!("é".repeat(1_000_000)))]).seal();
    let refused = publish(&publisher, &too_large).await;
    assert!(is_too_large(&refused), "{refused:?}");
    publish(&publisher, &StreamEnd::of_new_stream().push(1)).await.expect("publishes");
}

fn is_too_large(published: &Result<(), KafkaPublishError>) -> bool {
    matches!(published, Err(KafkaPublishError::Refused(error)) if error.to_string().contains("MessageTooLarge"))
}

#[tokio::test]
async fn a_record_that_is_too_large_for_its_topic_is_refused_and_holds_up_no_other() {
    let topics = KafkaTopics::made(&plan(1)).await;
    set_on_topic(&topics, "max.message.bytes", "10000").await;
    let publisher = publisher(&topics).await;
    let too_large = StreamEnd::of_new_stream().draft(vec![recorded(json!("e".repeat(20_000)))]).seal();
    let refused = publish(&publisher, &too_large).await;
    assert!(is_too_large(&refused), "{refused:?}");
    publish(&publisher, &StreamEnd::of_new_stream().push(1)).await.expect("publishes");
}

#[tokio::test]
async fn a_refusal_ends_the_pause_for_the_others_since_a_broker_has_answered() {
    let topics = KafkaTopics::made(&plan(1)).await;
    let mut address = Address::deserted().await;
    let publisher = address.publisher(&topics).await;
    let timed_out = publish(&publisher, &StreamEnd::of_new_stream().push(1)).await;
    assert!(matches!(timed_out, Err(KafkaPublishError::TimedOut { .. })), "{timed_out:?}");

    address.is_taken_by(topics.servers()).await;
    tokio::time::sleep(LIMITS.pause).await;
    let too_large = StreamEnd::of_new_stream().draft(vec![recorded(json!("é".repeat(1_000_000)))]).seal();
    let probe = publish(&publisher, &too_large).await;
    assert!(is_too_large(&probe), "{probe:?}");
    publish(&publisher, &StreamEnd::of_new_stream().push(1)).await.expect("publishes");
}

#[tokio::test]
async fn of_several_servers_one_that_answers_is_enough() {
    let topics = KafkaTopics::made(&plan(1)).await;
    let (deserted, silent) = (Address::deserted().await, Address::silent().await);
    // The server that is asked first is a matter of chance.
    for _ in 0..10 {
        let servers = format!("127.0.0.1:{}, 127.0.0.1:{}, {}", silent.port, deserted.port, topics.servers());
        let settings = KafkaSettings { brokers: KafkaBrokers::BootstrapServers(servers), ..topics.settings.clone() };
        let connection = KafkaConnection::connect(&settings).await.expect("addresses");
        let publisher = KafkaEventPublisher::new(&connection).expect("a publisher");
        publish(&publisher, &StreamEnd::of_new_stream().push(1)).await.expect("publishes");
    }
}

/// The program starts while another process still makes the topic.
#[tokio::test]
async fn a_topic_that_is_made_while_a_commit_waits_takes_it_yet() {
    let topics = KafkaTopics::not_made();
    let publisher = publisher(&topics).await;
    let commit = StreamEnd::of_new_stream().push(2);
    let made = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        topics::prepare(&topics.connection().await, &plan(3)).await.expect("prepares");
    };
    let (published, ()) = tokio::join!(publish(&publisher, &commit), made);
    published.expect("publishes");
    assert_eq!(read_cloud_events(topics.servers(), &topics.settings.topic).await.len(), 2);
}

#[tokio::test]
async fn a_topic_that_is_not_there_is_said_to_be_unknown() {
    let topics = KafkaTopics::not_made();
    let started = Instant::now();
    let refused = publish(&publisher(&topics).await, &StreamEnd::of_new_stream().push(1)).await;
    assert!(matches!(refused, Err(KafkaPublishError::Refused(RefusedError::UnknownTopic))), "{refused:?}");
    assert!(started.elapsed() < PublishLimits::default().timeout, "{:?}", started.elapsed());
}

// --- the sign-in by a password, over TLS

#[tokio::test]
async fn who_has_the_password_administers_publishes_and_consumes_over_tls() {
    let topics = KafkaTopics::not_made();
    let signed_in = signed_in_by("passbook", &topics.settings);
    let connection = KafkaConnection::connect(&signed_in).await.expect("brokers that are named");
    topics::prepare(&connection, &plan(2)).await.expect("prepares");
    let commit = StreamEnd::of_new_stream().push(3);
    let publisher = KafkaEventPublisher::new(&connection).expect("a publisher");
    publish(&publisher, &commit).await.expect("publishes");

    let consumer: StreamConsumer<KafkaClientContext> = client_config(&connection)
        .set("group.id", &signed_in.topic)
        .set("auto.offset.reset", "earliest")
        .create_with_context(client_context(&connection))
        .expect("a consumer");
    consumer.subscribe(&[&signed_in.topic]).expect("subscribes");
    for event in opened(&commit).envelopes() {
        let record = tokio::time::timeout(Duration::from_secs(30), consumer.recv()).await;
        let record = record.expect("in time").expect("a record");
        assert_eq!(record.key(), Some(event.stream_id.to_string().as_bytes()));
        assert_eq!(record.payload(), Some(event.data.to_string().as_bytes()));
    }
}

/// The client is like that of a function that has just started.
#[tokio::test]
async fn the_first_commit_of_a_new_publisher_waits_for_its_connections_and_for_no_timer() {
    let topics = KafkaTopics::made(&plan(4)).await;
    let signed_in = signed_in_by("passbook", &topics.settings);
    let connection = KafkaConnection::connect(&signed_in).await.expect("brokers that are named");
    let mut shortest = Duration::MAX;
    for _ in 0..5 {
        let publisher = KafkaEventPublisher::new(&connection).expect("a publisher");
        let started_at = Instant::now();
        publish(&publisher, &StreamEnd::of_new_stream().push(1)).await.expect("publishes");
        shortest = shortest.min(started_at.elapsed());
    }
    assert!(shortest < Duration::from_millis(400), "{shortest:?}");
}

#[tokio::test]
async fn a_wrong_password_is_said_to_be_one_within_the_limit() {
    let topics = KafkaTopics::made(&plan(1)).await;
    let trouble = trouble_with(&signed_in_by("another", &topics.settings)).await;
    assert!(trouble.contains("SaslAuthenticationFailed"), "{trouble}");
    assert!(!trouble.contains("another"), "{trouble}");
}

#[tokio::test]
async fn a_broker_whose_certificate_is_of_another_authority_is_refused() {
    let topics = KafkaTopics::made(&plan(1)).await;
    let signed_in = signed_in_by("passbook", &topics.settings);
    let another = concat!(env!("CARGO_MANIFEST_DIR"), "/harness/another_authority.pem");
    // The authority is not one of the publicly trusted ones either.
    for ca_file in [Some(another.into()), None] {
        let trouble = trouble_with(&KafkaSettings { ca_file, ..signed_in.clone() }).await;
        assert!(trouble.contains("invalid peer certificate"), "{trouble}");
    }
}

#[tokio::test]
async fn a_file_of_authorities_that_is_not_there_is_found_out_at_the_start() {
    let topics = KafkaTopics::not_made();
    let signed_in = signed_in_by("passbook", &topics.settings);
    let nowhere = KafkaSettings { ca_file: Some("/nowhere/ca.pem".into()), ..signed_in };
    let connection = KafkaConnection::connect(&nowhere).await.expect("brokers that are named");
    let error = KafkaEventPublisher::new(&connection).err().expect("refuses");
    assert!(error.to_string().contains("KAFKA_CA_FILE, /nowhere/ca.pem"), "{error}");
}

/// The error of a commit that these settings refuse.
async fn trouble_with(settings: &KafkaSettings) -> String {
    let connection = KafkaConnection::connect(settings).await.expect("brokers that are named");
    let publisher = KafkaEventPublisher::new(&connection).expect("a publisher");
    let limit = PublishLimits::default().timeout + Duration::from_millis(500);
    let failed = tokio::time::timeout(limit, publish(&publisher, &StreamEnd::of_new_stream().push(1))).await;
    match failed.expect("within the limit") {
        Err(KafkaPublishError::TimedOut { trouble: Some(trouble), .. }) => trouble,
        other => panic!("{other:?}"),
    }
}

// --- the topics

#[tokio::test]
async fn topics_are_made_once_with_the_planned_partitions_and_retention() {
    let topics = KafkaTopics::not_made();
    let connection = topics.connection().await;
    let plan = TopicPlan { retention: Duration::from_secs(3 * 24 * 60 * 60), ..plan(5) };
    for _ in 0..3 {
        topics::prepare(&connection, &plan).await.expect("prepares");
    }
    for topic in [&topics.settings.topic, &topics.settings.dead_letter_topic] {
        assert_eq!(partitions(&topics, topic).await, 5, "{topic}");
        assert_eq!(setting(&topics, topic, "retention.ms").await, "259200000", "{topic}");
    }
}

#[tokio::test]
async fn retention_is_brought_up_to_date_and_what_else_is_set_stays() {
    let topics = KafkaTopics::made(&plan(2)).await;
    let topic = topics.settings.topic.clone();
    assert_eq!(setting(&topics, &topic, "retention.ms").await, "604800000");
    set_on_topic(&topics, "max.message.bytes", "123456").await;
    let longer = TopicPlan { retention: Duration::from_secs(30 * 24 * 60 * 60), ..plan(2) };
    topics::prepare(&topics.connection().await, &longer).await.expect("prepares");
    assert_eq!(setting(&topics, &topic, "retention.ms").await, "2592000000");
    assert_eq!(setting(&topics, &topic, "max.message.bytes").await, "123456");
}

#[tokio::test]
async fn other_partitions_than_planned_are_reported_and_left_as_they_are() {
    let topics = KafkaTopics::made(&plan(3)).await;
    for planned in [2, 4] {
        let error = topics::prepare(&topics.connection().await, &plan(planned)).await.expect_err("reports");
        let PrepareError::OtherPartitions { topic, there: 3, planned: reported } = error else { panic!("{error:?}") };
        assert_eq!((topic, reported), (topics.settings.topic.clone(), planned));
        assert_eq!(partitions(&topics, &topics.settings.topic).await, 3);
    }
}

#[tokio::test]
async fn more_replicas_than_there_are_brokers_are_reported_with_the_topic() {
    let topics = KafkaTopics::not_made();
    let plan = TopicPlan { replication_factor: 30, ..plan(1) };
    let error = topics::prepare(&topics.connection().await, &plan).await.expect_err("reports");
    let PrepareError::Refused { topic, source } = error else { panic!("{error:?}") };
    assert_eq!(topic, topics.settings.topic);
    assert!(source.to_string().to_lowercase().contains("replication"), "{source}");
}

async fn partitions(topics: &KafkaTopics, topic: &str) -> usize {
    let admin = topics.admin().await;
    let metadata = admin.inner().fetch_metadata(Some(topic), Duration::from_secs(10)).expect("metadata");
    metadata.topics()[0].partitions().len()
}

async fn setting(topics: &KafkaTopics, topic: &str, name: &str) -> String {
    let resource = ResourceSpecifier::Topic(topic);
    let described = topics.admin().await.describe_configs([&resource], &AdminOptions::new()).await.expect("an answer");
    let resources: Vec<ConfigResource> = described.into_iter().map(|resource| resource.expect("a topic")).collect();
    let entry = resources[0].get(name).expect("a setting");
    entry.value.clone().expect("a value")
}

/// Sets a setting as a person may do by hand. The topic's other settings are left out, and so reset.
async fn set_on_topic(topics: &KafkaTopics, name: &str, value: &str) {
    let change = AlterConfig::new(ResourceSpecifier::Topic(&topics.settings.topic)).set(name, value);
    let changed = topics.admin().await.alter_configs([&change], &AdminOptions::new()).await.expect("an answer");
    changed.into_iter().for_each(|changed| drop(changed.expect("is changed")));
}
