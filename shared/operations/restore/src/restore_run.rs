use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backon::{ConstantBuilder, Retryable as _};
use cqrs::{EventStoreSize, OpenedCommitScan, StreamRange};
use projection::AnyProjection;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::catch_up::CatchUp;
use crate::commit_reader::CommitReader;
use crate::range_builder::RangeBuilder;
use crate::{
    RangeProgress, RestoreError, RestoreJob, RestoreKind, RestoreLimits, RestoreRecord, RestoreStore,
    RestoreStoreError, Stage, StreamRestore, StreamRestoreError,
};

/// After a round that finds at most this many streams, the swap follows. The swap's own round then takes only a moment.
const FEW_STREAMS: u64 = 50;
/// The number of rounds after which the swap is tried in any case. The service may write faster than a round reads.
const MAX_ROUNDS: u32 = 20;
/// The shortest time limit for one try of the swap, during which projectors wait. The last round reads every row. If a
/// round outside the gate took long, the time limit is [`GATE_TIME_PER_ROUND_TIME`] times the round's time.
const MIN_GATE_TIME: Duration = Duration::from_millis(1_500);
/// The longest time limit for one try of the swap, during which projectors wait.
const MAX_GATE_TIME: Duration = Duration::from_secs(20);
const GATE_TIME_PER_ROUND_TIME: u32 = 3;
/// The time that a try of the swap needs in addition to the last round: for the projectors under way, and for the
/// rename.
const SWAP_TIME: Duration = Duration::from_secs(5);
/// The number of tries of the swap in one run.
const MAX_SWAP_TRIES: u32 = 30;
/// The pause between two tries, in which the projector and the queries can work.
const SWAP_PAUSE: Duration = Duration::from_millis(500);
/// The number of streams that are checked together after the swap.
const AFTER_SWAP_STREAMS: u32 = 500;
/// The longest time to wait for the number of events. Counting reads all events, and the number is only shown to
/// people.
const MAX_SIZE_TIME: Duration = Duration::from_secs(60);

/// The result of a run.
pub(crate) enum Completion {
    /// Another run is needed.
    Partial,
    /// The tables are swapped.
    Full {
        /// The number of streams that had more events in the old tables, which the swap put aside, and that could not
        /// be rebuilt.
        unrepaired: u64,
    },
}

/// One run of a restore, step by step. Each step records its progress.
pub(crate) struct RestoreRun<'a> {
    commits: Arc<OpenedCommitScan>,
    restore_store: Arc<dyn RestoreStore>,
    limits: RestoreLimits,
    record: &'a RestoreRecord,
    job: &'a RestoreJob,
    stop_at: Option<Instant>,
    /// Whether the run has done a step that the next run need not repeat. Until then its time does not count as up. So
    /// a restore ends even if every run is too short.
    has_progressed: AtomicBool,
}

impl<'a> RestoreRun<'a> {
    pub(crate) const fn new(
        commits: Arc<OpenedCommitScan>,
        restore_store: Arc<dyn RestoreStore>,
        limits: RestoreLimits,
        record: &'a RestoreRecord,
        job: &'a RestoreJob,
        stop_at: Option<Instant>,
    ) -> Self {
        Self { commits, restore_store, limits, record, job, stop_at, has_progressed: AtomicBool::new(false) }
    }

    pub(crate) async fn work(&self) -> Result<Completion, RestoreError> {
        let reader = CommitReader::new(self.commits.clone());
        let live_rows = self.restore_store.count_rows(&self.job.scope).await?;
        let mut catch_up = CatchUp::new(reader.clone(), self.limits, self.job.scope.clone(), live_rows);
        let mut stage = self.restore_store.stage(self.job).await?;
        if stage != Stage::Swapped {
            self.check_that_there_are_events(live_rows).await?;
        }
        if stage == Stage::Unprepared {
            self.prepare().await?;
            self.note_progress();
            stage = self.restore_store.stage(self.job).await?;
        }
        match stage {
            // Another program has just changed the tables.
            Stage::Unprepared => return Err(RestoreStoreError::Busy.into()),
            Stage::Prepared => {
                let mut ranges = self.restore_store.ranges(self.job).await?;
                let is_swapped = self.build(&reader, &mut ranges).await?
                    && self.rounds(&mut catch_up, &mut ranges).await?.is_some()
                    && self.verify(&mut ranges).await?
                    && self.swap(&mut catch_up, &mut ranges).await?;
                if !is_swapped {
                    return Ok(Completion::Partial);
                }
            }
            Stage::Swapped => {}
        }
        // The tables are swapped. A deadlock with a projector, or a lock that took too long, must not look like a
        // failure.
        (|| self.after_the_swap(&catch_up))
            .retry(retries_while_busy())
            .sleep(tokio::time::sleep)
            .when(|error| matches!(error, RestoreError::ReadDb(RestoreStoreError::Busy)))
            .notify(|_busy, _pause| {
                tracing::info!(restore_id = %self.job.id, "the tables are in use: the check after the swap is tried again");
            })
            .await
    }

