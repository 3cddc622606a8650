use std::marker::PhantomData;

use cqrs::{AggregateRoot, DomainEvent as _, EventEnvelope, RecordedState};

use crate::Damage;

/// Any type of aggregate. Verification folds its events to compare the state that each commit keeps.
pub trait AnyAggregate: Send + Sync {
    /// See [`AggregateRoot::AGGREGATE_TYPE`].
    fn aggregate_type(&self) -> &'static str;

    /// The state of a stream before its first event.
    fn begin(&self) -> Box<dyn StateFold>;
}

/// The state of one stream as its events come.
pub trait StateFold: Send {
    /// Folds the next event.
    ///
    /// # Errors
    /// The reason why the event cannot be read.
    fn apply(&mut self, event: &EventEnvelope) -> Result<(), String>;

    /// Compares the state that a commit keeps with the state after the commit's events. A state in another build's form
    /// is not compared.
    fn compare(&self, kept: &RecordedState) -> Option<Damage>;
}

/// An aggregate that is known by its type alone.
pub struct KnownAggregate<A>(PhantomData<fn() -> A>);

impl<A: AggregateRoot> KnownAggregate<A> {
    /// The one value of this type, for a list of aggregates.
    pub const NEW: Self = Self(PhantomData);
}

impl<A: AggregateRoot> AnyAggregate for KnownAggregate<A> {
    fn aggregate_type(&self) -> &'static str {
        A::AGGREGATE_TYPE
    }

    fn begin(&self) -> Box<dyn StateFold> {
        Box::new(AggregateState(A::default()))
    }
}

struct AggregateState<A>(A);

impl<A: AggregateRoot> StateFold for AggregateState<A> {
    fn apply(&mut self, event: &EventEnvelope) -> Result<(), String> {
        let decoded = A::Event::from_data(&event.event_type, event.schema_version, &event.data);
        self.0.apply(&decoded.map_err(|error| error.to_string())?);
        Ok(())
    }

    fn compare(&self, kept: &RecordedState) -> Option<Damage> {
        if kept.state_version != A::STATE_VERSION {
            return None;
        }
        let expected = serde_json::to_value(&self.0).expect("an aggregate is plain JSON");
        (expected != kept.data).then(|| Damage::StateDiffers { expected, found: kept.data.clone() })
    }
}
