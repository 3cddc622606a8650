use cqrs::EventHandlerError;
use projection::CellError;
use sql_read_db::SqlError;

/// The reason why one try of a batch ended with nothing written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TryError {
    /// A statement failed. Handling: after a lost race, or after a row that exists already, try again from the reads on. See
    /// [`SqlError`] for the others.
    #[error(transparent)]
    Statement(#[from] SqlError),
    /// A row was not as it had been read, although its stream was locked. A writer works without the lock, or the rows
    /// are damaged. Handling: try again; if the error stays, a person must look.
    #[error("the rows have changed since they were read: {0}")]
    Contradicted(String),
    /// The database has no record of a projection. Handling: run `passbook prepare`, then deliver the batch again.
    #[error("a projection of {names:?} is not recorded: run `passbook prepare`")]
    NotPrepared {
        /// The projections of this build.
        names: Vec<&'static str>,
    },
}

impl TryError {
    /// Whether another try may succeed at once.
    pub(crate) const fn may_pass(&self) -> bool {
        matches!(self, Self::Statement(SqlError::Busy(_) | SqlError::Repeated(_)) | Self::Contradicted(_))
    }
}

impl From<CellError> for TryError {
    fn from(error: CellError) -> Self {
        Self::Statement(error.into())
    }
}

impl From<TryError> for EventHandlerError {
    fn from(error: TryError) -> Self {
        match error {
            TryError::Statement(
                SqlError::Busy(source) | SqlError::Unavailable(source) | SqlError::NoSuchTable(source),
            ) => Self::Unavailable { source },
            error @ TryError::NotPrepared { .. } => Self::Unavailable { source: error.into() },
            error => Self::Corrupt { reason: error.to_string() },
        }
    }
}
