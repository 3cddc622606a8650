use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use cloud_events::{KafkaRecord, to_record};
use cqrs::{EventPublisher, OpenedCommit, PublishError, StreamId};
use futures::future::join_all;
use rskafka::chrono::{DateTime, Utc};
use rskafka::client::error::{Error as KafkaError, ProtocolError};
use rskafka::record::Record;

use crate::link::{Link, LinkError, LinkPlan};
use crate::pause::Pause;
use crate::{KafkaConnection, NoPublisherError};

/// The pause before the second try. Each later pause is twice as long, up to the longest.
const FIRST_RETRY_AFTER: Duration = Duration::from_millis(20);
const LONGEST_RETRY_AFTER: Duration = Duration::from_millis(320);

/// How long a publisher waits for acknowledgements, and how long it then publishes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishLimits {
    /// The limit of all acknowledgements of one commit together. A command waits for them within the dispatcher's 10 s, in
    /// which it also waits for the event store.
    pub timeout: Duration,
    /// After a commit that was not acknowledged in time, other commits fail at once for this time. Then one is tried.
    pub pause: Duration,
}

impl Default for PublishLimits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(2), pause: Duration::from_secs(5) }
    }
}

/// The reason why a commit is not on Kafka now: the source of the [`PublishError`]. Handling: log it; the commit keeps its
/// mark, and the relay publishes it.
#[derive(Debug, thiserror::Error)]
pub enum KafkaPublishError {
    /// The commit was not tried, because another commit was not acknowledged a moment ago. Handling: none is needed.
    #[error("publishing pauses after a failure")]
    Paused,
    /// The brokers did not acknowledge in time. They may have the events, or may still get them. Handling: check the brokers,
    /// the network and the sign-in; publishing goes on by itself once the brokers answer.
    #[error("no acknowledgement within {} ms; the client's error: {}", timeout.as_millis(), trouble.as_deref().unwrap_or("none"))]
    TimedOut {
        /// The limit.
        timeout: Duration,
        /// The error of the last try that ended.
        trouble: Option<String>,
    },
    /// A broker refused the commit's records. Together they are too large, or there is no such topic, or the right to write to
    /// it is missing. Other commits are not held up. Handling: as for its source. A commit that is too large is never accepted
    /// until the topic's `max.message.bytes` allows it.
    #[error("the records were refused")]
    Refused(#[source] RefusedError),
}

/// The reason why a broker refused records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefusedError {
    /// The topic is unknown. Handling: make the topic, or grant the right to it.
    #[error("Unknown topic: no broker knows it, or the right to see it is missing")]
    UnknownTopic,
    /// Kafka's own name for the error. Handling: look the name up in Kafka's documentation of its protocol.
    #[error("the broker's answer is {0}")]
    Broker(ProtocolError),
}

/// Publishes each commit to the events' topic as soon as it is stored.
///
/// Every event is a record of its own. Its key is its stream's id, so that one stream's events share a partition. A commit's
/// records are one batch: either all are there, in order, or none. If an acknowledgement does not come, they are sent again.
/// They may then be there twice, and after the next commit's records, because the client has no idempotent producer. With two
/// processes, or if the relay repeats a command's commit, records may also come twice or out of order. So consumers go by the
/// version.
pub struct KafkaEventPublisher {
    plan: Arc<LinkPlan>,
    link: RwLock<Arc<Link>>,
    timeout: Duration,
    pause: Pause,
}

impl KafkaEventPublisher {
    /// A publisher with the default limits. It begins to connect. No broker needs to be there yet.
    ///
    /// # Errors
    /// See [`NoPublisherError`].
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn new(connection: &KafkaConnection) -> Result<Self, NoPublisherError> {
        Self::with_limits(connection, PublishLimits::default())
    }

    /// A publisher with these limits.
    ///
    /// # Errors
    /// See [`new`](Self::new).
    ///
    /// # Panics
    /// See [`new`](Self::new).
    pub fn with_limits(connection: &KafkaConnection, limits: PublishLimits) -> Result<Self, NoPublisherError> {
        let plan = Arc::new(LinkPlan::new(connection)?);
        let link = Arc::new(Link::new(Arc::clone(&plan)));
        let ahead = Arc::clone(&link);
        tokio::spawn(async move {
            // Its errors happen again at the first commit, and are reported there.
            let prepared = tokio::time::timeout(limits.timeout, ahead.prepare()).await;
            tracing::debug!(is_prepared = matches!(prepared, Ok(Ok(_))), "Kafka's brokers have been asked for");
        });
        Ok(Self { plan, link: RwLock::new(link), timeout: limits.timeout, pause: Pause::of(limits.pause) })
    }

