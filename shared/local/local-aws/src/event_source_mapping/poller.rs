use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cqrs::Timestamp;
use rdkafka::consumer::{CommitMode, Consumer as _, StreamConsumer};
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::{Instant, sleep_until};

use super::MappingSettings;
use super::backlog::Backlog;
use super::batch_answer::Failures;
use super::batch_invoker::{BatchInvoker, Outcome};
use super::dead_letter_writer::DeadLetterWriter;
use super::gathered::Gathered;
use super::poller_context::PollerContext;
use super::record::Record;
use super::stop::{Abandoned, Stop};
use crate::dead_letters::Condition;

/// One consumer of the group. It takes in records, decides when to deliver which partitions, and commits finished
/// records.
pub(crate) struct Poller {
    consumer: StreamConsumer<PollerContext>,
    topic: String,
    invoker: BatchInvoker,
    dead_letters: Arc<DeadLetterWriter>,
    settings: MappingSettings,
    stop: Stop,
    /// The next batch.
    gathered: Gathered,
    /// Partitions with unfinished records after a failure. They are paused.
    backlogs: BTreeMap<i32, Backlog>,
    /// The offset before which every record is finished, by partition.
    done: BTreeMap<i32, i64>,
}

/// The next thing that a poller does.
enum Next {
    Stop,
    /// Tries this partition's backlog.
    Backlog(i32),
    /// Delivers the gathered records.
    Batch,
    /// Takes in a record.
    Record(Record),
    Nothing,
}

impl Poller {
    /// A poller with a consumer that has subscribed to the topic.
    pub(crate) fn new(
        consumer: StreamConsumer<PollerContext>,
        invoker: BatchInvoker,
        dead_letters: Arc<DeadLetterWriter>,
        settings: MappingSettings,
        stop: Stop,
    ) -> Self {
        Self {
            consumer,
            topic: invoker.source.topic.clone(),
            invoker,
            dead_letters,
            settings,
            stop,
            gathered: Gathered::default(),
            backlogs: BTreeMap::new(),
            done: BTreeMap::new(),
        }
    }

    /// Works until the mapping must stop.
    pub(crate) async fn run(mut self) {
        while !self.stop.is_requested() && self.step().await.is_ok() {}
        self.forget_revoked();
        let done = self.offsets(&self.done);
        let consumer = self.consumer;
        // Both calls wait for the brokers, and block their thread.
        let left = tokio::task::spawn_blocking(move || {
            // The commit is repeated, because a commit under way ends with the consumer.
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

    /// Forgets the partitions that were taken away. Another poller has them now, and begins after the last commit.
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
            if let Err(error) = offsets.add_partition_offset(&self.topic, *partition, Offset::Offset(*offset)) {
                tracing::error!(%error, partition, offset, "no offset that can be committed");
            }
        }
        offsets
    }

    async fn step(&mut self) -> Result<(), Abandoned> {
        let next_backlog = self.backlogs.iter().map(|(partition, backlog)| (backlog.due(), *partition)).min();
        let window_ends = self.gathered.window_ends();
        let is_full = self.gathered.is_full(&self.settings);
        let next = tokio::select! {
            biased;
            () = self.stop.requested() => Next::Stop,
            Some(partition) = when_due(next_backlog) => Next::Backlog(partition),
            () = when(window_ends, is_full) => Next::Batch,
            message = self.consumer.recv() => match message.map(|message| Record::of(&message)) {
                Ok(Ok(record)) => Next::Record(record),
                Ok(Err(error)) => {
                    tracing::error!(%error, "a record could not be written as JSON");
                    Next::Nothing
                }
                // librdkafka recovers by itself.
                Err(error) => {
                    tracing::warn!(%error, topic = self.topic, "no record for now");
                    Next::Nothing
                }
            },
        };
        // This step comes before all others. During the wait, partitions may have been taken away and come back. The
        // present record may then be the first of a partition that begins again after the last commit.
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

    /// Takes in a record. A partition with a backlog is paused, but records that its consumer already held may still
    /// come.
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

    /// Invokes the function with the next records of these partitions, and acts on its answer.
    async fn deliver(&mut self, mut batch: BTreeMap<i32, Backlog>) -> Result<(), Abandoned> {
        if let Some(max_age) = self.settings.max_record_age {
            let now_ms = Timestamp::now().unix_millis();
            for backlog in batch.values_mut() {
                let expired = backlog.take_expired(now_ms, max_age);
                let condition = Condition::MaximumRecordAgeExceeded;
                self.dead_letters.write_all(&expired, condition, None, &self.stop).await?;
            }
        }
        let delivered = self.invoker.next_of(&batch);
        let outcome = if delivered.values().all(BTreeSet::is_empty) {
            Outcome::Answered(Failures::new())
        } else {
            self.invoker.invoke(&batch, &delivered, &self.stop).await?
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
                    backlog.invocation_failed(length, &self.settings)
                }
                Outcome::Erred => {
                    backlog.retry_uncounted(false);
                    Vec::new()
                }
                Outcome::NotInvoked => {
                    backlog.retry_uncounted(true);
                    Vec::new()
                }
            };
            let condition = Condition::RetriesExhausted;
            self.dead_letters.write_all(&given_up, condition, function_error, &self.stop).await?;
        }
        self.settle(batch);
        Ok(())
    }

    /// Commits finished records, and pauses the partitions with unfinished records.
    fn settle(&mut self, batch: BTreeMap<i32, Backlog>) {
        let done = batch.iter().map(|(partition, backlog)| (*partition, backlog.first_offset())).collect();
        let (mut pause, mut resume) = (TopicPartitionList::new(), TopicPartitionList::new());
        for (partition, backlog) in batch {
            let list = if backlog.is_empty() { &mut resume } else { &mut pause };
            list.add_partition(&self.topic, partition);
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

    /// Puts a backlog back, with the gathered records of its partition behind it. So no record overtakes another.
    fn put_back(&mut self, partition: i32, mut backlog: Backlog) {
        for record in self.gathered.take_of(partition) {
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
