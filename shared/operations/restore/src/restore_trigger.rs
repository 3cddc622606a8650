use async_trait::async_trait;

/// The worker could not be told. Handling: log it. A worker looks for recorded restores every few minutes and finds
/// this restore.
#[derive(Debug, thiserror::Error)]
#[error("the worker could not be told that there is a restore to do")]
pub struct TriggerError {
    /// The adapter's error.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Port: tells the worker that there is work. It does not wait for the work.
#[async_trait]
pub trait RestoreTrigger: Send + Sync {
    /// Tells the worker that a restore must be done or continued.
    async fn trigger(&self) -> Result<(), TriggerError>;
}
