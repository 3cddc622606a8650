use std::future::Future;

use crate::{QueryEnvelope, QueryError};

/// Answers one kind of query. The common work of all queries (tracing, a deadline) is done by the
/// [`QueryDispatcher`](crate::QueryDispatcher).
pub trait QueryHandler<Q>: Send + Sync + 'static {
    /// The type of the answer.
    type Answer: Send + 'static;

    /// Answers the query.
    ///
    /// # Errors
    /// See [`QueryError`].
    fn handle(&self, envelope: &QueryEnvelope<Q>) -> impl Future<Output = Result<Self::Answer, QueryError>> + Send;
}
