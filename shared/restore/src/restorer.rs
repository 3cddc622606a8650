use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bank::AccountId;
use cqrs::{CommitScan, PersonalData, ReadError};
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
/// How long a projector may be kept waiting by one try of the swap.
const GATE_TIME: Duration = Duration::from_millis(1_500);
/// Tries of the swap in one run.
const MAX_SWAP_TRIES: u32 = 30;
/// The pause between two of them, in which the projector and the queries get on.
const SWAP_PAUSE: Duration = Duration::from_millis(500);
/// Accounts that are looked at at once after the swap.
const AFTER_SWAP_ACCOUNTS: u32 = 500;

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
            Self::Mismatch { .. }
                | Self::WouldTakeBack { .. }
                | Self::ReadDb(RestoreStoreError::NothingToBringBack { .. } | RestoreStoreError::Corrupt { .. })
        )
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
        let run = Run { restorer: self, record: &record, lease: &lease, stop_at };
        let (status, failure) = match self.keeping_the_lease(id, &lease, run.work()).await {
            Ok(true) => (RestoreStatus::Succeeded, None),
            Ok(false) => {
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
        self.store.finish(id, &lease, status, failure.as_deref()).await?;
        let record = self.store.find(id).await?.ok_or(RestoreStoreError::LeaseLost)?;
        tracing::info!(restore_id = %id, status = status.as_str(), accounts_repaired = record.accounts_repaired, "done");
        Ok(RunOutcome::Finished(record))
    }

    /// Renews the lease beside the work, for steps that take long. The work ends where the lease is lost.
    async fn keeping_the_lease(
        &self,
        id: RestoreId,
        lease: &Lease,
        work: impl Future<Output = Result<bool, RestoreError>>,
    ) -> Result<bool, RestoreError> {
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
    /// Whether all of it is done.
    async fn work(&self) -> Result<bool, RestoreError> {
        let reader = CommitReader::new(self.restorer.scan.clone(), self.restorer.personal_data.clone());
        let mut catch_up = CatchUp::new(reader.clone(), self.restorer.limits);
        let mut stage = self.store().stage(self.record.id).await?;
        if stage == Stage::Unprepared {
            self.prepare().await?;
            stage = Stage::Prepared;
        }
        if stage == Stage::Prepared {
            let mut ranges = self.store().ranges(self.record.id).await?;
            if !self.build(&reader, &mut ranges).await? {
                return Ok(false);
            }
            self.rounds(&mut catch_up, &mut ranges).await?;
            if !self.verify(&mut ranges).await? {
                return Ok(false);
            }
            self.swap(&mut catch_up, &mut ranges).await?;
        }
        self.after_the_swap(&catch_up).await?;
        Ok(true)
    }

    fn store(&self) -> &Arc<dyn RestoreStore> {
        &self.restorer.store
    }

    fn is_time_up(&self) -> bool {
        self.stop_at.is_some_and(|stop_at| Instant::now() >= stop_at)
    }

    async fn prepare(&self) -> Result<(), RestoreError> {
        let (id, lease) = (self.record.id, self.lease);
        if self.record.kind == RestoreKind::Rollback {
            return Ok(self.store().prepare_rollback(id, lease).await?);
        }
        let size = self.restorer.scan.size().await?;
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
            if let Some(range) = ranges.iter_mut().find(|range| range.number == built.number) {
                *range = built;
            }
        }
        Ok(ranges.iter().all(|range| range.is_built))
    }

    /// Until a round finds few.
    async fn rounds(&self, catch_up: &mut CatchUp, ranges: &mut [RangeProgress]) -> Result<(), RestoreError> {
        let mut shadow = self.store().shadow(self.record.id, self.lease);
        for round in 1..=MAX_ROUNDS {
            let accounts = catch_up.round(shadow.as_mut(), ranges, false).await?;
            tracing::info!(restore_id = %self.record.id, round, accounts, "caught up");
            if accounts <= FEW_ACCOUNTS {
                break;
            }
        }
        Ok(())
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
        }
        Ok(true)
    }

    async fn swap(&self, catch_up: &mut CatchUp, ranges: &mut [RangeProgress]) -> Result<(), RestoreError> {
        for _ in 0..MAX_SWAP_TRIES {
            match self.try_swap(catch_up, ranges).await {
                Err(RestoreError::ReadDb(RestoreStoreError::Busy)) => {
                    tracing::info!(restore_id = %self.record.id, "the tables are in use: the swap is tried again");
                    tokio::time::sleep(SWAP_PAUSE).await;
                    self.rounds(catch_up, ranges).await?;
                }
                result => return result,
            }
        }
        Err(RestoreStoreError::Busy.into())
    }

    async fn try_swap(&self, catch_up: &mut CatchUp, ranges: &mut [RangeProgress]) -> Result<(), RestoreError> {
        let mut gate = self.store().close_gate(self.record.id, self.lease).await?;
        match timeout(GATE_TIME, catch_up.round(gate.as_mut(), ranges, true)).await {
            Ok(round) => round?,
            Err(_elapsed) => {
                drop(gate);
                // What was given up halfway may have been written or not: the database knows.
                ranges.copy_from_slice(&self.store().ranges(self.record.id).await?);
                return Err(RestoreStoreError::Busy.into());
            }
        };
        Ok(gate.swap().await?)
    }

    /// A connection that broke in the middle of the swap may have opened the gate before the swap was done: then an
    /// account had an event in the old tables that the new ones lack.
    async fn after_the_swap(&self, catch_up: &CatchUp) -> Result<(), RestoreError> {
        let accounts =
            AccountRestore::new(self.restorer.scan.clone(), self.restorer.personal_data.clone(), self.store().clone());
        let mut after = None;
        loop {
            let ahead = self.store().ahead_in_old(after, AFTER_SWAP_ACCOUNTS).await?;
            let Some(last) = ahead.last() else { return Ok(()) };
            after = Some(*last);
            for account_id in ahead {
                if catch_up.is_judged(account_id) {
                    continue;
                }
                match accounts.restore(account_id).await {
                    Ok(version) => tracing::info!(%account_id, version, "restored once more after the swap"),
                    Err(AccountRestoreError::EventStore(error)) => return Err(error.into()),
                    Err(AccountRestoreError::ReadDb(error)) => return Err(error.into()),
                    Err(error @ AccountRestoreError::WouldTakeBack { .. }) => {
                        tracing::error!(%account_id, %error, "left as it is");
                    }
                }
            }
        }
    }
}