    fn note_progress(&self) {
        self.has_progressed.store(true, Ordering::Relaxed);
    }

    fn is_time_up(&self) -> bool {
        self.has_no_time_for(Duration::ZERO)
    }

    fn has_no_time_for(&self, step: Duration) -> bool {
        self.has_progressed.load(Ordering::Relaxed) && self.stops_within(step)
    }

    fn stops_within(&self, step: Duration) -> bool {
        self.stop_at.is_some_and(|stop_at| Instant::now() + step >= stop_at)
    }

    /// Refuses to restore from an empty event store. It would empty full tables, and no error would show.
    async fn check_that_there_are_events(&self, live_rows: u64) -> Result<(), RestoreError> {
        if live_rows == 0 || self.limits.is_forced {
            return Ok(());
        }
        let first = self.commits.scan(StreamRange::default(), None, 1).await?;
        if first.is_empty() { Err(RestoreError::NoEvents { of: live_rows }) } else { Ok(()) }
    }

    async fn prepare(&self) -> Result<(), RestoreError> {
        let id = self.job.id;
        if self.record.kind == RestoreKind::Rollback {
            return Ok(self.restore_store.prepare_rollback(self.job).await?);
        }
        let size = match timeout(MAX_SIZE_TIME, self.commits.size()).await {
            Ok(size) => size?,
            Err(_elapsed) => {
                tracing::warn!(restore_id = %id, "counting the events takes too long: their number is not shown");
                EventStoreSize { commits: u64::MAX, events: 0 }
            }
        };
        let parts = (size.commits / self.limits.range_commits.max(1)).max(self.limits.readers.into());
        let ranges = self.commits.split(u32::try_from(parts).unwrap_or(u32::MAX).min(1_024)).await?;
        tracing::info!(restore_id = %id, ranges = ranges.len(), events = size.events, "the shadow tables are made");
        Ok(self.restore_store.prepare(self.job, &ranges, size.events).await?)
    }

    /// Builds several ranges at once. Answers whether all are built.
    async fn build(&self, reader: &CommitReader, ranges: &mut [RangeProgress]) -> Result<bool, RestoreError> {
        let mut waiting: Vec<RangeProgress> = ranges.iter().copied().filter(|range| !range.is_built).rev().collect();
        // The set ends its tasks when it is dropped. Their uncommitted pages are rolled back.
        let mut building: JoinSet<Result<RangeProgress, RestoreError>> = JoinSet::new();
        loop {
            while building.len() < self.limits.readers.max(1) as usize && !self.is_time_up() {
                let Some(range) = waiting.pop() else { break };
                let builder = RangeBuilder {
                    reader: reader.clone(),
                    restore_store: self.restore_store.clone(),
                    limits: self.limits,
                    job: self.job.clone(),
                };
                let stop_at = self.stop_at;
                building.spawn(async move { builder.build(range, stop_at).await });
            }
            let Some(built) = building.join_next().await else { break };
            let built = built??;
            self.note_progress();
            if let Some(range) = ranges.iter_mut().find(|range| range.number == built.number) {
                *range = built;
            }
        }
        Ok(ranges.iter().all(|range| range.is_built))
    }

    /// Catches up until a round finds few streams. Answers the time of the last round, or `None` if the run's time is
    /// up.
    async fn rounds(
        &self,
        catch_up: &mut CatchUp,
        ranges: &mut [RangeProgress],
    ) -> Result<Option<Duration>, RestoreError> {
        let mut shadow = self.restore_store.shadow(self.job);
        let mut took = Duration::ZERO;
        for round in 1..=MAX_ROUNDS {
            // The rows that a round has written stay written, so the next run's round finds fewer.
            if self.is_time_up() || (round > 1 && self.stops_within(Duration::ZERO)) {
                return Ok(None);
            }
            let begun_at = Instant::now();
            let streams = catch_up.round(shadow.as_mut(), ranges, false).await?;
            took = begun_at.elapsed();
            tracing::info!(restore_id = %self.job.id, round, streams, ?took, "caught up");
            if streams <= FEW_STREAMS {
                break;
            }
        }
        Ok(Some(took))
    }

    /// Whether the shadow tables hold all ranges exactly as they were folded.
    async fn verify(&self, ranges: &mut [RangeProgress]) -> Result<bool, RestoreError> {
        for range in ranges.iter_mut().filter(|range| !range.is_verified) {
            if self.is_time_up() {
                return Ok(false);
            }
            let found = self.restore_store.checksum_of_range(self.job, range.range).await?;
            if found != range.folded {
                let place = format!("range {}", range.number);
                return Err(RestoreError::Mismatch { place, expected: range.folded, found });
            }
            let differing = self.restore_store.differing(self.job, range.range).await?;
            self.restore_store.mark_verified(self.job, range.number, differing).await?;
            range.is_verified = true;
            self.note_progress();
        }
        Ok(true)
    }

