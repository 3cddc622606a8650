use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backon::{ConstantBuilder, Retryable as _};
use bank::AccountId;
use cqrs::{CommitScan, EventStoreSize, PersonalData, ReadError, StreamRange};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::catch_up::CatchUp;
use crate::commit_reader::CommitReader;
use crate::range_builder::RangeBuilder;
use crate::{
    AccountRestore, AccountRestoreError, Lease, LeaseAnswer, RangeProgress, RestoreId, RestoreKind, RestoreRecord,
    RestoreStatus, RestoreStore, RestoreStoreError, RowsChecksum, Stage,
};

/// A round that finds no more accounts than this is followed by the swap, whose own round then takes a moment only.
const FEW_ACCOUNTS: u64 = 50;
/// Rounds before the swap is tried all the same: the service may write faster than a round reads.
const MAX_ROUNDS: u32 = 20;
/// For how long one try of the swap keeps projectors waiting, at least: what the last round may take, which looks at every
/// account. Where one outside of the gate took long, it is [`GATE_TIME_PER_ROUND_TIME`] times as much.
const MIN_GATE_TIME: Duration = Duration::from_millis(1_500);
/// And at most.
const MAX_GATE_TIME: Duration = Duration::from_secs(20);
const GATE_TIME_PER_ROUND_TIME: u32 = 3;
/// What a try of the swap takes beside the last round: until the projectors under way are done, and for the rename.
const SWAP_TIME: Duration = Duration::from_secs(5);
/// Tries of the swap in one run.
const MAX_SWAP_TRIES: u32 = 30;
/// The pause between two of them, in which the projector and the queries get on.
const SWAP_PAUSE: Duration = Duration::from_millis(500);
/// Accounts that are looked at at once after the swap.
const AFTER_SWAP_ACCOUNTS: u32 = 500;
/// How long to wait for how many events there are. All of them are looked at for it, and it is only told to people.
const MAX_SIZE_TIME: Duration = Duration::from_secs(60);

/// How a restore is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoreLimits {
    /// Ranges that are built at once.
    pub readers: u32,
    /// Commits in a page, which is one transaction.
    pub page_commits: u32,
    /// About how many commits a range holds: the fewer, the sooner a range is done and the more ranges there are.
    pub range_commits: u64,
    /// Between two pages of a range.
    pub pause_between_pages: Duration,
    /// How long others leave a restore alone whose worker says nothing.
    pub lease: Duration,
    /// Whether it goes on where the event store looks like another's: see [`RestoreError::NoEvents`] and
    /// [`RestoreError::RowsWithoutEvents`].
    pub is_forced: bool,
}

impl Default for RestoreLimits {
    fn default() -> Self {
        Self {
            readers: 4,
            page_commits: 2_000,
            range_commits: 50_000,
            pause_between_pages: Duration::ZERO,
            // Renewed with each page and beside every longer step: who is silent for longer is dead or frozen.
            lease: Duration::from_secs(15),
            is_forced: false,
        }
    }
}

/// Why a run ended before the restore did.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The event store could not be read. Handling: run again; it goes on where it was.
    #[error("the event store cannot be read")]
    EventStore(#[from] ReadError),
    /// The read database did not do its part. Handling: see [`RestoreStoreError`].
    #[error(transparent)]
    ReadDb(#[from] RestoreStoreError),
    /// What the shadow tables hold is not what was written to them. Final. Handling: a person must look; the restore has
    /// failed and the tables that queries read were left alone.
    #[error("the shadow tables do not hold what was folded, in {what}: expected {expected:?}, found {held:?}")]
    Mismatch {
        /// Where.
        what: String,
        /// What was folded.
        expected: RowsChecksum,
        /// What is held.
        held: RowsChecksum,
    },
    /// The event store is empty and the read database is not: it is another's, or its events are gone. Final. Handling: a
    /// person must see which.
    #[error("the event store holds nothing, and the read database {of} accounts: is it the right event store?")]
    NoEvents {
        /// The accounts that queries read.
        of: u64,
    },
    /// More rows than damage from outside would explain claim events that the event store does not have: it is another's, or
    /// one that was itself brought back from an earlier day. Final. Handling: a person must see which.
    #[error("at least {rows} of {of} accounts have events that are not in the event store: is it the right one?")]
    RowsWithoutEvents {
        /// As far as was looked.
        rows: u64,
        /// The accounts that queries read.
        of: u64,
    },
    /// An account's row has more events than can be read of its stream: the restore would lose them. Final. Handling: a
    /// person must look at the stream.
    #[error(
        "account {account_id} is at version {live_version}, and its events can be folded to version {reached} only: \
         {reason}"
    )]
    WouldTakeBack {
        /// Which.
        account_id: AccountId,
        /// Of the row that queries read.
        live_version: u64,
        /// Of what was folded.
        reached: u64,
        /// Why no further.
        reason: String,
    },
    /// A task of the restore ended by a panic. Handling: as a defect; another run goes on where it was.
    #[error("a part of the restore broke")]
    Broken(#[from] tokio::task::JoinError),
}

