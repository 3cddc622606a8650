use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable as _};
use cqrs::{EventEnvelope, EventHandler, EventHandlerError, HandledBatch, StreamId};
use projection::{AnyProjection, Projections, plan_batch, sort_out_unread};
use sqlx::{Connection as _, MySqlConnection};
use tokio::time::{Instant, timeout_at};

use crate::MySqlReadDb;
use crate::mysql_cells::hex_of;
use crate::mysql_read_db::in_time;
use crate::parcels::parcels;
use crate::projector_sql::{load, lock_streams, pass_gates, write};
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
        let mut connection = self.read_db.pool.acquire().await?;
        let answer = timeout_at(deadline, self.project(&mut connection, events)).await;
        in_time(&mut connection, answer)
    }

    /// Projects the events in one transaction. A transaction that is dropped before its commit is rolled back.
    async fn project(
        &self,
        connection: &mut MySqlConnection,
        events: &[EventEnvelope],
    ) -> Result<HandledBatch, TryError> {
        let mut transaction = connection.begin().await?;
        pass_gates(&mut transaction, self.projections.all()).await?;
        let read = events.iter().filter(|event| self.readers_of(event).next().is_some());
        // The streams are in order, so that every transaction locks its streams in the same order.
        let streams: BTreeSet<StreamId> = read.map(|event| event.stream_id).collect();
        for parcel in &parcels(streams.into_iter().map(hex_of)) {
            lock_streams(&mut transaction, parcel).await?;
        }
        let mut handled = HandledBatch::default();
        for projection in self.projections.all() {
            let read = events.iter().filter(|event| projection.reads(&event.aggregate_type));
            let streams: BTreeSet<StreamId> = read.map(|event| event.stream_id).collect();
            let stream_parcels = parcels(streams.into_iter().map(hex_of));
            if stream_parcels.is_empty() {
                continue;
            }
            let loaded = load(&mut transaction, *projection, &stream_parcels).await?;
            let versions: HashMap<StreamId, u64> =
                loaded.rows.iter().map(|(stream_id, row)| (*stream_id, row.version())).collect();
            let plan = plan_batch(*projection, &loaded, events)?;
            write(&mut transaction, *projection, &versions, &plan).await?;
            handled = handled.with(plan.outcome);
        }
        transaction.commit().await?;
        Ok(handled)
    }
}
