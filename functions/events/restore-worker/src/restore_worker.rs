use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::Context;
use restore::{RestoreError, RestoreStatus, RestoreTrigger, Restorer, RunOutcome};
use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

/// What an invocation leaves of its time: a page under way is written to its end, and the next invocation asked for.
const RESERVE: Duration = Duration::from_secs(20);

/// Does a restore's work, an invocation at a time.
pub struct RestoreWorker {
    restorer: Restorer,
    trigger: Arc<dyn RestoreTrigger>,
}

/// What one invocation did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerReport {
    /// `nothing_to_do`, `held_by_another`, `cut_short`, `succeeded` or `failed`.
    pub outcome: &'static str,
    /// Which restore, where there is one.
    pub restore_id: Option<String>,
}

impl RestoreWorker {
    /// By this, and with this to have itself invoked again.
    pub fn new(restorer: Restorer, trigger: Arc<dyn RestoreTrigger>) -> Self {
        Self { restorer, trigger }
    }

    /// One invocation.
    ///
    /// # Errors
    /// See [`RestoreError`]. Nothing is lost: the next invocation goes on where this one ended.
    pub async fn work(&self, context: &Context) -> Result<WorkerReport, RestoreError> {
        let time_left = lambda_invocation::time_left(context);
        // Of an invocation that is shorter than the reserve, half.
        let working_time = time_left.saturating_sub(RESERVE).max(time_left / 2);
        // Lambda may deliver one request twice, and at once: its id is no name that nobody else has.
        let holder = format!("{}-{}", context.request_id, Uuid::now_v7().simple());
        let outcome = self.restorer.run(&holder, Some(Instant::now() + working_time)).await?;
        if outcome == RunOutcome::CutShort
            && let Err(error) = self.trigger.trigger().await
        {
            // The schedule goes on with it.
            tracing::warn!(%error, causes = telemetry::causes(&error), "the next invocation was not asked for");
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
