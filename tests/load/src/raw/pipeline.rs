use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::FutureExt as _;
use rdkafka::consumer::{CommitMode, Consumer as _, StreamConsumer};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use sqlx::{Connection as _, Executor as _, MySqlConnection, QueryBuilder};
use tokio::sync::mpsc;

use super::EventLog;

/// The records of one transaction of the raw consumer.
const BATCH: usize = 500;
const TIMEOUT: Duration = Duration::from_secs(10);
/// The pause between two records whose way is measured.
const PAUSE: Duration = Duration::from_millis(20);
const PROBE: &str = "probe ";

/// Sends a record again and again for this time, and measures how long after the acknowledgement a raw consumer has committed its
/// row. Returns the times in microseconds.
pub async fn raw_lags(event_log: &EventLog, mysql_url: &str, time: Duration) -> anyhow::Result<Vec<u32>> {
    let (telling, mut committed) = mpsc::unbounded_channel();
    let consumer = consumer_at_end(event_log)?;
    let mut connection = MySqlConnection::connect(mysql_url).await?;
    connection
        .execute(
            "CREATE TABLE IF NOT EXISTS raw_lag (id VARCHAR(64) NOT NULL PRIMARY KEY, record_offset BIGINT NOT NULL)",
        )
        .await?;
    let consuming = tokio::spawn(consume(consumer, connection, telling));
    let (started_at, mut lags_us) = (Instant::now(), Vec::new());
    for probe in 0.. {
        if started_at.elapsed() >= time {
            break;
        }
        let key = format!("{PROBE}{probe}");
        event_log.produce(&key).await?;
        let acknowledged_at = Instant::now();
        loop {
            let (committed_key, at): (String, Instant) = committed.recv().await.context("the consumer has ended")?;
            if committed_key == key {
                let lag = at.saturating_duration_since(acknowledged_at);
                lags_us.push(u32::try_from(lag.as_micros()).unwrap_or(u32::MAX));
                break;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    consuming.abort();
    Ok(lags_us)
}

/// A consumer of every partition, from its end on.
fn consumer_at_end(event_log: &EventLog) -> anyhow::Result<StreamConsumer> {
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", &event_log.kafka_servers)
        .set("group.id", &event_log.topic)
        .set("enable.auto.commit", "false")
        .create()?;
    let mut ends = TopicPartitionList::new();
    for partition in 0..super::event_log::PARTITIONS {
        let (_, end) = consumer.fetch_watermarks(&event_log.topic, partition, TIMEOUT)?;
        ends.add_partition_offset(&event_log.topic, partition, Offset::Offset(end))?;
    }
    consumer.assign(&ends)?;
    Ok(consumer)
}

/// Writes a row for each record's key, as many as are there in one transaction, and then commits the offsets.
async fn consume(
    consumer: StreamConsumer,
    mut connection: MySqlConnection,
    telling: mpsc::UnboundedSender<(String, Instant)>,
) -> anyhow::Result<()> {
    loop {
        let mut records = vec![consumer.recv().await?];
        while records.len() < BATCH
            && let Some(record) = consumer.recv().now_or_never()
        {
            records.push(record?);
        }
        let rows: BTreeMap<String, i64> = records.iter().map(|record| (key(record), record.offset())).collect();
        let mut upsert = QueryBuilder::<sqlx::MySql>::new("INSERT INTO raw_lag (id, record_offset) ");
        upsert.push_values(&rows, |mut row, (key, offset)| {
            row.push_bind(key.clone()).push_bind(*offset);
        });
        upsert.push(" ON DUPLICATE KEY UPDATE record_offset = VALUES(record_offset)");
        upsert.build().execute(&mut connection).await?;
        let committed_at = Instant::now();
        for key in rows.into_keys().filter(|key| key.starts_with(PROBE)) {
            telling.send((key, committed_at))?;
        }
        let mut done = TopicPartitionList::new();
        for record in &records {
            // A later record of the same partition replaces the offset.
            done.add_partition_offset(record.topic(), record.partition(), Offset::Offset(record.offset() + 1))?;
        }
        consumer.commit(&done, CommitMode::Async)?;
    }
}

fn key(record: &BorrowedMessage<'_>) -> String {
    String::from_utf8_lossy(record.key().unwrap_or_default()).into_owned()
}
