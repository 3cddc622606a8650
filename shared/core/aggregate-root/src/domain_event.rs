use serde_json::Value;

/// An event that has happened in a domain. Events are stored for ever, so their stored form is a contract.
pub trait DomainEvent: Clone + std::fmt::Debug + PartialEq + Send + Sync + 'static {
    /// The stored name of this event's type, for instance `FundsDeposited`. It is never renamed.
    fn event_type(&self) -> &'static str;

    /// The version of this event type's stored form that [`to_data`](Self::to_data) writes.
    fn schema_version(&self) -> u32;

    /// The event's data in its stored form. Integers must lie between -2^53 and 2^53. Larger numbers are stored as
    /// text, because readers of JSON, and the commit's hash, hold numbers as IEEE 754 doubles.
    fn to_data(&self) -> Value;

    /// The members of [`to_data`](Self::to_data) that are personal data of a person who may ask for their erasure. They
    /// are stored encrypted under a key of the stream's own, and read as `null` once that key has been destroyed. So
    /// [`from_data`](Self::from_data) must accept `null` for each. A member that a decision depends on must not be
    /// among them.
    fn personal_members(&self) -> &'static [&'static str] {
        &[]
    }

    /// Reads a stored event of this or any earlier schema version. It brings past forms to today's form by
    /// [`upcast`](crate::upcast), and decodes only today's form.
    ///
    /// # Errors
    /// [`EventDecodeError`] when the type or version is not known to this build, or the data does not fit.
    fn from_data(event_type: &str, schema_version: u32, data: &Value) -> Result<Self, EventDecodeError>;
}

/// The reasons why this build cannot read a stored event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventDecodeError {
    /// This build does not know the event type. A newer build wrote the event, or it is not of this aggregate.
    /// Handling: do not skip it; deploy a build that knows it, then read again.
    #[error("event type {event_type:?} is not known to this build")]
    UnknownType {
        /// The stored name.
        event_type: String,
    },
    /// The type is known, but not this schema version. Handling: as for [`Self::UnknownType`].
    #[error("schema version {schema_version} of event type {event_type} is not known to this build")]
    UnknownVersion {
        /// The stored name.
        event_type: String,
        /// The stored version.
        schema_version: u32,
    },
    /// The data does not have the form that its type and version promise. Handling: the store is damaged, or another
    /// program wrote to it; a person must look.
    #[error("event type {event_type} v{schema_version} is damaged: {reason}")]
    Malformed {
        /// The stored name.
        event_type: String,
        /// The stored version.
        schema_version: u32,
        /// The part that did not fit.
        reason: String,
    },
}
