use std::sync::Arc;

use async_trait::async_trait;
use cqrs::{EventConsumer, EventEnvelope, EventHandler, EventHandlerError, RejectedEvent};

/// Takes batches of account events from a bus and applies them through the read database's event handler.
pub struct AccountEventConsumer {
    event_handler: Arc<dyn EventHandler>,
}

impl AccountEventConsumer {
    /// A consumer that writes to this read database.
    #[must_use]
    pub fn new(event_handler: Arc<dyn EventHandler>) -> Self {
        Self { event_handler }
    }
}

#[async_trait]
impl EventConsumer for AccountEventConsumer {
    async fn consume(&self, events: &[EventEnvelope]) -> Result<Vec<RejectedEvent>, EventHandlerError> {
        let handled = self.event_handler.handle(events).await?;
        tracing::debug!(
            applied = handled.applied,
            repeated = handled.repeated,
            kept_early = handled.kept_early,
            foreign = handled.foreign,
            rejected = handled.rejected.len(),
            "batch applied"
        );
        Ok(handled.rejected)
    }
}
