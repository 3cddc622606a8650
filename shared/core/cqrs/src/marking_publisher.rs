use std::sync::Arc;

use async_trait::async_trait;

use crate::{DeliveryMarks, EventPublisher, OpenedCommit, PublishError};

/// Publishes a commit on a bus. Once the bus has the commit, the publisher takes the commit's mark away.
///
/// The command does not wait for that second write. The write may be lost, or the function may be frozen before it.
/// Then the relay delivers the commit once more, and consumers drop the repeated events. The command does wait for the
/// bus, so that a function has nothing to flush when it is ended.
pub struct MarkingPublisher {
    publisher: Arc<dyn EventPublisher>,
    marks: Arc<dyn DeliveryMarks>,
}

impl MarkingPublisher {
    /// A publisher on this bus, for commits that are marked there.
    pub fn new(publisher: Arc<dyn EventPublisher>, marks: Arc<dyn DeliveryMarks>) -> Self {
        Self { publisher, marks }
    }
}

#[async_trait]
impl EventPublisher for MarkingPublisher {
    async fn publish(&self, commit: &OpenedCommit) -> Result<(), PublishError> {
        self.publisher.publish(commit).await?;
        let marks = self.marks.clone();
        let (stream_id, first_version) = (commit.commit().draft.stream_id, commit.commit().draft.first_version);
        tokio::spawn(async move {
            if let Err(error) = marks.mark_delivered(stream_id, first_version).await {
                tracing::warn!(%stream_id, first_version, error = %error.source, "published, but still marked");
            }
        });
        Ok(())
    }
}
