use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cqrs::{
    EventConsumer, EventEnvelope, EventHandlerError, EventPublisher, EventStoreRepository as _, OpenedCommit,
    PersonalData, PersonalDataError, PublishError, ReadError, StreamId, UnopenedCommit,
};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::version_column::version_to_column;
use crate::{SqliteEventStore, SqliteReadDb};

/// The number of commits in one delivery.
const BATCH_COMMITS: u32 = 500;
/// The interval at which the log is read without a nudge: another process may write to the same file.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// The wait before a failed delivery is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Kafka's replacement on a laptop. It delivers the events of the event store's own log, in the log's order, at least
/// once.
///
/// Publishing is only a nudge. The bus reads the log after a checkpoint, so that no event depends on a process that
/// lives from the event's insert to its delivery.
///
/// Each projection has a checkpoint of its own beside the rows. A projection that comes later starts at the beginning
/// of the log, and the others do not wait for it. Two processes that deliver to the same projection share the work and
/// sometimes repeat it.
#[derive(Clone)]
pub struct EmbeddedBus {
    sqlite_event_store: SqliteEventStore,
    read_db: SqliteReadDb,
    personal_data: Arc<dyn PersonalData>,
    nudge: Arc<Notify>,
}

/// The progress of the bus with one projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusProgress {
    /// Every commit up to this position of the log has been delivered.
    pub delivered_position: i64,
    /// The log's last position.
    pub last_position: i64,
    /// The number of events that could not be delivered, or that the consumer rejected. Their places in the log are kept.
    pub dead_letters: u64,
}

/// An event that the consumer of a projection did not take.
struct DeadLetter {
    stream_id: StreamId,
    version: u64,
    reason: String,
}

