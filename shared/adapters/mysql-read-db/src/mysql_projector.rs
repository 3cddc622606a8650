use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable as _};
use cqrs::{EventEnvelope, EventHandler, EventHandlerError, HandledBatch, StreamId};
use projection::{AnyProjection, Projections, plan_batch, sort_out_unread};
use tokio::time::{Instant, timeout_at};

use crate::MySqlReadDb;
use crate::held_connection::HeldConnection;
use crate::mysql_read_db::timed_out;
use crate::projector_sql::{lock_and_load, write};
use crate::try_error::TryError;

/// The wait before the second try of a lost race. The wait doubles with each further try. A random part of up to the
/// same length is added.
const MIN_BACKOFF: Duration = Duration::from_millis(5);
/// The longest wait between two tries, before that addition.
const MAX_BACKOFF: Duration = Duration::from_millis(500);

/// The projector's writer for the read database. A batch is one transaction over all projections.
#[derive(Clone)]
pub struct MySqlProjector {
    read_db: MySqlReadDb,
    projections: Projections,
}

impl MySqlProjector {
    /// A projector that writes the rows of these projections to this database.
    #[must_use]
    pub const fn new(read_db: MySqlReadDb, projections: Projections) -> Self {
        Self { read_db, projections }
    }
}

#[async_trait]
impl EventHandler for MySqlProjector {
    async fn handle(&self, events: &[EventEnvelope]) -> Result<HandledBatch, EventHandlerError> {
        let unread = sort_out_unread(&self.projections, events);
        if events.iter().all(|event| self.readers_of(event).next().is_none()) {
            return Ok(unread);
        }
        let deadline = Instant::now() + self.read_db.limits.handle_timeout;
        let backoff = ExponentialBuilder::default()
            .with_min_delay(MIN_BACKOFF)
            .with_max_delay(MAX_BACKOFF)
            .with_max_times(self.read_db.limits.max_race_retries)
            .with_jitter();
        let handled = (|| self.try_handle(deadline, events))
            .retry(backoff)
            .sleep(tokio::time::sleep)
            .when(TryError::may_pass)
            .notify(|error, pause| tracing::debug!(error = %error, ?pause, "the batch is tried again"))
            .await?;
        Ok(unread.with(handled))
    }
}

impl MySqlProjector {
    fn readers_of(&self, event: &EventEnvelope) -> impl Iterator<Item = &'static dyn AnyProjection> {
        self.projections.all().iter().copied().filter(|projection| projection.reads(&event.aggregate_type))
    }

    async fn try_handle(&self, deadline: Instant, events: &[EventEnvelope]) -> Result<HandledBatch, TryError> {
        let mut connection = HeldConnection::of(&self.read_db.pool).await?;
        let handled = timeout_at(deadline, async {
            let handled = self.project(&mut connection, events).await;
            if handled.is_err() {
                connection.end_transaction("ROLLBACK").await?;
            }
            handled
        });
        handled.await.map_err(timed_out)?
    }

    /// Projects the events in one transaction, in three steps: locks and reads, writes, commits.
    async fn project(
        &self,
        connection: &mut HeldConnection,
        events: &[EventEnvelope],
    ) -> Result<HandledBatch, TryError> {
        // The streams are in order, so that every transaction locks its streams in the same order.
        let read = events.iter().filter(|event| self.readers_of(event).next().is_some());
        let streams: BTreeSet<StreamId> = read.map(|event| event.stream_id).collect();
        let readers = self.projections.all().iter().copied();
        let readers: Vec<&'static dyn AnyProjection> =
            readers.filter(|projection| events.iter().any(|event| projection.reads(&event.aggregate_type))).collect();
        let loaded = lock_and_load(connection, self.projections.all(), &readers, &streams).await?;
        let mut handled = HandledBatch::default();
        for (projection, loaded) in readers.iter().zip(&loaded) {
            let plan = plan_batch(*projection, loaded, events)?;
            write(connection, *projection, loaded, &plan).await?;
            handled = handled.with(plan.outcome);
        }
        connection.end_transaction("COMMIT").await?;
        Ok(handled)
    }
}
