use std::sync::Arc;

use async_trait::async_trait;

use crate::OpenedCommit;

/// The reason why a stored commit was not published now. The command has succeeded nevertheless: a stored commit is
/// delivered later. Handling: log it.
#[derive(Debug, thiserror::Error)]
#[error("the bus did not take the commit in time")]
pub struct PublishError {
    /// The driver's error.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Port: tells a bus that a commit has been stored.
///
/// The port is called once the commit is durable. An adapter limits its own time. No commit is lost when it fails,
/// because the bus is also fed from the event store itself.
#[async_trait]
pub trait EventPublisher: Send + Sync {
    /// Hands the commit's events to the bus.
    async fn publish(&self, commit: &OpenedCommit) -> Result<(), PublishError>;

    /// Hands the events of several commits to the bus, each stream's commits in the order given. Each commit has an answer
    /// of its own.
    async fn publish_all(&self, commits: &[Arc<OpenedCommit>]) -> Vec<Result<(), PublishError>> {
        let mut answers = Vec::with_capacity(commits.len());
        for commit in commits {
            answers.push(self.publish(commit).await);
        }
        answers
    }
}
