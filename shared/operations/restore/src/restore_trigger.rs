use async_trait::async_trait;

/// Why nobody was told. Handling: log it; whoever looks for recorded restores every few minutes finds this one.
#[derive(Debug, thiserror::Error)]
#[error("nobody could be told that there is a restore to do")]
pub struct TriggerError {
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Port: tells whoever does the work that there is some. It does not wait for the work.
#[async_trait]
pub trait RestoreTrigger: Send + Sync {
    /// There is a restore to do, or to go on with.
    async fn trigger(&self) -> Result<(), TriggerError>;
}
