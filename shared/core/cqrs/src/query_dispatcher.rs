use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder, ServiceExt as _};

use crate::dispatch_layers::{BoxedAnswer, DeadlineLayer, DispatchError, Message, TraceLayer, short_type_name};
use crate::{QueryEnvelope, QueryError, QueryHandler};

/// Longer than the 2 s that a query may wait for the read side, shorter than any client's patience.
const QUERY_TIMEOUT: Duration = Duration::from_secs(8);

/// Brings a query to its handler, with what all queries share around it, outermost first: a trace and a
/// deadline.
#[derive(Clone)]
pub struct QueryDispatcher<Q, T> {
    service: BoxCloneSyncService<QueryEnvelope<Q>, T, QueryError>,
}

impl<Q: Send + Sync + 'static, T: Send + 'static> QueryDispatcher<Q, T> {
    /// Around this handler.
    pub fn new<H: QueryHandler<Q, Answer = T>>(handler: H) -> Self {
        let service = ServiceBuilder::new()
            .layer(TraceLayer { kind: "query", name: short_type_name::<Q>() })
            .layer(DeadlineLayer { timeout: QUERY_TIMEOUT })
            .service(HandlerService { handler: Arc::new(handler) });
        Self { service: BoxCloneSyncService::new(service) }
    }

    /// Dispatches one query.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn dispatch(&self, envelope: QueryEnvelope<Q>) -> Result<T, QueryError> {
        self.service.clone().oneshot(envelope).await
    }
}

impl<Q> Message for QueryEnvelope<Q> {
    fn correlation_id(&self) -> &str {
        &self.context.correlation_id
    }
}

impl DispatchError for QueryError {
    fn deadline_exceeded() -> Self {
        Self::DeadlineExceeded
    }

    fn is_fault(&self) -> bool {
        !matches!(self, Self::NotFound | Self::ProjectionBehind { .. })
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

impl<Q: Send + Sync + 'static, H: QueryHandler<Q>> Service<QueryEnvelope<Q>> for HandlerService<H> {
    type Response = H::Answer;
    type Error = QueryError;
    type Future = BoxedAnswer<H::Answer, QueryError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), QueryError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, envelope: QueryEnvelope<Q>) -> Self::Future {
        let handler = Arc::clone(&self.handler);
        Box::pin(async move { handler.handle(&envelope).await })
    }
}
