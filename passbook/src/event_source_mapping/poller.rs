use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use backon::{ExponentialBuilder, Retryable as _};
use cqrs::Timestamp;
use kafka_clients::KafkaClientContext;
use rdkafka::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::backlog::{Backlog, GivenUp};
use super::batch_answer::{Failures, failures};
use super::dead_letter::Condition;
use super::dead_letter_writer::DeadLetterWriter;
use super::record::{Record, Source};
use super::{InvokeClient, InvokeError, MappingSettings};

/// What a consumer calls back.
pub(crate) struct PollerContext {
    connection: KafkaClientContext,
    topic: String,
    /// Partitions that were taken away since the poller looked last.
    revoked: Mutex<BTreeSet<i32>>,
}

impl PollerContext {
    pub(crate) fn new(connection: KafkaClientContext, topic: String) -> Self {
        Self { connection, topic, revoked: Mutex::default() }
    }

    fn take_revoked(&self) -> BTreeSet<i32> {
        std::mem::take(&mut *self.revoked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientContext for PollerContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = KafkaClientContext::ENABLE_REFRESH_OAUTH_TOKEN;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.connection.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.connection.error(error, reason);
    }

    fn generate_oauth_token(&self, configuration: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.connection.generate_oauth_token(configuration)
    }
}

impl ConsumerContext for PollerContext {
    /// Called within the poller's own wait for the next record, and so never between an invocation and its commit.
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = rebalance {
            let partitions = partitions.elements_for_topic(&self.topic).into_iter().map(|one| one.partition());
            self.revoked.lock().unwrap_or_else(PoisonError::into_inner).extend(partitions);
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            // What it was about is delivered again, to this poller or another.
            tracing::warn!(%error, "offsets could not be committed");
        }
    }
}

/// One consumer of the group.
pub(crate) struct Poller {
    pub consumer: StreamConsumer<PollerContext>,
    pub source: Source,
    pub client: InvokeClient,
    pub dead_letters: Arc<DeadLetterWriter>,
    pub settings: MappingSettings,
    /// True once the mapping is to stop.
    pub stop: watch::Receiver<bool>,
    /// The next batch.
    pub gathered: Gathered,
    /// Partitions with something left to do after a failure; they are paused.
    pub backlogs: BTreeMap<i32, Backlog>,
    /// Before which offsets everything is done, by partition.
    pub done: BTreeMap<i32, i64>,
}

/// Records on their way into the next batch.
#[derive(Default)]
pub(crate) struct Gathered {
    records: Vec<Record>,
    bytes: usize,
    /// When the batch goes, however few they are.
    window_ends: Option<Instant>,
}

impl Gathered {
    fn is_full(&self, settings: &MappingSettings) -> bool {
        self.records.len() >= settings.batch_size || self.bytes >= settings.max_payload_bytes
    }

    fn add(&mut self, record: Record, settings: &MappingSettings) {
        self.window_ends.get_or_insert_with(|| Instant::now() + settings.batching_window);
        self.bytes += record.bytes();
        self.records.push(record);
    }

    /// A batch, and what is too much for it: that begins the next.
    fn take(&mut self, settings: &MappingSettings) -> Vec<Record> {
        let mut batch = std::mem::take(self);
        let too_large = batch.bytes > settings.max_payload_bytes && batch.records.len() > 1;
        if let Some(last) = batch.records.pop_if(|_| too_large) {
            self.add(last, settings);
        }
        batch.records
    }

    fn forget(&mut self, partitions: &BTreeSet<i32>) {
        self.records.retain(|record| !partitions.contains(&record.partition));
        self.bytes = self.records.iter().map(Record::bytes).sum();
        if self.records.is_empty() {
            self.window_ends = None;
        }
    }
}

/// What a poller does next.
enum Next {
    Stop,
    /// Tries this partition's backlog.
    Backlog(i32),
    /// Delivers what it has gathered.
    Batch,
    /// Takes in a record.
    Record(Record),
    Nothing,
}

/// What became of an invocation.
enum Outcome {
    Answered(Failures),
    Erred,
    /// The function was not invoked, which is no record's fault.
    NotInvoked,
}

/// The mapping stops before the work at hand is done: it is not committed, and delivered again by whoever comes next.
struct Abandoned;

impl Poller {
    /// Until the mapping is to stop.
    pub(crate) async fn run(mut self) {
        while !*self.stop.borrow() && self.step().await.is_ok() {}
        self.forget_revoked();
        let done = self.offsets(&self.done);
        let consumer = self.consumer;
        // Both wait for the brokers, and block their thread.
        let left = tokio::task::spawn_blocking(move || {
            // Once more, since a commit under way ends with the consumer.
            if done.count() > 0
                && let Err(error) = consumer.commit(&done, CommitMode::Sync)
            {
                tracing::warn!(%error, "offsets could not be committed");
            }
            drop(consumer);
        });
        if let Err(error) = left.await {
            tracing::error!(%error, "the consumer did not leave its group");
        }
    }