impl RestoreError {
    /// Whether another run would end the same way.
    const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Mismatch { .. } | Self::WouldTakeBack { .. } | Self::NoEvents { .. } | Self::RowsWithoutEvents { .. }
        ) || matches!(self, Self::ReadDb(error) if error.is_final())
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunOutcome {
    /// The restore has ended, well or not.
    Finished(RestoreRecord),
    /// Time was up: another run goes on from here.
    CutShort,
    /// Another is at it.
    HeldByAnother(RestoreRecord),
    /// No restore runs.
    NothingToDo,
}

/// Does the restore that runs, from where it is.
///
/// Safe to be run by anybody at any time: the lease lets one in, and a run that was killed, at whatever moment, leaves
/// behind how far it has come.
pub struct Restorer {
    scan: Arc<dyn CommitScan>,
    personal_data: Arc<dyn PersonalData>,
    store: Arc<dyn RestoreStore>,
    limits: RestoreLimits,
}

/// What a run has to do with.
struct Run<'a> {
    restorer: &'a Restorer,
    record: &'a RestoreRecord,
    lease: &'a Lease,
    stop_at: Option<Instant>,
    /// Whether it has done what the next one need not do again. Its time is not up before: runs that are all too short
    /// come to an end, too.
    has_got_on: AtomicBool,
}

/// How far a run has come.
enum Worked {
    /// Another run is needed.
    InPart,
    /// The tables are swapped.
    ToTheEnd {
        /// Accounts that had more events in the tables that the swap put aside, and could not be rebuilt.
        unrepaired: u64,
    },
}

impl Restorer {
    /// From this event store, whose personal data this opens, in this read database.
    #[must_use]
    pub fn new(
        scan: Arc<dyn CommitScan>,
        personal_data: Arc<dyn PersonalData>,
        store: Arc<dyn RestoreStore>,
        limits: RestoreLimits,
    ) -> Self {
        Self { scan, personal_data, store, limits }
    }

    /// One run: until the restore has ended, or until `stop_at` and the end of the step under way.
    ///
    /// # Errors
    /// See [`RestoreError`]; the restore runs still, and another run goes on with it.
    pub async fn run(&self, holder: &str, stop_at: Option<Instant>) -> Result<RunOutcome, RestoreError> {
        let lease = Lease { holder: holder.to_owned(), duration: self.limits.lease };
        let record = match self.store.take_lease(&lease).await? {
            LeaseAnswer::Taken(record) => record,
            LeaseAnswer::HeldByAnother(record) => return Ok(RunOutcome::HeldByAnother(record)),
            LeaseAnswer::NothingToDo => return Ok(RunOutcome::NothingToDo),
        };
        let id = record.id;
        tracing::info!(restore_id = %id, kind = record.kind.as_str(), holder, "at work on the restore");
        let run = Run { restorer: self, record: &record, lease: &lease, stop_at, has_got_on: AtomicBool::new(false) };
        let (status, failure) = match self.keeping_the_lease(id, &lease, run.work()).await {
            Ok(Worked::ToTheEnd { unrepaired: 0 }) => (RestoreStatus::Succeeded, None),
            Ok(Worked::ToTheEnd { unrepaired }) => (
                RestoreStatus::Succeeded,
                Some(format!("{unrepaired} accounts are behind what they were: see the log")),
            ),
            Ok(Worked::InPart) => {
                self.store.release_lease(id, &lease).await?;
                return Ok(RunOutcome::CutShort);
            }
            Err(error) if error.is_final() => {
                tracing::error!(restore_id = %id, %error, "the restore has failed");
                (RestoreStatus::Failed, Some(error.to_string()))
            }
            Err(error) => {
                // Where this fails, too, the next one waits for the lease's end.
                let _ = self.store.release_lease(id, &lease).await;
                return Err(error);
            }
        };
        self.finish(id, &lease, status, failure.as_deref()).await
    }

