use crate::{LoadError, ReadError};

/// The data that every query carries beside its own content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryContext {
    /// The caller of the query.
    pub caller: String,
    /// An id that follows the request through every log.
    pub correlation_id: String,
}

/// A query and its context: the input of a [`QueryDispatcher`](crate::QueryDispatcher).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryEnvelope<Q> {
    /// The query.
    pub query: Q,
    /// The query's context.
    pub context: QueryContext,
}

/// The reason why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The thing does not exist, or this caller may not see it. The two cases are not told apart.
    #[error("not found")]
    NotFound,
    /// The read side has not yet reached the version that the client asked for. Handling: retry shortly.
    #[error("the read side has not reached version {min_version} yet")]
    ProjectionBehind {
        /// The version that the client asked for.
        min_version: u64,
    },
    /// The database could not be reached. Handling: retry later.
    #[error("the database is unavailable")]
    Unavailable {
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Time ran out. Handling: retry later.
    #[error("the query did not end in time")]
    DeadlineExceeded,
    /// The stored data cannot be read. Handling: a person must look.
    #[error("the database holds unreadable data: {reason}")]
    Corrupt {
        /// The part of the data that does not fit.
        reason: String,
    },
}

impl From<ReadError> for QueryError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable { source } => Self::Unavailable { source },
            ReadError::Corrupt { .. } => Self::Corrupt { reason: error.to_string() },
        }
    }
}

impl From<LoadError> for QueryError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Read(error) => error.into(),
            LoadError::Undecodable { .. } => Self::Corrupt { reason: error.to_string() },
        }
    }
}
