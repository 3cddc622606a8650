use async_trait::async_trait;

use crate::{EventEnvelope, EventHandlerError, RejectedEvent};

/// Takes the events that a bus delivers and passes them to an [`EventHandler`](crate::EventHandler).
#[async_trait]
pub trait EventConsumer: Send + Sync {
    /// Consumes one batch. Events in the answer were not applied, and the bus must keep them. All other events are
    /// finished.
    ///
    /// # Errors
    /// [`EventHandlerError`]: no event of the batch was applied, and it must be delivered again.
    async fn consume(&self, events: &[EventEnvelope]) -> Result<Vec<RejectedEvent>, EventHandlerError>;
}
