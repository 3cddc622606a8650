use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::Context;
use restore::{RestoreError, RestoreStatus, RestoreTrigger, Restorer, RunOutcome};
use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

/// The part of an invocation's time that stays unused. In it, a page under way is completed and the next invocation is
/// triggered.
const RESERVE: Duration = Duration::from_secs(20);

/// Does a restore's work, one invocation at a time.
pub struct RestoreWorker {
    restorer: Restorer,
    trigger: Arc<dyn RestoreTrigger>,
}

/// The result of one invocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerReport {
    /// `nothing_to_do`, `held_by_another`, `cut_short`, `succeeded` or `failed`.
    pub outcome: &'static str,
    /// The restore's id, if there is a restore.
    pub restore_id: Option<String>,
}

impl RestoreWorker {
    /// A worker that uses this restorer, and this trigger for its own next invocation.
    pub fn new(restorer: Restorer, trigger: Arc<dyn RestoreTrigger>) -> Self {
        Self { restorer, trigger }
    }

    /// One invocation.
    ///
    /// # Errors
    /// See [`RestoreError`]. Nothing is lost: the next invocation continues where this invocation ended.
    pub async fn work(&self, context: &Context) -> Result<WorkerReport, RestoreError> {
        let time_left = lambda_invocation::time_left(context);
        // If the invocation is shorter than the reserve, half of its time is used.
        let working_time = time_left.saturating_sub(RESERVE).max(time_left / 2);
        // Lambda may deliver one request twice at the same time, so the request's id alone is not a unique name.
        let holder = format!("{}-{}", context.request_id, Uuid::now_v7().simple());
        let outcome = self.restorer.run(&holder, Some(Instant::now() + working_time)).await?;
        if outcome == RunOutcome::CutShort
            && let Err(error) = self.trigger.trigger().await
        {
            // The schedule continues the restore.
            tracing::warn!(%error, causes = telemetry::causes(&error), "the next invocation could not be triggered");
        }
        Ok(report(outcome))
    }
}

fn report(outcome: RunOutcome) -> WorkerReport {
    let (outcome, restore_id) = match outcome {
        RunOutcome::NothingToDo => ("nothing_to_do", None),
        RunOutcome::CutShort => ("cut_short", None),
        RunOutcome::HeldByAnother(record) => ("held_by_another", Some(record.id)),
        RunOutcome::Finished(record) if record.status == RestoreStatus::Succeeded => ("succeeded", Some(record.id)),
        RunOutcome::Finished(record) => ("failed", Some(record.id)),
    };
    WorkerReport { outcome, restore_id: restore_id.map(|id| id.to_string()) }
}
