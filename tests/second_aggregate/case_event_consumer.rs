//! What a bus delivers to.

use std::sync::Arc;

use async_trait::async_trait;
use cqrs::{EventConsumer, EventEnvelope, EventHandler, EventHandlerError, RejectedEvent};

/// Takes batches from a bus and applies them through the read database's projector.
pub struct CaseEventConsumer {
    projector: Arc<dyn EventHandler>,
}

impl CaseEventConsumer {
    /// To this projector.
    pub fn new(projector: Arc<dyn EventHandler>) -> Self {
        Self { projector }
    }
}

#[async_trait]
impl EventConsumer for CaseEventConsumer {
    async fn consume(&self, events: &[EventEnvelope]) -> Result<Vec<RejectedEvent>, EventHandlerError> {
        Ok(self.projector.handle(events).await?.rejected)
    }
}