    /// Gives up the restore that runs, unless somebody alive is at it. What queries read stays as it is.
    ///
    /// # Errors
    /// [`RestoreError::ReadDb`]; the restore runs still.
    pub async fn abandon(&self, holder: &str) -> Result<RunOutcome, RestoreError> {
        let lease = Lease { holder: holder.to_owned(), duration: self.limits.lease };
        let record = match self.store.take_lease(&lease).await? {
            LeaseAnswer::Taken(record) => record,
            LeaseAnswer::HeldByAnother(record) => return Ok(RunOutcome::HeldByAnother(record)),
            LeaseAnswer::NothingToDo => return Ok(RunOutcome::NothingToDo),
        };
        // Swapped is swapped: what is given up then is only the look at the tables that were put aside.
        let status = match self.store.stage(record.id).await? {
            Stage::Swapped => RestoreStatus::Succeeded,
            Stage::Unprepared | Stage::Prepared => RestoreStatus::Failed,
        };
        self.finish(record.id, &lease, status, Some("it was given up by hand")).await
    }

    async fn finish(
        &self,
        id: RestoreId,
        lease: &Lease,
        status: RestoreStatus,
        failure: Option<&str>,
    ) -> Result<RunOutcome, RestoreError> {
        (|| self.store.finish(id, lease, status, failure))
            .retry(while_in_use())
            .sleep(tokio::time::sleep)
            .when(|error| matches!(error, RestoreStoreError::Busy))
            .notify(|_busy, _pause| tracing::info!(restore_id = %id, "the tables are in use: the end is tried again"))
            .await?;
        let record = self.store.find(id).await?.ok_or(RestoreStoreError::LeaseLost)?;
        tracing::info!(restore_id = %id, status = status.as_str(), accounts_repaired = record.accounts_repaired, "done");
        Ok(RunOutcome::Finished(record))
    }

    /// Renews the lease beside the work, for steps that take long. The work ends where the lease is lost.
    async fn keeping_the_lease(
        &self,
        id: RestoreId,
        lease: &Lease,
        work: impl Future<Output = Result<Worked, RestoreError>>,
    ) -> Result<Worked, RestoreError> {
        let renewing = async {
            loop {
                tokio::time::sleep(lease.duration / 3).await;
                match self.store.renew_lease(id, lease).await {
                    Err(RestoreStoreError::LeaseLost) => return RestoreStoreError::LeaseLost,
                    Err(error) => tracing::warn!(restore_id = %id, %error, "the lease is not renewed yet"),
                    Ok(()) => {}
                }
            }
        };
        tokio::select! {
            // What the work says comes first: it may have ended the restore, and the lease with it.
            biased;
            done = work => done,
            error = renewing => Err(error.into()),
        }
    }
}

