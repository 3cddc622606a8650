use async_trait::async_trait;

use crate::EventEnvelope;

/// The result of a batch of events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HandledBatch {
    /// The number of events applied, including earlier events that had waited for their turn.
    pub applied: u64,
    /// The number of events that had been applied before and were dropped.
    pub repeated: u64,
    /// The number of events ahead of their turn. They are kept until the gap before them closes.
    pub kept_early: u64,
    /// The number of events of aggregate types that are ignored on purpose.
    pub foreign: u64,
    /// Events that could not be applied. No part of them is in the read database, so the caller must keep them.
    pub rejected: Vec<RejectedEvent>,
}

impl HandledBatch {
    /// The result of two handlers of the same batch. An event that both reject is named once, with the first reason.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.applied += other.applied;
        self.repeated += other.repeated;
        self.kept_early += other.kept_early;
        self.foreign += other.foreign;
        self.rejected.extend(other.rejected);
        self.rejected.sort_by_key(|rejected| rejected.index);
        self.rejected.dedup_by_key(|rejected| rejected.index);
        self
    }
}

/// An event that could not be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedEvent {
    /// The event's place in the batch.
    pub index: usize,
    /// The reason why the event could not be applied.
    pub reason: String,
}

/// The reason why a whole batch was not handled. No event of the batch was applied.
#[derive(Debug, thiserror::Error)]
pub enum EventHandlerError {
    /// The read database could not be reached, or ended the transaction. Handling: deliver the batch again.
    #[error("the read database is unavailable")]
    Unavailable {
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The read database holds data that cannot be read. Handling: a person must look; the read database can be rebuilt
    /// from the events.
    #[error("the read database holds unreadable data: {reason}")]
    Corrupt {
        /// The part of the data that does not fit.
        reason: String,
    },
}

/// Port: applies events to a read database.
///
/// Deliveries may repeat, come early and come late. An implementation applies each stream strictly by version, and each
/// event once. It uses one transaction for a batch.
#[async_trait]
pub trait EventHandler: Send + Sync {
    /// Applies a batch.
    async fn handle(&self, events: &[EventEnvelope]) -> Result<HandledBatch, EventHandlerError>;
}
