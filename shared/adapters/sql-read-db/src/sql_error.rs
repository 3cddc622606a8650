use projection::{CellError, ReadDbError};

/// The reason why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// The database could not be reached, or did not answer in time. Handling: try again later.
    #[error("the read database is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another transaction has locked the data. Handling: try again after a pause.
    #[error("the read database's tables are in use")]
    Busy(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The row exists already. Handling: the statement's caller expects this case, or the rows are damaged.
    #[error("the row exists already: {0}")]
    Repeated(String),
    /// The table does not exist. Handling: the statement's caller expects this case, or `passbook prepare` must be run.
    #[error("there is no such table")]
    NoSuchTable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An answer cannot be decoded. Handling: a person must look.
    #[error("the read database holds unreadable data: {0}")]
    Corrupt(String),
}

impl From<CellError> for SqlError {
    fn from(error: CellError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl From<SqlError> for ReadDbError {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Unavailable(source) | SqlError::Busy(source) | SqlError::NoSuchTable(source) => {
                Self::Unavailable { source }
            }
            error @ SqlError::Repeated(_) => Self::Unavailable { source: error.into() },
            SqlError::Corrupt(reason) => Self::Corrupt { reason },
        }
    }
}

#[cfg(feature = "restore")]
impl From<SqlError> for restore::RestoreStoreError {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Busy(_) => Self::Busy,
            SqlError::Unavailable(source) | SqlError::NoSuchTable(source) => Self::Unavailable { source },
            error @ SqlError::Repeated(_) => Self::Unavailable { source: error.into() },
            SqlError::Corrupt(reason) => Self::Corrupt { reason },
        }
    }
}
