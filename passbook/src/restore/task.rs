use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use restore::{RestoreTrigger, Restorer, RunOutcome, TriggerError};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use super::holder;

/// The interval at which the task looks for a restore without a request. Another process may have left it behind.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// The replacement for the function `restore-worker` and its schedule: a task of this process.
pub(crate) struct RestoreTask {
    restore_requested: Arc<Notify>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Tells the task that there is a restore to do.
struct TaskTrigger {
    restore_requested: Arc<Notify>,
}

#[async_trait]
impl RestoreTrigger for TaskTrigger {
    async fn trigger(&self) -> Result<(), TriggerError> {
        self.restore_requested.notify_one();
        Ok(())
    }
}

impl RestoreTask {
    /// Continues a restore that was under way when the last process ended. Then it does each restore that is requested.
    pub(crate) fn start(restorer: Restorer) -> Self {
        let restore_requested = Arc::new(Notify::new());
        let (stop, stopped) = oneshot::channel();
        let listening = restore_requested.clone();
        let task = tokio::spawn(async move {
            tokio::select! {
                () = work_for_ever(&restorer, &listening) => {}
                // A sender that is gone is a stop, too.
                _ = stopped => {}
            }
        });
        Self { restore_requested, stop, task }
    }

    pub(crate) fn trigger(&self) -> Arc<dyn RestoreTrigger> {
        Arc::new(TaskTrigger { restore_requested: self.restore_requested.clone() })
    }

    /// Stops the task. The work under way is rolled back to its last page, and the next process continues there.
    pub(crate) async fn stop(self) {
        // Both calls fail only when the task has ended already.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

async fn work_for_ever(restorer: &Restorer, restore_requested: &Notify) {
    let holder = holder("serve");
    loop {
        // A run leaves nothing in memory for the next run. A defect can leave traces only in the database.
        match AssertUnwindSafe(restorer.run(&holder, None)).catch_unwind().await {
            // The restorer has logged this result itself.
            Ok(Ok(RunOutcome::Finished(_) | RunOutcome::CutShort)) => {}
            Ok(Ok(RunOutcome::HeldByAnother(_) | RunOutcome::NothingToDo)) => {}
            Ok(Err(error)) => tracing::warn!(%error, causes = telemetry::causes(&error), "the restore goes on later"),
            // The panic hook has logged the place of the panic.
            Err(_panic) => tracing::error!("a defect stopped the restore; it is tried again"),
        }
        // With or without a signal, the task looks again soon.
        let _ = tokio::time::timeout(POLL_INTERVAL, restore_requested.notified()).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use bank_read_model::PROJECTIONS;
    use cqrs::{CommitPlace, CommitScan, EventStoreSize, OpenedCommitScan, ReadError, ScannedCommit, StreamRange};
    use restore::{RestoreId, RestoreKind, RestoreLimits, RestoreRegister as _, RestoreStatus};
    use sqlite_embedded::SqliteKeyStore;

    use super::*;

    /// An empty event store that panics the first time it is counted.
    #[derive(Default)]
    struct BreaksOnce(AtomicBool);

    #[async_trait]
    impl CommitScan for BreaksOnce {
        async fn scan(&self, _: StreamRange, _: Option<CommitPlace>, _: u32) -> Result<Vec<ScannedCommit>, ReadError> {
            Ok(Vec::new())
        }

        async fn split(&self, _: u32) -> Result<Vec<StreamRange>, ReadError> {
            Ok(vec![StreamRange::default()])
        }

        async fn size(&self) -> Result<EventStoreSize, ReadError> {
            assert!(self.0.swap(true, Ordering::SeqCst), "a defect");
            Ok(EventStoreSize::default())
        }

        async fn has_commit_of(&self, _: &[&str]) -> Result<bool, ReadError> {
            Ok(false)
        }

        async fn misplaced(&self, _: u32) -> Result<Vec<String>, ReadError> {
            Ok(Vec::new())
        }
    }

    #[tokio::test]
    async fn a_run_that_breaks_is_not_the_last() {
        let home = std::env::temp_dir().join(format!("passbook-restore-task-{}", holder("test")));
        let read_db = sqlite_embedded::open_read_db(&home.join("read.db")).await.expect("opens");
        let key_store = SqliteKeyStore::open(&home.join("keys.db")).await.expect("opens");
        let id = RestoreId::generate();
        read_db.request(id, RestoreKind::Rebuild, None).await.expect("records");
        let personal_data = crate::embedded::personal_data_of(&key_store);
        let limits = RestoreLimits { lease: Duration::from_millis(100), ..RestoreLimits::default() };
        let commits = Arc::new(OpenedCommitScan::new(Arc::new(BreaksOnce::default()), personal_data));
        let task = RestoreTask::start(Restorer::new(commits, Arc::new(read_db.clone()), PROJECTIONS, limits));
        let ended = tokio::time::timeout(4 * POLL_INTERVAL, async {
            loop {
                let record = read_db.find(id).await.expect("reads").expect("recorded");
                if record.status != RestoreStatus::Running {
                    return record.status;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        assert_eq!(ended.await, Ok(RestoreStatus::Succeeded));
        task.stop().await;
        read_db.close().await;
        key_store.close().await;
        std::fs::remove_dir_all(&home).expect("the test's own folder");
    }
}
