use cqrs::EventHandlerError;
use projection::CellError;
use sqlx::mysql::MySqlDatabaseError;

/// The reason why one try of a batch ended with nothing written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TryError {
    /// The server ended the transaction in favour of another transaction. Handling: try again, from the reads on.
    #[error("the server ended the transaction in favour of another")]
    LostRace(#[source] sqlx::Error),
    /// A row was not as it had been read, although its stream was locked. A writer works without the lock, or the rows
    /// are damaged. Handling: try again; if the error stays, a person must look.
    #[error("the rows have changed since they were read: {0}")]
    Contradicted(String),
    /// A stored row cannot be read. Handling: a person must look.
    #[error("{0}")]
    Corrupt(String),
    /// The database has no record of a projection. Handling: run `passbook prepare`, then deliver the batch again.
    #[error("a projection of {names:?} is not recorded: run `passbook prepare`")]
    NotPrepared {
        /// The projections of this build.
        names: Vec<&'static str>,
    },
    /// Any other error of the server, or on the way to the server. Handling: deliver the batch again.
    #[error(transparent)]
    Unavailable(sqlx::Error),
}

impl TryError {
    /// Whether another try may succeed at once.
    pub(crate) const fn may_pass(&self) -> bool {
        matches!(self, Self::LostRace(_) | Self::Contradicted(_))
    }
}

impl From<sqlx::Error> for TryError {
    fn from(error: sqlx::Error) -> Self {
        if is_unreadable(&error) {
            return Self::Corrupt(error.to_string());
        }
        match server_error_number(&error) {
            // The numbers are ER_LOCK_DEADLOCK, ER_LOCK_WAIT_TIMEOUT and, on MariaDB only, ER_CHECKREAD.
            Some(1213 | 1205 | 1020) => Self::LostRace(error),
            // The number is ER_DUP_ENTRY.
            Some(1062) => Self::Contradicted(error.to_string()),
            _ => Self::Unavailable(error),
        }
    }
}

impl From<CellError> for TryError {
    fn from(error: CellError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl From<TryError> for EventHandlerError {
    fn from(error: TryError) -> Self {
        match error {
            TryError::LostRace(source) | TryError::Unavailable(source) => Self::Unavailable { source: source.into() },
            error @ TryError::NotPrepared { .. } => Self::Unavailable { source: error.into() },
            TryError::Contradicted(_) | TryError::Corrupt(_) => Self::Corrupt { reason: error.to_string() },
        }
    }
}

/// Whether an answer came and cannot be decoded.
pub(crate) const fn is_unreadable(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))
}

/// The server's own error number.
pub(crate) fn server_error_number(error: &sqlx::Error) -> Option<u16> {
    Some(error.as_database_error()?.try_downcast_ref::<MySqlDatabaseError>()?.number())
}
