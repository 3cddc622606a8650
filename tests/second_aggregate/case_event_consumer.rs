//! What a bus delivers to.

use std::sync::Arc;

use async_trait::async_trait;
use cqrs::{EventConsumer, EventEnvelope, EventHandler, EventHandlerError, RejectedEvent};

/// Takes batches from a bus and applies them through every event handler in turn. A bus has one checkpoint,
/// and so one consumer: where two domains share a bus, the two share this.
pub struct CaseEventConsumer {
    event_handlers: Vec<Arc<dyn EventHandler>>,
}

impl CaseEventConsumer {
    /// To these read databases.
    pub fn new(event_handlers: Vec<Arc<dyn EventHandler>>) -> Self {
        Self { event_handlers }
    }
}

#[async_trait]
impl EventConsumer for CaseEventConsumer {
    async fn consume(&self, events: Vec<EventEnvelope>) -> Result<Vec<RejectedEvent>, EventHandlerError> {
        let mut rejected = Vec::new();
        for event_handler in &self.event_handlers {
            // Should a later one fail, the bus delivers the batch again to all: to the earlier ones it is
            // then nothing but repeats.
            rejected.extend(event_handler.handle(&events).await?.rejected);
        }
        Ok(rejected)
    }
}
