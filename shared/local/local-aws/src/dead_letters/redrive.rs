use kafka_clients::{KafkaClientContext, client_config, client_context};
use kafka_events::KafkaConnection;
use lambda_kafka_event::WholeRecord;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;

use super::letter_topic::{mark_redriven, open_letters};
use super::{DeadLettersError, LetterPlace, OpenLetter};

/// The time limit for the brokers to acknowledge a record.
const MESSAGE_TIMEOUT_MS: &str = "30000";

/// A finished step, reported during the work.
#[derive(Debug)]
pub enum RedriveStep<'a> {
    /// A letter stays open: its records cannot be read.
    LeftOpen {
        /// The letter.
        letter: LetterPlace,
        /// The reason why its records cannot be read.
        reason: &'a str,
    },
    /// A record is in its topic again, and its letter is marked.
    Published {
        /// The letter.
        letter: LetterPlace,
        /// The record.
        record: &'a WholeRecord,
    },
}

/// The numbers of letters that were redriven and left open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redriven {
    /// The number of letters whose records were published again.
    pub redriven: usize,
    /// The number of letters whose records cannot be read.
    pub left_open: usize,
}

/// Publishes the records of these letters again. If no letter is chosen, it does so for all open letters.
///
/// # Errors
/// See [`DeadLettersError`]. A chosen letter whose records cannot be read is an error, and then no letter is redriven.
pub async fn redrive(
    connection: &KafkaConnection,
    chosen: &[LetterPlace],
    on_step: &mut (dyn FnMut(RedriveStep<'_>) + Send),
) -> Result<Redriven, DeadLettersError> {
    let open = open_letters(connection).await?;
    if let Some(letter) = chosen.iter().find(|place| open.iter().all(|letter| letter.place != **place)) {
        return Err(DeadLettersError::NotOpen { letter: *letter });
    }
    let mut letters = Vec::new();
    let mut left_open = 0;
    for letter in open.into_iter().filter(|letter| chosen.is_empty() || chosen.contains(&letter.place)) {
        match letter.records() {
            Ok(records) => letters.push((letter, records)),
            Err(reason) if chosen.is_empty() => {
                on_step(RedriveStep::LeftOpen { letter: letter.place, reason: &reason });
                left_open += 1;
            }
            Err(reason) => return Err(DeadLettersError::NotRedrivable { letter: letter.place, reason }),
        }
    }
    // Letters are sorted by the original places of their records, so that the records of a stream are in order again.
    letters.sort_by(|(_, one), (_, other)| origin(one).cmp(&origin(other)));
    let redriven = letters.len();
    publish(connection, letters, on_step).await?;
    Ok(Redriven { redriven, left_open })
}

fn origin(records: &[WholeRecord]) -> Option<(&str, i32, i64)> {
    records.first().map(|record| (record.topic.as_str(), record.partition, record.offset))
}

async fn publish(
    connection: &KafkaConnection,
    letters: Vec<(OpenLetter, Vec<WholeRecord>)>,
    on_step: &mut (dyn FnMut(RedriveStep<'_>) + Send),
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
        for record in &records {
            on_step(RedriveStep::Published { letter: letter.place, record });
        }
    }
    Ok(())
}

/// Sends the record to its original partition, so that it stays with the other events of its stream. Its time is new.
/// Otherwise a record that was given up for its age would be given up again at once. The event in it keeps its own
/// time.
async fn send(producer: &FutureProducer<KafkaClientContext>, record: &WholeRecord) -> Result<(), KafkaError> {
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