/// The reason why a delivery or a read of the progress failed. Handling: try again; nothing is lost.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedBusError {
    /// The log could not be read.
    #[error("the event store's log cannot be read")]
    Log(#[from] ReadError),
    /// The keys of the commits' personal data could not be reached. An event delivered without its personal data would look erased.
    #[error("the commits' personal data cannot be opened")]
    PersonalData(#[from] PersonalDataError),
    /// The consumer applied no event.
    #[error("the consumer applied no event of the batch")]
    Consumer(#[from] EventHandlerError),
    /// The bus's own tables could not be read or written.
    #[error("the bus's checkpoints or dead letters cannot be read or written")]
    Checkpoint(#[from] sqlx::Error),
}

impl EmbeddedBus {
    /// A bus from this event store's log. The checkpoints are in this read database, and these keys open the events'
    /// personal data.
    #[must_use]
    pub fn new(
        sqlite_event_store: SqliteEventStore,
        read_db: SqliteReadDb,
        personal_data: Arc<dyn PersonalData>,
    ) -> Self {
        Self { sqlite_event_store, read_db, personal_data, nudge: Arc::new(Notify::new()) }
    }

    /// Delivers to the consumer of this projection until `stop` is done.
    pub async fn run(&self, projection: &str, consumer: &dyn EventConsumer, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        tokio::select! {
            () = &mut stop => {}
            () = self.deliver_for_ever(projection, consumer) => {}
        }
    }

    async fn deliver_for_ever(&self, projection: &str, consumer: &dyn EventConsumer) {
        while let Err(error) = self.redeliver_dead_letters(projection, consumer).await {
            log_failure(projection, &error);
            tokio::time::sleep(RETRY_PAUSE).await;
        }
        loop {
            // The wait begins before the log is read, so that a nudge in between is not missed.
            let nudged = self.nudge.notified();
            match self.deliver_next_batch(projection, consumer).await {
                Ok(true) => {}
                Ok(false) => {
                    let _ = tokio::time::timeout(POLL_INTERVAL, nudged).await;
                }
                Err(error) => {
                    log_failure(projection, &error);
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    /// Delivers the next commits of the log, if there are any, and moves the checkpoint behind them. After a crash
    /// between the two steps, they are delivered again.
    async fn deliver_next_batch(
        &self,
        projection: &str,
        consumer: &dyn EventConsumer,
    ) -> Result<bool, EmbeddedBusError> {
        let checkpoint = self.checkpoint(projection).await?;
        let logged = self.sqlite_event_store.log_after(checkpoint, BATCH_COMMITS).await?;
        let Some(position) = logged.last().map(|last| last.position) else {
            return Ok(false);
        };
        let commits = logged.into_iter().map(|logged| logged.commit).collect();
        let mut dead_letters = Vec::new();
        let mut events = Vec::new();
        for commit in self.personal_data.open(commits).await? {
            match commit {
                Ok(opened) => events.extend(opened.envelopes()),
                // A damaged commit concerns its own stream alone, and the other streams go on.
                Err(unopened) => dead_letters.extend(letters_of(&unopened)),
            }
        }
        for rejected in consumer.consume(&events).await? {
            let EventEnvelope { stream_id, version, .. } = events[rejected.index];
            dead_letters.push(DeadLetter { stream_id, version, reason: rejected.reason });
        }
        self.keep_dead_letters(projection, &dead_letters).await?;
        // MAX is needed because another process may run a bus on the same files.
        sqlx::query(
            "INSERT INTO bus_checkpoints (projection, position) VALUES (?, ?) \
             ON CONFLICT (projection) DO UPDATE SET position = MAX(position, excluded.position)",
        )
        .bind(projection)
        .bind(position)
        .execute(&self.read_db.database.writer)
        .await?;
        Ok(true)
    }

    /// A projection without a checkpoint starts at the beginning of the log.
    async fn checkpoint(&self, projection: &str) -> Result<i64, sqlx::Error> {
        let position = sqlx::query_scalar("SELECT position FROM bus_checkpoints WHERE projection = ?")
            .bind(projection)
            .fetch_optional(&self.read_db.database.readers)
            .await?;
        Ok(position.unwrap_or(0))
    }

    /// Keeps the places of these events in the log. Their content stays in the log alone: a copy would outlive an erasure.
    async fn keep_dead_letters(&self, projection: &str, dead_letters: &[DeadLetter]) -> Result<(), sqlx::Error> {
        for DeadLetter { stream_id, version, reason } in dead_letters {
            tracing::error!(projection, %stream_id, version, reason, "kept as a dead letter");
            sqlx::query(
                "INSERT OR REPLACE INTO dead_letters (projection, stream_id, version, reason) VALUES (?, ?, ?, ?)",
            )
            .bind(projection)
            .bind(stream_id.to_string())
            .bind(version_to_column(*version))
            .bind(reason)
            .execute(&self.read_db.database.writer)
            .await?;
        }
        Ok(())
    }

    /// Delivers the dead letters once more: a newer build may understand events that an older build rejected.
    async fn redeliver_dead_letters(
        &self,
        projection: &str,
        consumer: &dyn EventConsumer,
    ) -> Result<(), EmbeddedBusError> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT stream_id, version FROM dead_letters WHERE projection = ? ORDER BY stream_id, version",
        )
        .bind(projection)
        .fetch_all(&self.read_db.database.readers)
        .await?;
        let mut events: Vec<EventEnvelope> = Vec::with_capacity(rows.len());
        for (stream_id, version) in rows {
            let decode = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
            let stream_id = StreamId(Uuid::try_parse(&stream_id).map_err(|error| decode(error.into()))?);
            let version = u64::try_from(version).map_err(|error| decode(error.into()))?;
            let commits = self.sqlite_event_store.commits_from(stream_id, version, 1).await?;
            // A commit that still cannot be opened stays a dead letter.
            let opened: Vec<OpenedCommit> = self.personal_data.open(commits).await?.into_iter().flatten().collect();
            events.extend(opened.iter().flat_map(OpenedCommit::envelopes).find(|event| event.version == version));
        }
        if events.is_empty() {
            return Ok(());
        }
        let rejected = consumer.consume(&events).await?;
        let is_rejected = |index: usize| rejected.iter().any(|rejected| rejected.index == index);
        for (_, event) in events.iter().enumerate().filter(|(index, _)| !is_rejected(*index)) {
            sqlx::query("DELETE FROM dead_letters WHERE projection = ? AND stream_id = ? AND version = ?")
                .bind(projection)
                .bind(event.stream_id.to_string())
                .bind(version_to_column(event.version))
                .execute(&self.read_db.database.writer)
                .await?;
        }
        Ok(())
    }

    /// The progress of the bus with this projection.
    ///
    /// # Errors
    /// See [`EmbeddedBusError`].
    pub async fn progress(&self, projection: &str) -> Result<BusProgress, EmbeddedBusError> {
        let delivered_position = self.checkpoint(projection).await?;
        let dead_letters: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM dead_letters WHERE projection = ?")
            .bind(projection)
            .fetch_one(&self.read_db.database.readers)
            .await?;
        Ok(BusProgress {
            delivered_position,
            last_position: self.sqlite_event_store.last_position().await?,
            dead_letters: dead_letters.unsigned_abs(),
        })
    }
}

/// A dead letter for every event of a commit that cannot be opened.
fn letters_of(unopened: &UnopenedCommit) -> impl Iterator<Item = DeadLetter> + '_ {
    let commit = &unopened.commit;
    (commit.draft.first_version..=commit.last_version()).map(|version| DeadLetter {
        stream_id: commit.draft.stream_id,
        version,
        reason: unopened.to_string(),
    })
}

fn log_failure(projection: &str, error: &EmbeddedBusError) {
    tracing::error!(projection, %error, causes = telemetry::causes(error), "delivery failed, trying again");
}

#[async_trait]
impl EventPublisher for EmbeddedBus {
    async fn publish(&self, _commit: &OpenedCommit) -> Result<(), PublishError> {
        // The delivery of each projection waits for this nudge.
        self.nudge.notify_waiters();
        Ok(())
    }

    /// One nudge for all: the bus reads the commits from the log.
    async fn publish_all(&self, commits: &[Arc<OpenedCommit>]) -> Vec<Result<(), PublishError>> {
        self.nudge.notify_waiters();
        commits.iter().map(|_| Ok(())).collect()
    }
}

/// The publisher of a process that does not run the bus itself: the process that runs the bus tails the log, and needs no nudge.
#[derive(Debug, Clone, Copy)]
pub struct TailedLog;

#[async_trait]
impl EventPublisher for TailedLog {
    async fn publish(&self, _commit: &OpenedCommit) -> Result<(), PublishError> {
        Ok(())
    }
}