    async fn acknowledged(&self, commit: &OpenedCommit) -> Result<(), KafkaPublishError> {
        if !self.pause.may_try(Instant::now()) {
            return Err(KafkaPublishError::Paused);
        }
        let written = self.written(commit).await;
        match &written {
            // A refusal is an answer. Other commits need not wait because of a commit that is never accepted.
            Ok(()) | Err(KafkaPublishError::Refused(_)) => self.pause.end(),
            Err(KafkaPublishError::TimedOut { .. }) => self.pause.begin(Instant::now()),
            Err(KafkaPublishError::Paused) => {}
        }
        written
    }

    /// Tries until the limit. A try that is not refused is repeated by a new link. That costs a few round trips. A fault of the
    /// old link, such as a moved broker or a dead connection, is left behind with it.
    async fn written(&self, commit: &OpenedCommit) -> Result<(), KafkaPublishError> {
        let records: Vec<KafkaRecord> = commit.envelopes().map(|event| to_record(&event)).collect();
        let Some(key) = records.first().map(|record| record.key.as_str()) else { return Ok(()) };
        let started_at = Instant::now();
        let (give_up_at, mut retry_after, mut trouble) = (started_at + self.timeout, FIRST_RETRY_AFTER, None);
        loop {
            let link = self.current();
            let remaining = give_up_at.saturating_duration_since(Instant::now());
            let limit = if link.has_just_heard_of(key) { remaining } else { remaining.min(self.timeout / 2) };
            let error = match tokio::time::timeout(limit, link.write(key, for_the_client(&records))).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error,
                Err(_) => {
                    self.leave(&link);
                    if Instant::now() >= give_up_at {
                        return Err(KafkaPublishError::TimedOut { timeout: self.timeout, trouble });
                    }
                    continue;
                }
            };
            match refusal(&error) {
                // The topic may have been made a moment ago, and not be known everywhere yet.
                Some(RefusedError::UnknownTopic) if started_at.elapsed() < self.timeout / 2 => {}
                Some(refused) => return Err(KafkaPublishError::Refused(refused)),
                None => {}
            }
            if is_written_already(&error) {
                // A second send would store the records twice. The relay tries later, when the other brokers may be back.
                return Err(KafkaPublishError::TimedOut { timeout: self.timeout, trouble: Some(error.to_string()) });
            }
            self.leave(&link);
            // The client's error texts include their causes. For a sign-in they include neither the password nor the token.
            trouble = Some(error.to_string());
            tokio::time::sleep_until(give_up_at.min(Instant::now() + retry_after).into()).await;
            retry_after = LONGEST_RETRY_AFTER.min(retry_after * 2);
            if Instant::now() >= give_up_at {
                return Err(KafkaPublishError::TimedOut { timeout: self.timeout, trouble });
            }
        }
    }

    /// Whether the brokers know the topic, by the publisher's own connection. Returns the topic's number of partitions.
    ///
    /// # Errors
    /// See [`KafkaPublishError`]: all errors that do not concern a single commit.
    pub async fn partition_count(&self) -> Result<i32, KafkaPublishError> {
        let link = self.current();
        let trouble = match tokio::time::timeout(self.timeout, link.prepare()).await {
            Ok(Ok((_, partitions))) => return Ok(*partitions),
            Ok(Err(error)) => match refusal(&error) {
                Some(refused) => return Err(KafkaPublishError::Refused(refused)),
                None => Some(error.to_string()),
            },
            Err(_) => None,
        };
        self.leave(&link);
        Err(KafkaPublishError::TimedOut { timeout: self.timeout, trouble })
    }

    fn current(&self) -> Arc<Link> {
        let link = Arc::clone(&self.link.read().unwrap_or_else(PoisonError::into_inner));
        if link.is_old() {
            self.leave(&link);
            return Arc::clone(&self.link.read().unwrap_or_else(PoisonError::into_inner));
        }
        link
    }

    /// Replaces the link, so that the next caller connects anew.
    fn leave(&self, used: &Arc<Link>) {
        let mut link = self.link.write().unwrap_or_else(PoisonError::into_inner);
        // Another caller may have replaced it already.
        if Arc::ptr_eq(&link, used) {
            *link = Arc::new(Link::new(Arc::clone(&self.plan)));
        }
    }
}

#[async_trait]
impl EventPublisher for KafkaEventPublisher {
    async fn publish(&self, commit: &OpenedCommit) -> Result<(), PublishError> {
        self.acknowledged(commit).await.map_err(|error| PublishError { source: error.into() })
    }

