use std::future::IntoFuture;
use std::time::Duration;

/// How long one operation may take, the search for a server included. A command is a load, an append and now
/// and then a look for its key; this bound leaves room for two operations within the dispatcher's 10 s.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(4);

/// Why an operation on the database has no answer. Handling: that of the `Unavailable` that it is the source of.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// The driver or the server says so.
    #[error(transparent)]
    Driver(#[from] mongodb::error::Error),
    /// No answer came in time.
    #[error("the database did not answer within {} s", OPERATION_TIMEOUT.as_secs())]
    TooSlow,
    /// The driver's task ended without an answer: a defect, or the runtime is shutting down.
    #[error("the database driver's task ended without an answer")]
    TaskEnded(#[source] tokio::task::JoinError),
}

/// Runs an operation as a task and waits for it as long as [`OPERATION_TIMEOUT`].
///
/// The driver has no timeout on an answer, so a server that stands still would hold a command for as long as
/// its monitor takes to notice. Nor do its futures bear being dropped halfway: a deadline around them, or a
/// client that hangs up, could leave a connection in the middle of a message. A task of its own runs on to its
/// end, whoever still waits.
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
