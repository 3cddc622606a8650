use std::sync::Arc;
use std::time::Duration;

use aggregate_root::AggregateRoot;
use async_trait::async_trait;
use backon::{BackoffBuilder as _, ExponentialBuilder};

use crate::command::CommandErrorOf;
use crate::dispatch_log::{DispatchError, logged};
use crate::{CommandEnvelope, CommandError, CommandHandler, CommandOutcome};

/// How long and how often a [`CommandDispatcher`] tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DispatchLimits {
    /// All tries of one command together. Below the 29 s after which API Gateway gives up on a function.
    pub timeout: Duration,
    /// Tries after lost races, beyond the first. Of n writers that race, each round lets one through, and the
    /// jitter spreads the others.
    pub max_conflict_retries: usize,
    /// The wait before the second try; it doubles with each further one. To each wait up to its own length is
    /// added at random.
    pub min_backoff: Duration,
    /// The longest wait between two tries, before that addition.
    pub max_backoff: Duration,
}

impl Default for DispatchLimits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            max_conflict_retries: 20,
            min_backoff: Duration::from_millis(1),
            max_backoff: Duration::from_millis(100),
        }
    }
}

/// Brings a command to its handler. All commands share what is around it: a span with a log line, a time limit, and another
/// try when another writer was first.
pub struct CommandDispatcher<C, A: AggregateRoot, O = CommandOutcome<A>> {
    handler: Arc<dyn HandleOnce<C, A, O>>,
    limits: DispatchLimits,
}

/// A [`CommandHandler`] of any type: a dispatcher is named by its command, not by its handler.
#[async_trait]
trait HandleOnce<C, A: AggregateRoot, O>: Send + Sync {
    async fn handle_once(&self, envelope: &CommandEnvelope<C>) -> Result<O, CommandErrorOf<A>>;
}

#[async_trait]
impl<C: Sync, H: CommandHandler<C>> HandleOnce<C, H::Aggregate, H::Outcome> for H {
    async fn handle_once(&self, envelope: &CommandEnvelope<C>) -> Result<H::Outcome, CommandErrorOf<H::Aggregate>> {
        self.handle(envelope).await
    }
}

impl<C: Sync + 'static, A: AggregateRoot, O: Send + 'static> CommandDispatcher<C, A, O> {
    /// Around this handler, within the default limits.
    pub fn new<H: CommandHandler<C, Aggregate = A, Outcome = O>>(handler: H) -> Self {
        Self::with_limits(handler, DispatchLimits::default())
    }

    /// Around this handler, within these limits.
    pub fn with_limits<H: CommandHandler<C, Aggregate = A, Outcome = O>>(handler: H, limits: DispatchLimits) -> Self {
        Self { handler: Arc::new(handler), limits }
    }

    /// Dispatches one command.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn dispatch(&self, envelope: CommandEnvelope<C>) -> Result<O, CommandErrorOf<A>> {
        let handled = async {
            let tries = self.try_until_no_conflict(&envelope);
            tokio::time::timeout(self.limits.timeout, tries).await.unwrap_or(Err(CommandError::DeadlineExceeded))
        };
        logged::<C, _, _>("command", &envelope.context.correlation_id, handled).await
    }

    /// Only a lost race is tried again. Every other error is final, or the client's to retry: only the client knows whether
    /// it has an idempotency key.
    async fn try_until_no_conflict(&self, envelope: &CommandEnvelope<C>) -> Result<O, CommandErrorOf<A>> {
        // Each command has random waits of its own: racers that waited the same times would meet again at every try.
        let mut waits = ExponentialBuilder::default()
            .with_min_delay(self.limits.min_backoff)
            .with_max_delay(self.limits.max_backoff)
            .with_max_times(self.limits.max_conflict_retries)
            .with_jitter()
            .build();
        loop {
            let result = self.handler.handle_once(envelope).await;
            let is_conflict = matches!(result, Err(CommandError::Conflict));
            match waits.next().filter(|_| is_conflict) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return result,
            }
        }
    }
}

// Not derived: that would ask for a command and an aggregate that can be cloned, which the dispatcher does not hold.
impl<C, A: AggregateRoot, O> Clone for CommandDispatcher<C, A, O> {
    fn clone(&self) -> Self {
        Self { handler: Arc::clone(&self.handler), limits: self.limits }
    }
}

impl<E: std::error::Error + 'static> DispatchError for CommandError<E> {
    fn is_fault(&self) -> bool {
        !matches!(self, Self::Refused(_) | Self::IdempotencyKeyReused | Self::Conflict)
    }
}