    /// The streams are published at once, and the commits of one stream one after the other. So a stream's records arrive in
    /// order.
    async fn publish_all(&self, commits: &[Arc<OpenedCommit>]) -> Vec<Result<(), PublishError>> {
        let mut places_of_streams: BTreeMap<StreamId, Vec<usize>> = BTreeMap::new();
        for (place, commit) in commits.iter().enumerate() {
            places_of_streams.entry(commit.commit().draft.stream_id).or_default().push(place);
        }
        let streams = places_of_streams.into_values().map(|places| async move {
            let mut answers = Vec::with_capacity(places.len());
            for place in places {
                answers.push((place, self.publish(&commits[place]).await));
            }
            answers
        });
        let mut answers: Vec<_> = join_all(streams).await.into_iter().flatten().collect();
        answers.sort_unstable_by_key(|(place, _)| *place);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }
}

/// The records in the client's form, with the present time. A topic keeps its records by this time, and the relay's commits may
/// be old.
fn for_the_client(records: &[KafkaRecord]) -> Vec<Record> {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let timestamp: DateTime<Utc> =
        i64::try_from(since_1970.as_millis()).ok().and_then(DateTime::from_timestamp_millis).unwrap_or_default();
    let header = |(name, value): &(&'static str, String)| ((*name).to_owned(), value.clone().into_bytes());
    let record = |record: &KafkaRecord| Record {
        key: Some(record.key.clone().into_bytes()),
        value: Some(record.value.clone()),
        headers: record.headers.iter().map(header).collect::<BTreeMap<_, _>>(),
        timestamp,
    };
    records.iter().map(record).collect()
}

/// Whether the leader has the records but does not acknowledge them, because too few other brokers have them.
fn is_written_already(error: &LinkError) -> bool {
    let LinkError::Kafka(KafkaError::ServerError { protocol_error, .. }) = error else { return false };
    *protocol_error == ProtocolError::NotEnoughReplicasAfterAppend
}

/// The refusal in this error, if the broker would never accept the records.
fn refusal(error: &LinkError) -> Option<RefusedError> {
    let protocol_error = match error {
        LinkError::UnknownTopic => return Some(RefusedError::UnknownTopic),
        LinkError::Kafka(KafkaError::ServerError { protocol_error, .. }) => protocol_error,
        LinkError::Kafka(_) => return None,
    };
    match protocol_error {
        ProtocolError::UnknownTopicOrPartition => Some(RefusedError::UnknownTopic),
        ProtocolError::CorruptMessage
        | ProtocolError::LeaderNotAvailable
        | ProtocolError::NotLeaderOrFollower
        | ProtocolError::RequestTimedOut
        | ProtocolError::BrokerNotAvailable
        | ProtocolError::ReplicaNotAvailable
        | ProtocolError::NetworkException
        | ProtocolError::NotEnoughReplicas
        | ProtocolError::NotEnoughReplicasAfterAppend
        | ProtocolError::KafkaStorageError
        | ProtocolError::FencedLeaderEpoch
        | ProtocolError::UnknownLeaderEpoch
        | ProtocolError::ThrottlingQuotaExceeded => None,
        refused => Some(RefusedError::Broker(*refused)),
    }
}

#[cfg(test)]
mod tests {
    use rskafka::client::error::RequestContext;

    use super::*;

    #[test]
    fn what_may_pass_is_tried_again_and_what_never_will_is_a_refusal() {
        let answered = |protocol_error| {
            LinkError::Kafka(KafkaError::ServerError {
                protocol_error,
                error_message: None,
                request: RequestContext::Partition("events".to_owned(), 0),
                response: None,
                is_virtual: false,
            })
        };
        for passing in [
            ProtocolError::NotLeaderOrFollower,
            ProtocolError::LeaderNotAvailable,
            ProtocolError::NotEnoughReplicas,
            ProtocolError::NotEnoughReplicasAfterAppend,
            ProtocolError::RequestTimedOut,
        ] {
            assert_eq!(refusal(&answered(passing)), None, "{passing}");
        }
        for refused in [ProtocolError::MessageTooLarge, ProtocolError::TopicAuthorizationFailed] {
            assert_eq!(refusal(&answered(refused)), Some(RefusedError::Broker(refused)));
        }
        let unknown = answered(ProtocolError::UnknownTopicOrPartition);
        assert_eq!(refusal(&unknown), Some(RefusedError::UnknownTopic));
        assert!(is_written_already(&answered(ProtocolError::NotEnoughReplicasAfterAppend)));
        assert!(!is_written_already(&answered(ProtocolError::NotEnoughReplicas)));
    }
}
