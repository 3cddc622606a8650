use std::sync::Arc;

use async_trait::async_trait;

use crate::{DeliveryMarks, EventPublisher, OpenedCommit, PublishError};

/// Publishes on a bus and, once the bus has the commit, takes its mark away.
///
/// The command does not wait for that second write: should it be lost, or the function be frozen before it, the relay
/// delivers the commit once more, and consumers drop what they had. For the bus it does wait, so that a function has
/// nothing to flush when it is ended.
pub struct MarkingPublisher {
    bus: Arc<dyn EventPublisher>,
    marks: Arc<dyn DeliveryMarks>,
}

impl MarkingPublisher {
    /// Publishing on this bus what is marked there.
    pub fn new(bus: Arc<dyn EventPublisher>, marks: Arc<dyn DeliveryMarks>) -> Self {
        Self { bus, marks }
    }
}

#[async_trait]
impl EventPublisher for MarkingPublisher {
    async fn publish(&self, commit: &OpenedCommit) -> Result<(), PublishError> {
        self.bus.publish(commit).await?;
        let marks = self.marks.clone();
        let (stream_id, first_version) = (commit.commit().draft.stream_id, commit.commit().draft.first_version);
        tokio::spawn(async move {
            if let Err(error) = marks.mark_delivered(stream_id, first_version).await {
                tracing::warn!(%stream_id, first_version, error = %error.source, "published, and still marked");
            }
        });
        Ok(())
    }
}
