use std::collections::BTreeSet;
use std::time::Duration;

use cqrs::Timestamp;
use kafka_clients::{KafkaClientContext, client_config, client_context};
use kafka_events::KafkaConnection;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use rdkafka::{Offset, TopicPartitionList};
use serde_json::json;

use super::DeadLettersError;
use super::letter::{LetterPlace, OpenLetter};

/// The header of a mark. It names the letter that has been redriven. Topics hold marks under this name, so it cannot change.
const REDRIVEN: &str = "passbook-redriven";
/// The time limit of one request, including the search for a broker.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// The time limit for the next record of a topic.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// The open letters of the connection's dead-letter topic, in the order of their places.
///
/// # Errors
/// See [`DeadLettersError`].
pub async fn open_letters(connection: &KafkaConnection) -> Result<Vec<OpenLetter>, DeadLettersError> {
    let connection = connection.clone();
    // The consumer blocks its thread.
    tokio::task::spawn_blocking(move || read(&connection)).await.map_err(DeadLettersError::TaskEnded)?
}

/// Reads the topic from its beginning to its present end.
fn read(connection: &KafkaConnection) -> Result<Vec<OpenLetter>, DeadLettersError> {
    let topic = connection.dead_letter_topic();
    let failed = |source| DeadLettersError::Kafka { doing: format!("the topic {topic} cannot be read"), source };
    let consumer: BaseConsumer<KafkaClientContext> = client_config(connection)
        // The client requires a group's name. Nothing is committed under it.
        .set("group.id", "passbook-dead-letters")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create_with_context(client_context(connection))
        .map_err(failed)?;
    let mut unread = partitions(&consumer, topic)?;
    let mut from_the_first = TopicPartitionList::new();
    for partition in &unread {
        from_the_first.add_partition_offset(topic, *partition, Offset::Beginning).map_err(failed)?;
    }
    consumer.assign(&from_the_first).map_err(failed)?;
    let (mut letters, mut redriven) = (Vec::new(), BTreeSet::new());
    while !unread.is_empty() {
        match consumer.poll(READ_TIMEOUT) {
            Some(Ok(message)) => match mark(&message) {
                Some(place) => _ = redriven.insert(place),
                None => letters.push(letter(&message)),
            },
            Some(Err(KafkaError::PartitionEOF(partition))) => _ = unread.remove(&partition),
            Some(Err(error)) => return Err(failed(error)),
            None => {
                return Err(failed(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut)));
            }
        }
    }
    letters.retain(|letter| !redriven.contains(&letter.place));
    letters.sort_by_key(|letter| letter.place);
    Ok(letters)
}

fn partitions(consumer: &BaseConsumer<KafkaClientContext>, topic: &str) -> Result<BTreeSet<i32>, DeadLettersError> {
    let metadata = consumer
        .fetch_metadata(Some(topic), REQUEST_TIMEOUT)
        .map_err(|source| DeadLettersError::Kafka { doing: "the brokers do not answer".to_owned(), source })?;
    let partitions: BTreeSet<i32> =
        metadata.topics().iter().flat_map(|topic| topic.partitions()).map(|partition| partition.id()).collect();
    if partitions.is_empty() { Err(DeadLettersError::NoTopic { topic: topic.to_owned() }) } else { Ok(partitions) }
}

fn mark(message: &BorrowedMessage<'_>) -> Option<LetterPlace> {
    let header = message.headers()?.iter().find(|header| header.key == REDRIVEN)?;
    std::str::from_utf8(header.value?).ok()?.parse().ok()
}

fn letter(message: &BorrowedMessage<'_>) -> OpenLetter {
    let letter = serde_json::from_slice(message.payload().unwrap_or_default());
    OpenLetter {
        place: LetterPlace { partition: message.partition(), offset: message.offset() },
        written_at_ms: message.timestamp().to_millis().unwrap_or_default(),
        letter: letter.map_err(|error| format!("it is not a dead letter: {error}")),
    }
}

/// Writes the mark of a letter whose records have been published, and waits until the brokers have it.
pub(crate) async fn mark_redriven(
    producer: &FutureProducer<KafkaClientContext>,
    topic: &str,
    place: LetterPlace,
) -> Result<(), KafkaError> {
    let text = place.to_string();
    let value = json!({"redriven": text, "at": Timestamp::now().to_string()}).to_string();
    let headers = OwnedHeaders::new_with_capacity(1).insert(Header { key: REDRIVEN, value: Some(&text) });
    let mark = FutureRecord::<[u8], str>::to(topic).payload(&value).headers(headers);
    producer.send(mark, Timeout::Never).await.map(|_| ()).map_err(|(error, _)| error)
}
