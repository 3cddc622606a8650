use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::dispatch_log::{DispatchError, logged};
use crate::{QueryEnvelope, QueryError, QueryHandler};

/// Longer than the 2 s that a query may wait for the read side, shorter than any client's patience.
const QUERY_TIMEOUT: Duration = Duration::from_secs(8);

/// Brings a query to its handler. All queries share what is around it: a span with a log line, and a time limit.
pub struct QueryDispatcher<Q, T> {
    handler: Arc<dyn Handle<Q, T>>,
}

/// A [`QueryHandler`] of any type: a dispatcher is named by its query, not by its handler.
#[async_trait]
trait Handle<Q, T>: Send + Sync {
    async fn handle_query(&self, envelope: &QueryEnvelope<Q>) -> Result<T, QueryError>;
}

#[async_trait]
impl<Q: Sync, H: QueryHandler<Q>> Handle<Q, H::Answer> for H {
    async fn handle_query(&self, envelope: &QueryEnvelope<Q>) -> Result<H::Answer, QueryError> {
        self.handle(envelope).await
    }
}

impl<Q: Sync + 'static, T: Send + 'static> QueryDispatcher<Q, T> {
    /// Around this handler.
    pub fn new<H: QueryHandler<Q, Answer = T>>(handler: H) -> Self {
        Self { handler: Arc::new(handler) }
    }

    /// Dispatches one query.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn dispatch(&self, envelope: QueryEnvelope<Q>) -> Result<T, QueryError> {
        let handled = async {
            let answer = self.handler.handle_query(&envelope);
            tokio::time::timeout(QUERY_TIMEOUT, answer).await.unwrap_or(Err(QueryError::DeadlineExceeded))
        };
        logged::<Q, _, _>("query", &envelope.context.correlation_id, handled).await
    }
}

// Not derived: that would ask for a query and an answer that can be cloned, which the dispatcher does not hold.
impl<Q, T> Clone for QueryDispatcher<Q, T> {
    fn clone(&self) -> Self {
        Self { handler: Arc::clone(&self.handler) }
    }
}

impl DispatchError for QueryError {
    fn is_fault(&self) -> bool {
        !matches!(self, Self::NotFound | Self::ProjectionBehind { .. })
    }
}
