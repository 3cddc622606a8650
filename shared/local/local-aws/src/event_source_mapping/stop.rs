use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

/// Tells a poller that the mapping must stop, and limits the time of work under way.
#[derive(Clone)]
pub(crate) struct Stop {
    /// True once the mapping must stop.
    is_requested: watch::Receiver<bool>,
    grace: Duration,
}

/// The mapping stopped before the present work was done. The work is not committed, and its records are delivered
/// again.
#[derive(Debug)]
pub(crate) struct Abandoned;

impl Stop {
    pub(crate) const fn new(is_requested: watch::Receiver<bool>, grace: Duration) -> Self {
        Self { is_requested, grace }
    }

    pub(crate) fn is_requested(&self) -> bool {
        *self.is_requested.borrow()
    }

    /// Waits until the mapping must stop.
    pub(crate) async fn requested(&self) {
        // The wait fails when the sender is gone. That is a stop, too.
        let _ = self.is_requested.clone().wait_for(|is_requested| *is_requested).await;
    }

    /// The result of the work, unless the mapping stops and the grace is over before the work is done.
    pub(crate) async fn within_grace<T>(&self, work: impl Future<Output = T>) -> Result<T, Abandoned> {
        tokio::select! {
            result = work => Ok(result),
            () = async { self.requested().await; sleep(self.grace).await; } => Err(Abandoned),
        }
    }
}