    /// Tries the swap. Answers whether it is done; it is not if the time is up.
    async fn swap(&self, catch_up: &mut CatchUp, ranges: &mut [RangeProgress]) -> Result<bool, RestoreError> {
        for _ in 0..MAX_SWAP_TRIES {
            let Some(round_time) = self.rounds(catch_up, ranges).await? else { return Ok(false) };
            let gate_time = gate_time(round_time);
            // Projectors must not wait for the end of a worker that has no time left.
            if self.has_no_time_for(gate_time + SWAP_TIME) {
                return Ok(false);
            }
            match self.try_swap(catch_up, ranges, gate_time).await {
                Err(RestoreError::ReadDb(RestoreStoreError::Busy)) => {
                    // The tables may have been swapped nevertheless, and only the steps after the swap may be missing.
                    if self.restore_store.stage(self.job).await? == Stage::Swapped {
                        return Ok(true);
                    }
                    tracing::info!(restore_id = %self.job.id, "the tables are in use: the swap is tried again");
                    self.note_progress();
                    tokio::time::sleep(SWAP_PAUSE).await;
                }
                result => return result.map(|()| true),
            }
        }
        Err(RestoreStoreError::Busy.into())
    }

    async fn try_swap(
        &self,
        catch_up: &mut CatchUp,
        ranges: &mut [RangeProgress],
        gate_time: Duration,
    ) -> Result<(), RestoreError> {
        let mut gate = self.restore_store.close_gate(self.job, gate_time).await?;
        match timeout(gate_time, catch_up.round(gate.as_mut(), ranges, true)).await {
            Ok(round) => round?,
            Err(_elapsed) => {
                drop(gate);
                // Pages that were given up halfway may have been written or not. The database knows the progress.
                let known = self.restore_store.ranges(self.job).await?;
                // The number of ranges differs only if another worker has ended this restore meanwhile.
                if known.len() != ranges.len() {
                    return Err(RestoreStoreError::LeaseLost.into());
                }
                ranges.copy_from_slice(&known);
                return Err(RestoreStoreError::Busy.into());
            }
        };
        Ok(gate.swap().await?)
    }

    /// Rebuilds streams for which the swap lost events. A connection that broke in the middle of the swap may have
    /// opened the gate too early. Then a stream had an event in the old tables that the new tables lack. The tables are
    /// swapped, so the restore has not failed, even if such a stream cannot be rebuilt.
    async fn after_the_swap(&self, catch_up: &CatchUp) -> Result<Completion, RestoreError> {
        let streams = StreamRestore::new(self.commits.clone(), self.restore_store.clone());
        let mut unrepaired = 0;
        for projection in &self.job.scope {
            unrepaired += self.repair_after_the_swap(*projection, &streams, catch_up).await?;
        }
        Ok(Completion::Full { unrepaired })
    }

    /// Rebuilds the streams, and answers the number of streams that could not be rebuilt.
    async fn repair_after_the_swap(
        &self,
        projection: &'static dyn AnyProjection,
        streams: &StreamRestore,
        catch_up: &CatchUp,
    ) -> Result<u64, RestoreError> {
        let (mut after, mut unrepaired) = (None, 0);
        loop {
            let ahead = self.restore_store.ahead_in_old(projection, after, AFTER_SWAP_STREAMS).await?;
            let Some((last, _)) = ahead.last() else { return Ok(unrepaired) };
            after = Some(*last);
            for (stream_id, old_version) in ahead {
                if catch_up.has_excess_claim(projection, stream_id, old_version) {
                    continue;
                }
                let projection_name = projection.name();
                match streams.restore(projection, stream_id).await {
                    Ok(version) => {
                        tracing::info!(projection_name, %stream_id, version, "the stream was restored once more after the swap");
                    }
                    Err(StreamRestoreError::EventStore(error)) => return Err(error.into()),
                    Err(StreamRestoreError::ReadDb(error)) if !error.is_final() => return Err(error.into()),
                    Err(error) => {
                        unrepaired += 1;
                        tracing::error!(projection_name, %stream_id, %error, "left as it is");
                    }
                }
            }
        }
    }
}

/// The tries and pauses for a step that finds the tables in use.
pub(crate) fn retries_while_busy() -> ConstantBuilder {
    ConstantBuilder::default().with_delay(SWAP_PAUSE).with_max_times(MAX_SWAP_TRIES as usize - 1)
}

/// The longest time that projectors may wait, after a round outside the gate that took `round_time`.
fn gate_time(round_time: Duration) -> Duration {
    round_time.saturating_mul(GATE_TIME_PER_ROUND_TIME).clamp(MIN_GATE_TIME, MAX_GATE_TIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_is_closed_for_long_enough_to_look_at_every_row_and_for_no_longer_than_projectors_can_wait() {
        assert_eq!(gate_time(Duration::from_millis(20)), Duration::from_millis(1_500));
        // With so many rows, a read of all of them would not end within the shortest time limit.
        assert_eq!(gate_time(Duration::from_secs(3)), Duration::from_secs(9));
        assert_eq!(gate_time(Duration::from_secs(60)), Duration::from_secs(20));
    }
}
