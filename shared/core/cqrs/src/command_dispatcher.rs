use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aggregate_root::AggregateRoot;
use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use tower::retry::{Policy, RetryLayer};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder, ServiceExt as _};

use crate::command::CommandErrorOf;
use crate::dispatch_layers::{BoxedAnswer, DeadlineLayer, DispatchError, Message, TraceLayer, short_type_name};
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

type CommandService<C, A> = BoxCloneSyncService<CommandEnvelope<C>, CommandOutcome<A>, CommandErrorOf<A>>;

/// Brings a command to its handler, with what all commands share around it, outermost first: a trace, a
/// deadline, and another try when another writer was first.
#[derive(Clone)]
pub struct CommandDispatcher<C, A: AggregateRoot> {
    service: CommandService<C, A>,
}

impl<C, A> CommandDispatcher<C, A>
where
    C: Clone + Send + Sync + 'static,
    A: AggregateRoot,
{
    /// Around this handler, within the default limits.
    pub fn new<H: CommandHandler<C, Aggregate = A>>(handler: H) -> Self {
        Self::with_limits(handler, DispatchLimits::default())
    }

    /// Around this handler, within these limits.
    pub fn with_limits<H: CommandHandler<C, Aggregate = A>>(handler: H, limits: DispatchLimits) -> Self {
        let service = ServiceBuilder::new()
            .layer(TraceLayer { kind: "command", name: short_type_name::<C>() })
            .layer(DeadlineLayer { timeout: limits.timeout })
            .layer(RetryLayer::new(RetryAfterConflict::new(limits)))
            .service(HandlerService { handler: Arc::new(handler) });
        Self { service: BoxCloneSyncService::new(service) }
    }

    /// Dispatches one command.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn dispatch(&self, envelope: CommandEnvelope<C>) -> Result<CommandOutcome<A>, CommandErrorOf<A>> {
        self.service.clone().oneshot(envelope).await
    }
}

impl<C> Message for CommandEnvelope<C> {
    fn correlation_id(&self) -> &str {
        &self.context.correlation_id
    }
}

impl<E: std::error::Error + 'static> DispatchError for CommandError<E> {
    fn deadline_exceeded() -> Self {
        Self::DeadlineExceeded
    }

    fn is_fault(&self) -> bool {
        !matches!(self, Self::Refused(_) | Self::IdempotencyKeyReused | Self::Conflict)
    }
}

struct HandlerService<H> {
    handler: Arc<H>,
}

// Not derived: that would ask for a handler that can be cloned, which behind the Arc it need not be.
impl<H> Clone for HandlerService<H> {
    fn clone(&self) -> Self {
        Self { handler: Arc::clone(&self.handler) }
    }
}

impl<C, H> Service<CommandEnvelope<C>> for HandlerService<H>
where
    C: Send + Sync + 'static,
    H: CommandHandler<C>,
{
    type Response = CommandOutcome<H::Aggregate>;
    type Error = CommandErrorOf<H::Aggregate>;
    type Future = BoxedAnswer<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, envelope: CommandEnvelope<C>) -> Self::Future {
        let handler = Arc::clone(&self.handler);
        Box::pin(async move { handler.handle(&envelope).await })
    }
}

/// The `tower` retry policy: only a lost race is tried again. Everything else is either final or the
/// client's to retry, since only the client knows whether it has an idempotency key.
struct RetryAfterConflict {
    waits: ExponentialBuilder,
    waits_left: ExponentialBackoff,
}

impl RetryAfterConflict {
    fn new(limits: DispatchLimits) -> Self {
        let waits = ExponentialBuilder::default()
            .with_min_delay(limits.min_backoff)
            .with_max_delay(limits.max_backoff)
            .with_max_times(limits.max_conflict_retries)
            .with_jitter();
        Self { waits, waits_left: waits.build() }
    }
}

/// tower clones the policy for each message. A clone starts anew, and with randomness of its own: racers that
/// waited the same times would meet again at every try.
impl Clone for RetryAfterConflict {
    fn clone(&self) -> Self {
        Self { waits: self.waits, waits_left: self.waits.build() }
    }
}

impl<C: Clone, A, E: std::error::Error + 'static> Policy<CommandEnvelope<C>, CommandOutcome<A>, CommandError<E>>
    for RetryAfterConflict
{
    type Future = tokio::time::Sleep;

    fn retry(
        &mut self,
        _: &mut CommandEnvelope<C>,
        result: &mut Result<CommandOutcome<A>, CommandError<E>>,
    ) -> Option<Self::Future> {
        match result {
            Err(CommandError::Conflict) => self.waits_left.next().map(tokio::time::sleep),
            _ => None,
        }
    }

    fn clone_request(&mut self, envelope: &CommandEnvelope<C>) -> Option<CommandEnvelope<C>> {
        Some(envelope.clone())
    }
}