    /// Another poller has them now, from what was committed on.
    fn forget_revoked(&mut self) {
        let revoked = self.consumer.context().take_revoked();
        if !revoked.is_empty() {
            self.gathered.forget(&revoked);
            self.backlogs.retain(|partition, _| !revoked.contains(partition));
            self.done.retain(|partition, _| !revoked.contains(partition));
        }
    }

    fn offsets(&self, done: &BTreeMap<i32, i64>) -> TopicPartitionList {
        let mut offsets = TopicPartitionList::new();
        for (partition, offset) in done {
            if let Err(error) = offsets.add_partition_offset(&self.source.topic, *partition, Offset::Offset(*offset)) {
                tracing::error!(%error, partition, offset, "no offset that can be committed");
            }
        }
        offsets
    }

    async fn step(&mut self) -> Result<(), Abandoned> {
        let next_backlog = self.backlogs.iter().map(|(partition, backlog)| (backlog.due(), *partition)).min();
        let window_ends = self.gathered.window_ends;
        let is_full = self.gathered.is_full(&self.settings);
        let next = tokio::select! {
            biased;
            _ = self.stop.changed() => Next::Stop,
            Some(partition) = when_due(next_backlog) => Next::Backlog(partition),
            () = when(window_ends, is_full) => Next::Batch,
            message = self.consumer.recv() => match message.map(|message| Record::of(&message)) {
                Ok(Ok(record)) => Next::Record(record),
                Ok(Err(error)) => {
                    tracing::error!(%error, "a record could not be written as JSON");
                    Next::Nothing
                }
                // librdkafka goes on by itself.
                Err(error) => {
                    tracing::warn!(%error, topic = self.source.topic, "no record for now");
                    Next::Nothing
                }
            },
        };
        // Before anything else: while it waited, partitions may have been taken away and come back, and the record at hand
        // may be the first of one that begins again from what was committed.
        self.forget_revoked();
        match next {
            Next::Stop => Err(Abandoned),
            Next::Backlog(partition) => match self.backlogs.remove_entry(&partition) {
                Some(backlog) => self.deliver([backlog].into()).await,
                None => Ok(()),
            },
            Next::Batch => {
                let records = self.gathered.take(&self.settings);
                let batch = self.by_partition(records);
                self.deliver(batch).await
            }
            Next::Record(record) => {
                self.take_in(record);
                Ok(())
            }
            Next::Nothing => Ok(()),
        }
    }

    /// A partition with a backlog is paused, but what its consumer held already may still come.
    fn take_in(&mut self, record: Record) {
        match self.backlogs.get_mut(&record.partition) {
            Some(backlog) => backlog.push(record),
            None => self.gathered.add(record, &self.settings),
        }
    }

    fn by_partition(&self, records: Vec<Record>) -> BTreeMap<i32, Backlog> {
        let mut by_partition: BTreeMap<i32, Vec<Record>> = BTreeMap::new();
        for record in records {
            by_partition.entry(record.partition).or_default().push(record);
        }
        by_partition
            .into_iter()
            .map(|(partition, records)| (partition, Backlog::new(records, &self.settings)))
            .collect()
    }

    /// Invokes the function with the next records of these partitions, and puts into effect what it answers.
    async fn deliver(&mut self, mut batch: BTreeMap<i32, Backlog>) -> Result<(), Abandoned> {
        if let Some(max_age) = self.settings.max_record_age {
            let now_ms = Timestamp::now().unix_millis();
            for backlog in batch.values_mut() {
                let expired = backlog.take_expired(now_ms, max_age);
                self.write_dead_letters(&expired, Condition::MaximumRecordAgeExceeded, None).await?;
            }
        }
        let max_bytes = self.settings.max_payload_bytes;
        let delivered: BTreeMap<i32, BTreeSet<i64>> = batch
            .iter()
            .map(|(partition, backlog)| (*partition, backlog.next(max_bytes).map(|record| record.offset).collect()))
            .collect();
        let outcome = if delivered.values().all(BTreeSet::is_empty) {
            Outcome::Answered(Failures::new())
        } else {
            self.invoke(&batch, &delivered).await?
        };
        let is_alone = batch.len() == 1;
        let nothing = BTreeSet::new();
        let mut function_error = None;
        for (partition, backlog) in &mut batch {
            let length = delivered[partition].len();
            let given_up = match &outcome {
                Outcome::Answered(failed) => {
                    backlog.answered(length, failed.get(partition).unwrap_or(&nothing), &self.settings)
                }
                Outcome::Erred if is_alone => {
                    function_error = Some("Unhandled");
                    backlog.erred(length, &self.settings)
                }
                Outcome::Erred => {
                    backlog.not_to_blame(false);
                    Vec::new()
                }
                Outcome::NotInvoked => {
                    backlog.not_to_blame(true);
                    Vec::new()
                }
            };
            self.write_dead_letters(&given_up, Condition::RetriesExhausted, function_error).await?;
        }
        self.settle(batch);
        Ok(())
    }

