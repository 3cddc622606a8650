use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cqrs::{
    AggregateRoot, CommandContext, CommandEnvelope, CommandErrorOf, CommandHandler, CommandOutcome, DomainEvent,
    EventDecodeError, EventPublisher, EventSourcingHandler, EventStoreRepository, OpenedCommit, PublishError, StreamId,
    Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// An aggregate that counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    pub count: u64,
}

/// The counter went up by this number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted(pub u64);

/// The counter cannot go higher.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is full")]
pub struct Full;

impl DomainEvent for Counted {
    fn event_type(&self) -> &'static str {
        "Counted"
    }

    fn schema_version(&self) -> u32 {
        1
    }

    fn to_data(&self) -> Value {
        json!({ "by": self.0 })
    }

    fn from_data(event_type: &str, schema_version: u32, data: &Value) -> Result<Self, EventDecodeError> {
        match (event_type, schema_version, data["by"].as_u64()) {
            ("Counted", 1, Some(by)) => Ok(Self(by)),
            _ => Err(EventDecodeError::UnknownType { event_type: event_type.to_owned() }),
        }
    }
}

impl AggregateRoot for Counter {
    const AGGREGATE_TYPE: &'static str = "counter";
    const STATE_VERSION: u32 = 1;
    type Event = Counted;
    type Error = Full;

    fn apply(&mut self, event: &Counted) {
        self.count += event.0;
    }
}

/// Counts by each of these numbers in turn, all in one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountBy(pub Vec<u64>);

/// Handles [`CountBy`] on one counter.
pub struct CountByHandler {
    pub counters: EventSourcingHandler<Counter>,
}

impl CommandHandler<CountBy> for CountByHandler {
    type Aggregate = Counter;
    type Outcome = CommandOutcome<Counter>;

    async fn handle(
        &self,
        envelope: &CommandEnvelope<CountBy>,
    ) -> Result<CommandOutcome<Counter>, CommandErrorOf<Counter>> {
        let CommandEnvelope { command, context } = envelope;
        let events = |_: &cqrs::Loaded<'_, Counter>| Ok(command.0.iter().copied().map(Counted).collect());
        self.counters.execute(stream_id(), context, events).await
    }
}

/// A handler of counters on this database, without a bus.
pub fn counters(repository: Arc<dyn EventStoreRepository>) -> EventSourcingHandler<Counter> {
    EventSourcingHandler::new(repository, Arc::new(NoBus))
}

/// A bus that takes every commit and delivers none.
pub struct NoBus;

#[async_trait]
impl EventPublisher for NoBus {
    async fn publish(&self, _commit: &OpenedCommit) -> Result<(), PublishError> {
        Ok(())
    }
}

/// A bus that takes no commit.
pub struct BusThatIsAway;

#[async_trait]
impl EventPublisher for BusThatIsAway {
    async fn publish(&self, _commit: &OpenedCommit) -> Result<(), PublishError> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Err(PublishError { source: "away".into() })
    }
}

/// The stream of the only counter.
pub fn stream_id() -> StreamId {
    StreamId(Uuid::from_u128(7))
}

/// A command given at this time.
pub fn at(issued_at: &str, command: CountBy) -> CommandEnvelope<CountBy> {
    let context = CommandContext {
        caller: "ann".to_owned(),
        correlation_id: "request-1".to_owned(),
        causation_id: "request-1".to_owned(),
        idempotency: None,
        expected_version: None,
        issued_at: time(issued_at),
    };
    CommandEnvelope { command, context }
}

/// Parses a time.
pub fn time(text: &str) -> Timestamp {
    text.parse().expect("an RFC 3339 time")
}
