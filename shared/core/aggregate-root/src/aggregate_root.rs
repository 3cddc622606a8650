use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::DomainEvent;

/// The consistency boundary of a domain: one stream of events with one state. Decisions are made on it as a
/// whole.
///
/// # The two halves of an aggregate
///
/// * **Decide in the command methods.** `account.deposit_funds(..)` reads the state and checks every rule. It
///   returns the events that follow, or the reason for its refusal. It changes nothing.
/// * **Mutate only in [`apply`](Self::apply).** It takes an event that *has happened*. So it cannot refuse, and
///   it has no rule to check. Loading an account means calling `apply`, event after event.
///
/// Command methods are inherent methods of the implementing type and not part of this trait. A caller names the
/// method that it means, and a search for that name finds every step of its way.
///
/// # State
///
/// `Self` is also stored beside the events, as the state after them. So a load need not fold the whole stream.
/// The state may hold less than the events do: only the data that decisions need. Raise
/// [`STATE_VERSION`](Self::STATE_VERSION) whenever its serialized form or the meaning of `apply` changes. Raise
/// it also with every new type of event: a build that does not know the event must not decide on a state that
/// includes it. States of another version are ignored, and the events are folded instead.
pub trait AggregateRoot: Default + Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The kind of the stream, for instance `account`. It is stored with every commit.
    const AGGREGATE_TYPE: &'static str;
    /// The version of the serialized state's form; see above.
    const STATE_VERSION: u32;
    /// All events that can happen to this aggregate.
    type Event: DomainEvent;
    /// The reasons why a command may be refused.
    type Error: std::error::Error + Clone + Send + Sync + 'static;

    /// Folds one event that has happened into the state.
    fn apply(&mut self, event: &Self::Event);
}
