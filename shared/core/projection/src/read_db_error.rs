use cqrs::QueryError;

/// Why the read database gave no rows.
#[derive(Debug, thiserror::Error)]
pub enum ReadDbError {
    /// The database could not be reached or did not answer in time. Handling: retry later.
    #[error("the read database is unavailable")]
    Unavailable {
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A row cannot be read. Handling: a person must look; the rows can be rebuilt from the events.
    #[error("the read database holds something unreadable: {reason}")]
    Corrupt {
        /// What did not fit.
        reason: String,
    },
}

impl From<ReadDbError> for QueryError {
    fn from(error: ReadDbError) -> Self {
        match error {
            ReadDbError::Unavailable { source } => Self::Unavailable { source },
            ReadDbError::Corrupt { reason } => Self::Corrupt { reason },
        }
    }
}

impl From<crate::CellError> for ReadDbError {
    fn from(error: crate::CellError) -> Self {
        Self::Corrupt { reason: error.to_string() }
    }
}
