use std::future::IntoFuture;
use std::time::Duration;

/// The time limit of one operation, including the search for a server. A command is a load, an append and sometimes a
/// search for its key. This limit leaves room for two operations within the dispatcher's 10 s.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(4);

/// The reason why an operation on the database has no answer. Handling: as for the `Unavailable` error that has this
/// error as its source.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// The driver or the server reported an error.
    #[error(transparent)]
    Driver(#[from] mongodb::error::Error),
    /// No answer came in time.
    #[error("the database did not answer within {} s", OPERATION_TIMEOUT.as_secs())]
    TooSlow,
    /// The driver's task ended without an answer: a defect, or the runtime is shutting down.
    #[error("the database driver's task ended without an answer")]
    TaskEnded(#[source] tokio::task::JoinError),
}

/// Runs an operation as a task and waits for it, up to [`OPERATION_TIMEOUT`].
///
/// The driver has no time limit for an answer. So a server that stands still would hold a command until its monitor
/// notices. The driver's futures must not be dropped halfway: a deadline around them, or a client that hangs up, could
/// leave a connection in the middle of a message. A task of its own runs to its end, even if the caller no longer
/// waits.
pub async fn bounded<T, O>(operation: O) -> Result<T, OperationError>
where
    T: Send + 'static,
    O: IntoFuture<Output = mongodb::error::Result<T>> + Send + 'static,
    O::IntoFuture: Send,
{
    let task = tokio::spawn(async move { operation.await });
    match tokio::time::timeout(OPERATION_TIMEOUT, task).await {
        Ok(Ok(result)) => Ok(result?),
        Ok(Err(error)) => Err(OperationError::TaskEnded(error)),
        Err(_) => Err(OperationError::TooSlow),
    }
}