impl Run<'_> {
    async fn work(&self) -> Result<Worked, RestoreError> {
        let reader = CommitReader::new(self.restorer.scan.clone(), self.restorer.personal_data.clone());
        let live_accounts = self.store().count_accounts().await?;
        let mut catch_up = CatchUp::new(reader.clone(), self.restorer.limits, live_accounts);
        let mut stage = self.store().stage(self.record.id).await?;
        if stage != Stage::Swapped {
            self.check_that_there_are_events(live_accounts).await?;
        }
        if stage == Stage::Unprepared {
            self.prepare().await?;
            self.got_on();
            stage = self.store().stage(self.record.id).await?;
        }
        match stage {
            // Somebody has changed the tables just now.
            Stage::Unprepared => return Err(RestoreStoreError::Busy.into()),
            Stage::Prepared => {
                let mut ranges = self.store().ranges(self.record.id).await?;
                let is_swapped = self.build(&reader, &mut ranges).await?
                    && self.rounds(&mut catch_up, &mut ranges).await?.is_some()
                    && self.verify(&mut ranges).await?
                    && self.swap(&mut catch_up, &mut ranges).await?;
                if !is_swapped {
                    return Ok(Worked::InPart);
                }
            }
            Stage::Swapped => {}
        }
        // The tables are swapped: a deadlock with a projector, or a lock that took too long, is not to look like a failure.
        (|| self.after_the_swap(&catch_up))
            .retry(while_in_use())
            .sleep(tokio::time::sleep)
            .when(|error| matches!(error, RestoreError::ReadDb(RestoreStoreError::Busy)))
            .notify(|_busy, _pause| {
                tracing::info!(restore_id = %self.record.id, "the tables are in use: what follows the swap is tried again");
            })
            .await
    }

    fn store(&self) -> &Arc<dyn RestoreStore> {
        &self.restorer.store
    }

    fn got_on(&self) {
        self.has_got_on.store(true, Ordering::Relaxed);
    }

    fn is_time_up(&self) -> bool {
        self.has_no_time_for(Duration::ZERO)
    }

    fn has_no_time_for(&self, step: Duration) -> bool {
        self.has_got_on.load(Ordering::Relaxed) && self.stops_within(step)
    }

    fn stops_within(&self, step: Duration) -> bool {
        self.stop_at.is_some_and(|stop_at| Instant::now() + step >= stop_at)
    }

    /// An empty event store would make empty tables of full ones, and nothing would look wrong.
    async fn check_that_there_are_events(&self, live_accounts: u64) -> Result<(), RestoreError> {
        if live_accounts == 0 || self.restorer.limits.is_forced {
            return Ok(());
        }
        let first = self.restorer.scan.scan(StreamRange::default(), None, 1).await?;
        if first.is_empty() { Err(RestoreError::NoEvents { of: live_accounts }) } else { Ok(()) }
    }

    async fn prepare(&self) -> Result<(), RestoreError> {
        let (id, lease) = (self.record.id, self.lease);
        if self.record.kind == RestoreKind::Rollback {
            return Ok(self.store().prepare_rollback(id, lease).await?);
        }
        let size = match timeout(MAX_SIZE_TIME, self.restorer.scan.size()).await {
            Ok(size) => size?,
            Err(_elapsed) => {
                tracing::warn!(restore_id = %id, "it takes too long to count the events: how many there are is not told");
                EventStoreSize { commits: u64::MAX, events: 0 }
            }
        };
        let limits = self.restorer.limits;
        let parts = (size.commits / limits.range_commits.max(1)).max(limits.readers.into());
        let ranges = self.restorer.scan.split(u32::try_from(parts).unwrap_or(u32::MAX).min(1_024)).await?;
        tracing::info!(restore_id = %id, ranges = ranges.len(), events = size.events, "the shadow tables are made");
        Ok(self.store().prepare(id, lease, &ranges, size.events).await?)
    }

    /// Some ranges at once. Whether all are built.
    async fn build(&self, reader: &CommitReader, ranges: &mut [RangeProgress]) -> Result<bool, RestoreError> {
        let limits = self.restorer.limits;
        let mut waiting: Vec<RangeProgress> = ranges.iter().copied().filter(|range| !range.is_built).rev().collect();
        // Ends its tasks when it is dropped; what they have not committed is rolled back.
        let mut building: JoinSet<Result<RangeProgress, RestoreError>> = JoinSet::new();
        loop {
            while building.len() < limits.readers.max(1) as usize && !self.is_time_up() {
                let Some(range) = waiting.pop() else { break };
                let builder = RangeBuilder {
                    reader: reader.clone(),
                    store: self.store().clone(),
                    limits,
                    id: self.record.id,
                    lease: self.lease.clone(),
                };
                let stop_at = self.stop_at;
                building.spawn(async move { builder.build(range, stop_at).await });
            }
            let Some(built) = building.join_next().await else { break };
            let built = built??;
            self.got_on();
            if let Some(range) = ranges.iter_mut().find(|range| range.number == built.number) {
                *range = built;
            }
        }
        Ok(ranges.iter().all(|range| range.is_built))
    }

    /// Until a round finds few: how long the last one took. None where the time is up.
    async fn rounds(
        &self,
        catch_up: &mut CatchUp,
        ranges: &mut [RangeProgress],
    ) -> Result<Option<Duration>, RestoreError> {
        let mut shadow = self.store().shadow(self.record.id, self.lease);
        let mut took = Duration::ZERO;
        for round in 1..=MAX_ROUNDS {
            // What a round has written is written: the next run's finds less.
            if self.is_time_up() || (round > 1 && self.stops_within(Duration::ZERO)) {
                return Ok(None);
            }
            let begun_at = Instant::now();
            let accounts = catch_up.round(shadow.as_mut(), ranges, false).await?;
            took = begun_at.elapsed();
            tracing::info!(restore_id = %self.record.id, round, accounts, ?took, "caught up");
            if accounts <= FEW_ACCOUNTS {
                break;
            }
        }
        Ok(Some(took))
    }

    /// Whether every range was found to be as it was folded.
    async fn verify(&self, ranges: &mut [RangeProgress]) -> Result<bool, RestoreError> {
        for range in ranges.iter_mut().filter(|range| !range.is_verified) {
            if self.is_time_up() {
                return Ok(false);
            }
            let held = self.store().held(range.range).await?;
            if held != range.folded {
                let what = format!("range {}", range.number);
                return Err(RestoreError::Mismatch { what, expected: range.folded, held });
            }
            let differing = self.store().differing(range.range).await?;
            self.store().mark_verified(self.record.id, self.lease, range.number, differing).await?;
            range.is_verified = true;
            self.got_on();
        }
        Ok(true)
    }

    /// Whether it is done; not where the time is up.
    async fn swap(&self, catch_up: &mut CatchUp, ranges: &mut [RangeProgress]) -> Result<bool, RestoreError> {
        for _ in 0..MAX_SWAP_TRIES {
            let Some(round_time) = self.rounds(catch_up, ranges).await? else { return Ok(false) };
            let gate_time = gate_time(round_time);
            // Projectors are not to wait for the end of a worker that has none left.
            if self.has_no_time_for(gate_time + SWAP_TIME) {
                return Ok(false);
            }
            match self.try_swap(catch_up, ranges, gate_time).await {
                Err(RestoreError::ReadDb(RestoreStoreError::Busy)) => {
                    // The tables may have been swapped all the same, and only what comes after it not done.
                    if self.store().stage(self.record.id).await? == Stage::Swapped {
                        return Ok(true);
                    }
                    tracing::info!(restore_id = %self.record.id, "the tables are in use: the swap is tried again");
                    self.got_on();
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
        let mut gate = self.store().close_gate(self.record.id, self.lease, gate_time).await?;
        match timeout(gate_time, catch_up.round(gate.as_mut(), ranges, true)).await {
            Ok(round) => round?,
            Err(_elapsed) => {
                drop(gate);
                // What was given up halfway may have been written or not: the database knows.
                let known = self.store().ranges(self.record.id).await?;
                // Others only where another worker has ended this restore meanwhile.
                if known.len() != ranges.len() {
                    return Err(RestoreStoreError::LeaseLost.into());
                }
                ranges.copy_from_slice(&known);
                return Err(RestoreStoreError::Busy.into());
            }
        };
        Ok(gate.swap().await?)
    }

    /// A connection that broke in the middle of the swap may have opened the gate before the swap was done: then an
    /// account had an event in the old tables that the new ones lack. The tables are swapped: whatever becomes of such an
    /// account, the restore has not failed.
    async fn after_the_swap(&self, catch_up: &CatchUp) -> Result<Worked, RestoreError> {
        let accounts =
            AccountRestore::new(self.restorer.scan.clone(), self.restorer.personal_data.clone(), self.store().clone());
        let (mut after, mut unrepaired) = (None, 0);
        loop {
            let ahead = self.store().ahead_in_old(after, AFTER_SWAP_ACCOUNTS).await?;
            let Some((last, _)) = ahead.last() else { return Ok(Worked::ToTheEnd { unrepaired }) };
            after = Some(*last);
            for (account_id, old_version) in ahead {
                if catch_up.is_judged(account_id, old_version) {
                    continue;
                }
                match accounts.restore(account_id).await {
                    Ok(version) => tracing::info!(%account_id, version, "restored once more after the swap"),
                    Err(AccountRestoreError::EventStore(error)) => return Err(error.into()),
                    Err(AccountRestoreError::ReadDb(error)) if !error.is_final() => return Err(error.into()),
                    Err(error) => {
                        unrepaired += 1;
                        tracing::error!(%account_id, %error, "left as it is");
                    }
                }
            }
        }
    }
}

/// How often a step is tried again that finds the tables in use.
fn while_in_use() -> ConstantBuilder {
    ConstantBuilder::default().with_delay(SWAP_PAUSE).with_max_times(MAX_SWAP_TRIES as usize - 1)
}

/// For how long projectors may be kept waiting, after a round outside of the gate that took so long.
fn gate_time(round_time: Duration) -> Duration {
    round_time.saturating_mul(GATE_TIME_PER_ROUND_TIME).clamp(MIN_GATE_TIME, MAX_GATE_TIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_is_closed_for_long_enough_to_look_at_every_account_and_for_no_longer_than_projectors_can_wait() {
        assert_eq!(gate_time(Duration::from_millis(20)), Duration::from_millis(1_500));
        // So many accounts that a look at all of them would never be done in the least time.
        assert_eq!(gate_time(Duration::from_secs(3)), Duration::from_secs(9));
        assert_eq!(gate_time(Duration::from_secs(60)), Duration::from_secs(20));
    }
}
