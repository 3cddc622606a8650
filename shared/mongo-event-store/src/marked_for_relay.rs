use async_trait::async_trait;
use cqrs::{Commit, EventPublisher, PublishError};

/// Where no bus is told of commits as they happen: each stays marked as undelivered, and whoever relays
/// [undelivered commits](crate::MongoEventStore::undelivered_commits) brings it to the bus. Nothing is published here.
#[derive(Debug, Clone, Copy)]
pub struct MarkedForRelay;

#[async_trait]
impl EventPublisher for MarkedForRelay {
    async fn publish(&self, _: &Commit) -> Result<(), PublishError> {
        Ok(())
    }
}
