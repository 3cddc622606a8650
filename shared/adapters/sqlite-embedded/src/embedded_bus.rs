use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cqrs::{
    Commit, EventConsumer, EventEnvelope, EventHandlerError, EventPublisher, EventStoreRepository as _, OpenedCommit,
    PersonalData, PersonalDataError, PublishError, ReadError, RejectedEvent, StreamId, UnopenedCommit,
};
use sqlx::Row as _;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::version_column::version_to_column;
use crate::{SqliteEventStore, SqliteReadDb};

/// Commits in one delivery.
const BATCH_COMMITS: u32 = 500;
/// How often the log is looked at without being told to: another process may write to the same file.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// The wait before a failed delivery is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Kafka's place on a laptop: delivers what the event store's own log holds, in its order, at least once.
///
/// Publishing is no more than a nudge. What is delivered is read from the log after a checkpoint, so that no
/// event depends on a process living from its insert to its delivery.
///
/// One kind of consumer per read database: the checkpoint beside the rows is theirs. Two processes that run
/// the same consumer share the work and now and then repeat it; another consumer takes a read database, and so
/// a bus, of its own.
#[derive(Clone)]
pub struct EmbeddedBus {
    event_store: SqliteEventStore,
    read_db: SqliteReadDb,
    personal_data: Arc<dyn PersonalData>,
    nudge: Arc<Notify>,
}

/// How far the bus has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusProgress {
    /// Every commit up to this position of the log has been delivered.
    pub delivered_position: i64,
    /// The log's last position.
    pub last_position: i64,
    /// Events that could not be delivered, or that the consumer rejected: their places in the log are kept.
    pub dead_letters: u64,
}

