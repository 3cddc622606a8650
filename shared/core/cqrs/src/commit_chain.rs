use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Commits of one stream, each decided on the state that the commit before it left.
///
/// A process decides on a commit while the commit before it is still being stored. If that commit is not stored, every
/// later commit of the chain was decided on a state that never was. So a broken chain stores no further commit, and the
/// next decision loads the stream anew.
#[derive(Debug, Default)]
pub(crate) struct CommitChain {
    is_broken: AtomicBool,
    /// The number of commits that were given to the queue and have no outcome yet.
    unsettled: AtomicUsize,
    settled: Notify,
}

impl CommitChain {
    /// Whether a commit of the chain was not stored, or may not be stored.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Acquire)
    }

    /// Ends the chain: none of its commits is stored from now on.
    pub(crate) fn break_off(&self) {
        self.is_broken.store(true, Ordering::Release);
    }

    /// Counts one more commit that has no outcome yet.
    pub(crate) fn expect_outcome(&self) {
        self.unsettled.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes the outcome of one commit into account.
    pub(crate) fn settle(&self) {
        if self.unsettled.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.settled.notify_waiters();
        }
    }

    /// Waits until every commit of the chain has its outcome.
    pub(crate) async fn all_settled(&self) {
        loop {
            // The wait begins before the look at the count, so that an outcome in between is not missed.
            let settled = self.settled.notified();
            if self.unsettled.load(Ordering::Acquire) == 0 {
                return;
            }
            settled.await;
        }
    }
}
