use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::DomainEvent;

/// The consistency boundary of a domain: one stream of events, one state, decided on as a whole.
///
/// # The two halves of an aggregate
///
/// * **Decide in the command methods.** `account.deposit_funds(..)` reads the state, checks every rule and
///   answers the events that follow, or the reason for its refusal. It changes nothing.
/// * **Mutate only in [`apply`](Self::apply).** It takes an event that *has happened*, so it cannot refuse
///   and has no rule left to check. Loading an account is nothing but `apply`, event after event.
///
/// Command methods are inherent methods of the implementing type and not part of this trait: a caller names
/// the one it means, and a search for that name finds every step of its way.
///
/// # State
///
/// `Self` is also what is kept beside the events as the state after them, so that a load need not fold the
/// whole stream. It may hold less than the events do: only what decisions need. Raise
/// [`STATE_VERSION`](Self::STATE_VERSION) whenever its serialized form or the meaning of `apply` changes, and
/// with every new type of event: a build that does not know the event must not decide on a state that has it in.
/// States of another version are ignored, and the events are folded instead.
pub trait AggregateRoot: Default + Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What kind of stream this is, for instance `account`; stored with every commit.
    const AGGREGATE_TYPE: &'static str;
    /// The version of the serialized state's form; see above.
    const STATE_VERSION: u32;
    /// Everything that can happen to this aggregate.
    type Event: DomainEvent;
    /// Why a command may be refused.
    type Error: std::error::Error + Clone + Send + Sync + 'static;

    /// Folds one event that has happened into the state.
    fn apply(&mut self, event: &Self::Event);
}