    async fn invoke(
        &mut self,
        batch: &BTreeMap<i32, Backlog>,
        delivered: &BTreeMap<i32, BTreeSet<i64>>,
    ) -> Result<Outcome, Abandoned> {
        let max_bytes = self.settings.max_payload_bytes;
        let event = self.source.event(batch.values().flat_map(|backlog| backlog.next(max_bytes)));
        // Texts, numbers and lists of them serialize.
        let event = serde_json::to_vec(&event).unwrap_or_default();
        let (bytes, records) = (event.len(), delivered.values().map(BTreeSet::len).sum::<usize>());
        let mut stop = self.stop.clone();
        let grace = self.settings.grace;
        let invocation = tokio::select! {
            invocation = self.client.invoke(&self.settings.function_name, event) => invocation,
            () = async {
                // An end of the sender is a stop, too.
                let _ = stop.wait_for(|stop| *stop).await;
                sleep(grace).await;
            } => {
                tracing::warn!(records, "the invocation under way was not done in time; its records are delivered again");
                return Err(Abandoned);
            }
        };
        tracing::debug!(records, bytes, partitions = batch.len(), "batch delivered");
        Ok(match invocation {
            Ok(invocation) => match failures(&invocation.payload, &self.source, delivered) {
                Ok(failed) => {
                    let failed_records = failed.values().map(BTreeSet::len).sum::<usize>();
                    if failed_records > 0 {
                        tracing::warn!(records, failed_records, "the function reports failed records");
                    }
                    Outcome::Answered(failed)
                }
                Err(error) => {
                    tracing::error!(records, %error, "the batch has failed");
                    Outcome::Erred
                }
            },
            Err(error @ (InvokeError::Function { .. } | InvokeError::TimedOut { .. })) => {
                tracing::error!(records, %error, "the batch has failed");
                Outcome::Erred
            }
            Err(error @ (InvokeError::Refused { .. } | InvokeError::Unreachable(_))) => {
                tracing::warn!(records, %error, causes = telemetry::causes(&error), "the function was not invoked");
                Outcome::NotInvoked
            }
        })
    }

    /// Waits until the brokers have them: their offsets are passed afterwards.
    async fn write_dead_letters(
        &self,
        given_up: &[GivenUp],
        condition: Condition,
        function_error: Option<&str>,
    ) -> Result<(), Abandoned> {
        for one in given_up {
            let (partition, offset) = (one.record.partition, one.record.offset);
            let pauses = ExponentialBuilder::default()
                .with_min_delay(self.settings.first_pause)
                .with_max_delay(self.settings.longest_pause)
                .without_max_times()
                .with_jitter();
            let write = || self.dead_letters.write(one, condition, function_error);
            let written = write.retry(pauses).sleep(sleep).notify(|error, pause| {
                tracing::error!(partition, offset, %error, ?pause, "a dead letter could not be written");
            });
            let mut stop = self.stop.clone();
            tokio::select! {
                written = written => {
                    // It tries without an end.
                    written.map_err(|_| Abandoned)?;
                    tracing::error!(partition, offset, condition = condition.as_str(), "record given up: a dead letter");
                }
                () = async { let _ = stop.wait_for(|stop| *stop).await; sleep(self.settings.grace).await; } => {
                    return Err(Abandoned);
                }
            }
        }
        Ok(())
    }

    /// Commits what is done, and pauses the partitions that have something left.
    fn settle(&mut self, batch: BTreeMap<i32, Backlog>) {
        let done = batch.iter().map(|(partition, backlog)| (*partition, backlog.first_offset())).collect();
        let (mut pause, mut resume) = (TopicPartitionList::new(), TopicPartitionList::new());
        for (partition, backlog) in batch {
            let list = if backlog.is_empty() { &mut resume } else { &mut pause };
            list.add_partition(&self.source.topic, partition);
            if !backlog.is_empty() {
                self.put_back(partition, backlog);
            }
        }
        let committed = self.consumer.commit(&self.offsets(&done), CommitMode::Async);
        self.done.extend(done);
        let paused = self.consumer.pause(&pause).and_then(|()| self.consumer.resume(&resume));
        if let Err(error) = committed.and(paused) {
            tracing::warn!(%error, "offsets could not be committed, or partitions not paused");
        }
    }

    /// With what has been gathered of the partition behind it, so that none of it overtakes.
    fn put_back(&mut self, partition: i32, mut backlog: Backlog) {
        let gathered = std::mem::take(&mut self.gathered.records);
        let (behind, others) = gathered.into_iter().partition(|record| record.partition == partition);
        self.gathered.records = others;
        self.gathered.forget(&BTreeSet::new());
        let behind: Vec<Record> = behind;
        for record in behind {
            backlog.push(record);
        }
        self.backlogs.insert(partition, backlog);
    }
}

async fn when_due(next: Option<(Instant, i32)>) -> Option<i32> {
    let (due, partition) = next?;
    sleep_until(due).await;
    Some(partition)
}

async fn when(window_ends: Option<Instant>, is_full: bool) {
    match window_ends {
        None => std::future::pending().await,
        Some(_) if is_full => {}
        Some(window_ends) => sleep_until(window_ends).await,
    }
}
