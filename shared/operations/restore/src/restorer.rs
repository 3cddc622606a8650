use std::future::Future;
use std::sync::Arc;

use backon::Retryable as _;
use cqrs::OpenedCommitScan;
use projection::Projections;
use tokio::time::Instant;

use crate::restore_run::{Completion, RestoreRun, retries_while_busy};
use crate::{
    Lease, LeaseAnswer, RestoreError, RestoreJob, RestoreLimits, RestoreRecord, RestoreStatus, RestoreStore,
    RestoreStoreError, Stage,
};

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunOutcome {
    /// The restore has ended, with success or without.
    Finished(RestoreRecord),
    /// The time was up. Another run continues from here.
    CutShort,
    /// Another worker works on the restore.
    HeldByAnother(RestoreRecord),
    /// No restore runs.
    NothingToDo,
}

/// Does the running restore, from its present progress.
///
/// Any process may call it at any time. The lease lets only one worker in. A run that is killed at any moment leaves
/// its progress behind.
pub struct Restorer {
    commits: Arc<OpenedCommitScan>,
    restore_store: Arc<dyn RestoreStore>,
    projections: Projections,
    limits: RestoreLimits,
}

impl Restorer {
    /// A restorer from these commits, in this read database, for these projections.
    #[must_use]
    pub fn new(
        commits: Arc<OpenedCommitScan>,
        restore_store: Arc<dyn RestoreStore>,
        projections: Projections,
        limits: RestoreLimits,
    ) -> Self {
        Self { commits, restore_store, projections, limits }
    }

    /// One run. It lasts until the restore has ended, or until `stop_at` and the end of the step under way.
    ///
    /// # Errors
    /// See [`RestoreError`]. The restore still runs, and another run continues it.
    pub async fn run(&self, holder: &str, stop_at: Option<Instant>) -> Result<RunOutcome, RestoreError> {
        let (record, mut job) = match self.take_lease(holder).await? {
            Ok(taken) => taken,
            Err(outcome) => return Ok(outcome),
        };
        let id = job.id;
        let projection = record.projection.as_deref().unwrap_or("all");
        tracing::info!(restore_id = %id, kind = record.kind.as_str(), projection, holder, "working on the restore");
        let worked = match self.scope_of(&record) {
            Ok(scope) => {
                job.scope = scope;
                let run = RestoreRun::new(
                    self.commits.clone(),
                    self.restore_store.clone(),
                    self.limits,
                    &record,
                    &job,
                    stop_at,
                );
                self.keeping_the_lease(&job, run.work()).await
            }
            Err(error) => Err(error),
        };
        let (status, failure) = match worked {
            Ok(Completion::Full { unrepaired: 0 }) => (RestoreStatus::Succeeded, None),
            Ok(Completion::Full { unrepaired }) => (
                RestoreStatus::Succeeded,
                Some(format!("{unrepaired} streams have fewer events than before the swap: see the log")),
            ),
            Ok(Completion::Partial) => {
                self.restore_store.release_lease(id, &job.lease).await?;
                return Ok(RunOutcome::CutShort);
            }
            Err(error) if error.is_final() => {
                tracing::error!(restore_id = %id, %error, "the restore has failed");
                (RestoreStatus::Failed, Some(error.to_string()))
            }
            Err(error) => {
                // If the release fails too, the next run waits for the lease's end.
                let _ = self.restore_store.release_lease(id, &job.lease).await;
                return Err(error);
            }
        };
        self.finish(&job, status, failure.as_deref()).await
    }

    /// Gives up the running restore, unless a living worker works on it. The rows that queries read are unchanged.
    ///
    /// # Errors
    /// [`RestoreError::ReadDb`]; the restore still runs.
    pub async fn abandon(&self, holder: &str) -> Result<RunOutcome, RestoreError> {
        let (record, mut job) = match self.take_lease(holder).await? {
            Ok(taken) => taken,
            Err(outcome) => return Ok(outcome),
        };
        // If this build does not know the restore's projection, it has no tables here that could be dropped.
        job.scope = self.scope_of(&record).unwrap_or_default();
        // After a swap, only the check of the old tables is given up.
        let status = match self.restore_store.stage(&job).await? {
            Stage::Swapped => RestoreStatus::Succeeded,
            Stage::Unprepared | Stage::Prepared => RestoreStatus::Failed,
        };
        self.finish(&job, status, Some("it was given up by hand")).await
    }

    async fn take_lease(&self, holder: &str) -> Result<Result<(RestoreRecord, RestoreJob), RunOutcome>, RestoreError> {
        let lease = Lease { holder: holder.to_owned(), duration: self.limits.lease };
        Ok(match self.restore_store.take_lease(&lease).await? {
            LeaseAnswer::Taken(record) => {
                let job = RestoreJob { id: record.id, lease, scope: Vec::new() };
                Ok((record, job))
            }
            LeaseAnswer::HeldByAnother(record) => Err(RunOutcome::HeldByAnother(record)),
            LeaseAnswer::NothingToDo => Err(RunOutcome::NothingToDo),
        })
    }

    /// The projections that a restore builds.
    fn scope_of(&self, record: &RestoreRecord) -> Result<crate::Scope, RestoreError> {
        match &record.projection {
            None => Ok(self.projections.all().to_vec()),
            Some(name) => match self.projections.named(name) {
                Some(projection) => Ok(vec![projection]),
                None => Err(RestoreError::UnknownProjection { name: name.clone() }),
            },
        }
    }

    async fn finish(
        &self,
        job: &RestoreJob,
        status: RestoreStatus,
        failure: Option<&str>,
    ) -> Result<RunOutcome, RestoreError> {
        let id = job.id;
        (|| self.restore_store.finish(job, status, failure))
            .retry(retries_while_busy())
            .sleep(tokio::time::sleep)
            .when(|error| matches!(error, RestoreStoreError::Busy))
            .notify(|_busy, _pause| tracing::info!(restore_id = %id, "the tables are in use: the end is tried again"))
            .await?;
        let record = self.restore_store.find(id).await?.ok_or(RestoreStoreError::LeaseLost)?;
        tracing::info!(restore_id = %id, status = status.as_str(), streams_repaired = record.streams_repaired, "done");
        Ok(RunOutcome::Finished(record))
    }

    /// Renews the lease during the work, for steps that take long. The work ends if the lease is lost.
    async fn keeping_the_lease(
        &self,
        job: &RestoreJob,
        work: impl Future<Output = Result<Completion, RestoreError>>,
    ) -> Result<Completion, RestoreError> {
        let renewing = async {
            loop {
                tokio::time::sleep(job.lease.duration / 3).await;
                match self.restore_store.renew_lease(job.id, &job.lease).await {
                    Err(RestoreStoreError::LeaseLost) => return RestoreStoreError::LeaseLost,
                    Err(error) => tracing::warn!(restore_id = %job.id, %error, "the lease is not renewed yet"),
                    Ok(()) => {}
                }
            }
        };
        tokio::select! {
            // The result of the work comes first, because the work may have ended the restore, and the lease with it.
            biased;
            done = work => done,
            error = renewing => Err(error.into()),
        }
    }
}
