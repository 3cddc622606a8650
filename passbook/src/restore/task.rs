use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use restore::{RestoreTrigger, Restorer, RunOutcome, TriggerError};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use super::holder;

/// How often it is looked whether there is a restore to do, without being told: one that another process left behind.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// The worker in place of `restore-worker` and its schedule: a task of this process.
pub(crate) struct RestoreTask {
    told: Arc<Notify>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Tells the task.
struct TaskTrigger {
    told: Arc<Notify>,
}

#[async_trait]
impl RestoreTrigger for TaskTrigger {
    async fn trigger(&self) -> Result<(), TriggerError> {
        self.told.notify_one();
        Ok(())
    }
}

impl RestoreTask {
    /// Goes on with a restore that was under way when the last process ended, and then does what it is told.
    pub(crate) fn start(restorer: Restorer) -> Self {
        let told = Arc::new(Notify::new());
        let (stop, stopped) = oneshot::channel();
        let listening = told.clone();
        let task = tokio::spawn(async move {
            tokio::select! {
                () = work_for_ever(&restorer, &listening) => {}
                // A sender that is gone is a stop, too.
                _ = stopped => {}
            }
        });
        Self { told, stop, task }
    }

    pub(crate) fn trigger(&self) -> Arc<dyn RestoreTrigger> {
        Arc::new(TaskTrigger { told: self.told.clone() })
    }

    /// What is under way is rolled back to its last page; the next process goes on there.
    pub(crate) async fn stop(self) {
        // Both fail only when the task has ended already.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

async fn work_for_ever(restorer: &Restorer, told: &Notify) {
    let holder = holder("serve");
    loop {
        // A run keeps nothing in memory that the next one takes over, so what a defect leaves behind is the database's.
        match AssertUnwindSafe(restorer.run(&holder, None)).catch_unwind().await {
            // It has said so itself.
            Ok(Ok(RunOutcome::Finished(_) | RunOutcome::CutShort)) => {}
            Ok(Ok(RunOutcome::HeldByAnother(_) | RunOutcome::NothingToDo)) => {}
            Ok(Err(error)) => tracing::warn!(%error, causes = telemetry::causes(&error), "the restore goes on later"),
            // The panic has said where by itself.
            Err(_panic) => tracing::error!("the restore broke by a defect; it is tried again"),
        }
        // Told in between or not: it looks again soon.
        let _ = tokio::time::timeout(LOOK_INTERVAL, told.notified()).await;
    }
}