/// Why a delivery, or a look at the progress, failed. Handling: try again; nothing is lost.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedBusError {
    /// The log could not be read.
    #[error("the event store's log cannot be read")]
    Log(#[from] ReadError),
    /// The commits' personal data could not be opened. What is delivered without it would look erased.
    #[error("the commits' personal data cannot be opened")]
    PersonalData(#[from] PersonalDataError),
    /// The consumer applied nothing.
    #[error("the consumer applied nothing of the batch")]
    Consumer(#[from] EventHandlerError),
    /// The bus's own tables could not be read or written.
    #[error("the bus's checkpoint or dead letters cannot be read or written")]
    Checkpoint(#[from] sqlx::Error),
}

impl EmbeddedBus {
    /// From this event store's log, with the checkpoint in this read database, and what opens the events' personal data.
    #[must_use]
    pub fn new(event_store: SqliteEventStore, read_db: SqliteReadDb, personal_data: Arc<dyn PersonalData>) -> Self {
        Self { event_store, read_db, personal_data, nudge: Arc::new(Notify::new()) }
    }

    /// Delivers to this consumer until `stop` is done.
    pub async fn run(&self, consumer: &dyn EventConsumer, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        tokio::select! {
            () = &mut stop => {}
            () = self.deliver_for_ever(consumer) => {}
        }
    }

    async fn deliver_for_ever(&self, consumer: &dyn EventConsumer) {
        while let Err(error) = self.redeliver_dead_letters(consumer).await {
            log_failure(&error);
            tokio::time::sleep(RETRY_PAUSE).await;
        }
        loop {
            // Waiting begins before the log is read, so that a nudge in between is not missed.
            let nudged = self.nudge.notified();
            match self.deliver_next_batch(consumer).await {
                Ok(true) => {}
                Ok(false) => {
                    let _ = tokio::time::timeout(POLL_INTERVAL, nudged).await;
                }
                Err(error) => {
                    log_failure(&error);
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    /// Delivers the next commits of the log, if there are any, and moves the checkpoint behind them. A crash
    /// between the two delivers them again.
    async fn deliver_next_batch(&self, consumer: &dyn EventConsumer) -> Result<bool, EmbeddedBusError> {
        let checkpoint = self.checkpoint().await?;
        let logged = self.event_store.log_after(checkpoint, BATCH_COMMITS).await?;
        let Some(position) = logged.last().map(|last| last.position) else {
            return Ok(false);
        };
        let commits: Vec<Commit> = logged.into_iter().map(|logged| logged.commit).collect();
        let (opened, unopened) = self.open(commits).await?;
        let events = opened.iter().flat_map(OpenedCommit::envelopes).collect();
        let rejected = consumer.consume(events).await?;
        for unopened in &unopened {
            let (commit, reason) = (&unopened.commit, unopened.to_string());
            for version in commit.draft.first_version..=commit.last_version() {
                self.keep_dead_letter(commit.draft.stream_id, version, &reason).await?;
            }
        }
        for RejectedEvent { event, reason } in &rejected {
            self.keep_dead_letter(event.stream_id, event.version, reason).await?;
        }
        // MAX: another process may run a bus on the same files.
        sqlx::query("UPDATE bus_checkpoint SET position = MAX(position, ?) WHERE id = 1")
            .bind(position)
            .execute(&self.read_db.database.writer)
            .await?;
        Ok(true)
    }

    /// The commits that can be opened, and those that cannot. A damaged commit is its own stream's matter, and the others
    /// go on.
    async fn open(&self, commits: Vec<Commit>) -> Result<(Vec<OpenedCommit>, Vec<UnopenedCommit>), PersonalDataError> {
        let (mut opened, mut unopened) = (Vec::with_capacity(commits.len()), Vec::new());
        for commit in self.personal_data.open(commits).await? {
            match commit {
                Ok(commit) => opened.push(commit),
                Err(commit) => unopened.push(commit),
            }
        }
        Ok((opened, unopened))
    }

    async fn checkpoint(&self) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar("SELECT position FROM bus_checkpoint WHERE id = 1")
            .fetch_one(&self.read_db.database.readers)
            .await
    }

    /// Keeps an event's place in the log. The event's content stays in the log alone: a copy here would outlive an erasure.
    async fn keep_dead_letter(&self, stream_id: StreamId, version: u64, reason: &str) -> Result<(), sqlx::Error> {
        tracing::error!(%stream_id, version, reason, "kept as a dead letter");
        sqlx::query("INSERT OR REPLACE INTO dead_letters (stream_id, version, reason) VALUES (?, ?, ?)")
            .bind(stream_id.to_string())
            .bind(version_to_column(version))
            .bind(reason)
            .execute(&self.read_db.database.writer)
            .await?;
        Ok(())
    }

    /// A newer build may understand what an older one rejected.
    async fn redeliver_dead_letters(&self, consumer: &dyn EventConsumer) -> Result<(), EmbeddedBusError> {
        let rows = sqlx::query("SELECT stream_id, version FROM dead_letters ORDER BY stream_id, version")
            .fetch_all(&self.read_db.database.readers)
            .await?;
        let mut events: Vec<EventEnvelope> = Vec::with_capacity(rows.len());
        for row in rows {
            let decode = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
            let stream_id: String = row.try_get("stream_id")?;
            let stream_id = StreamId(Uuid::try_parse(&stream_id).map_err(|error| decode(error.into()))?);
            let version = u64::try_from(row.try_get::<i64, _>("version")?).map_err(|error| decode(error.into()))?;
            let commits = self.event_store.commits_from(stream_id, version, 1).await?;
            // What still cannot be opened stays where it is.
            let (opened, _unopened) = self.open(commits).await?;
            events.extend(opened.iter().flat_map(OpenedCommit::envelopes).find(|event| event.version == version));
        }
        if events.is_empty() {
            return Ok(());
        }
        let rejected = consumer.consume(events.clone()).await?;
        let still_rejected = |event: &EventEnvelope| {
            rejected
                .iter()
                .any(|rejected| (rejected.event.stream_id, rejected.event.version) == (event.stream_id, event.version))
        };
        for event in events.iter().filter(|event| !still_rejected(event)) {
            sqlx::query("DELETE FROM dead_letters WHERE stream_id = ? AND version = ?")
                .bind(event.stream_id.to_string())
                .bind(version_to_column(event.version))
                .execute(&self.read_db.database.writer)
                .await?;
        }
        Ok(())
    }

    /// How far the bus has come.
    ///
    /// # Errors
    /// See [`EmbeddedBusError`].
    pub async fn progress(&self) -> Result<BusProgress, EmbeddedBusError> {
        let delivered_position = self.checkpoint().await?;
        let dead_letters: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM dead_letters").fetch_one(&self.read_db.database.readers).await?;
        Ok(BusProgress {
            delivered_position,
            last_position: self.event_store.last_position().await?,
            dead_letters: dead_letters.unsigned_abs(),
        })
    }
}

fn log_failure(error: &EmbeddedBusError) {
    tracing::error!(%error, causes = telemetry::causes(error), "delivery failed, trying again");
}

#[async_trait]
impl EventPublisher for EmbeddedBus {
    async fn publish(&self, _commit: &OpenedCommit) -> Result<(), PublishError> {
        self.nudge.notify_one();
        Ok(())
    }
}

/// The publisher of a process that does not run the bus itself: whoever does tails the log, and needs no
/// telling.
#[derive(Debug, Clone, Copy)]
pub struct TailedLog;

#[async_trait]
impl EventPublisher for TailedLog {
    async fn publish(&self, _commit: &OpenedCommit) -> Result<(), PublishError> {
        Ok(())
    }
}
