use std::sync::Arc;

use async_trait::async_trait;

use crate::{Commit, EventPublisher, PersonalData, PublishError};

/// Opens a commit's personal data, then publishes it: for who publishes what another process has stored. The command that
/// wrote it has it open already.
///
/// Where the keys cannot be reached nothing is published, rather than a commit whose personal data looks erased.
pub struct OpeningPublisher {
    bus: Arc<dyn EventPublisher>,
    personal_data: Arc<dyn PersonalData>,
}

impl OpeningPublisher {
    /// Publishing on this bus what these keys open.
    pub fn new(bus: Arc<dyn EventPublisher>, personal_data: Arc<dyn PersonalData>) -> Self {
        Self { bus, personal_data }
    }
}

#[async_trait]
impl EventPublisher for OpeningPublisher {
    async fn publish(&self, commit: &Commit) -> Result<(), PublishError> {
        if !commit.is_sealed() {
            return self.bus.publish(commit).await;
        }
        let mut opened = [commit.clone()];
        self.personal_data.open(&mut opened).await.map_err(|error| PublishError { source: error.into() })?;
        let [opened] = opened;
        self.bus.publish(&opened).await
    }
}
