use std::future::Future;

use crate::{QueryEnvelope, QueryError};

/// Answers one kind of query. What every query shares (tracing, a deadline) is the
/// [`QueryDispatcher`](crate::QueryDispatcher)'s.
pub trait QueryHandler<Q>: Send + Sync + 'static {
    /// What it answers.
    type Answer: Send + 'static;

    /// Answers the query.
    ///
    /// # Errors
    /// See [`QueryError`].
    fn handle(&self, envelope: &QueryEnvelope<Q>) -> impl Future<Output = Result<Self::Answer, QueryError>> + Send;
}
