use std::process::ExitCode;

use kafka_clients::{KafkaClientContext, client_config, client_context};
use kafka_events::KafkaConnection;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;

use super::DeadLettersError;
use super::letter::{LetterPlace, LetterRecord, OpenLetter};
use super::letter_topic::{mark_redriven, open_letters};

/// How long the brokers may take to acknowledge a record.
const MESSAGE_TIMEOUT_MS: &str = "30000";

/// Redrives these letters, or all where none is named, and prints which.
pub(crate) async fn redrive(
    connection: &KafkaConnection,
    chosen: &[LetterPlace],
) -> Result<ExitCode, DeadLettersError> {
    let open = open_letters(connection).await?;
    if let Some(letter) = chosen.iter().find(|place| open.iter().all(|letter| letter.place != **place)) {
        return Err(DeadLettersError::NotOpen { letter: *letter });
    }
    let mut letters = Vec::new();
    let mut left = 0_usize;
    for letter in open.into_iter().filter(|letter| chosen.is_empty() || chosen.contains(&letter.place)) {
        match letter.records() {
            Ok(records) => letters.push((letter, records)),
            Err(reason) if chosen.is_empty() => {
                eprintln!("{} is left open: {reason}", letter.place);
                left += 1;
            }
            Err(reason) => return Err(DeadLettersError::NotRedrivable { letter: letter.place, reason }),
        }
    }
    // In the order in which they came, so that a stream's records are in order again.
    letters.sort_by(|(_, one), (_, other)| origin(one).cmp(&origin(other)));
    let redriven = letters.len();
    publish(connection, letters).await?;
    println!("{redriven} redriven{}", if left > 0 { format!(", {left} left open") } else { String::new() });
    Ok(if left > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn origin(records: &[LetterRecord]) -> Option<(&str, i32, i64)> {
    records.first().map(|record| (record.topic.as_str(), record.partition, record.offset))
}

async fn publish(
    connection: &KafkaConnection,
    letters: Vec<(OpenLetter, Vec<LetterRecord>)>,
) -> Result<(), DeadLettersError> {
    let failed = |doing: String| move |source: KafkaError| DeadLettersError::Kafka { doing, source };
    let producer: FutureProducer<KafkaClientContext> = client_config(connection)
        .set("enable.idempotence", "true")
        .set("message.timeout.ms", MESSAGE_TIMEOUT_MS)
        .create_with_context(client_context(connection))
        .map_err(failed("there is no Kafka client for these settings".to_owned()))?;
    for (letter, records) in letters {
        for record in &records {
            let doing = format!("{} could not be published to {}", letter.place, record.topic);
            send(&producer, record).await.map_err(failed(doing))?;
        }
        let doing = format!("{} was published, but not marked: it stays open", letter.place);
        mark_redriven(&producer, connection.dead_letter_topic(), letter.place).await.map_err(failed(doing))?;
        for record in records {
            println!("{} -> {} {}", letter.place, record.topic, record.partition);
        }
    }
    Ok(())
}

/// To the partition that it came from: that of its stream's other events, whoever reckons partitions how. With a new
/// time, since a record that is given up for its age would be given up at once again; the event has its own.
async fn send(producer: &FutureProducer<KafkaClientContext>, record: &LetterRecord) -> Result<(), KafkaError> {
    let headers =
        record.headers.iter().fold(OwnedHeaders::new_with_capacity(record.headers.len()), |headers, (name, value)| {
            headers.insert(Header { key: name, value: value.as_ref() })
        });
    let mut message = FutureRecord::<[u8], [u8]>::to(&record.topic).partition(record.partition).headers(headers);
    if let Some(key) = &record.key {
        message = message.key(key);
    }
    if let Some(value) = &record.value {
        message = message.payload(value);
    }
    producer.send(message, Timeout::Never).await.map(|_| ()).map_err(|(error, _)| error)
}
