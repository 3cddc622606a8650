use serde_json::Value;

/// Something that has happened in a domain. Events are stored for ever, so their stored form is a contract.
pub trait DomainEvent: Clone + std::fmt::Debug + PartialEq + Send + Sync + 'static {
    /// The stored name of this event's type, for instance `FundsDeposited`. Never renamed.
    fn event_type(&self) -> &'static str;

    /// The version of this event type's stored form that [`to_data`](Self::to_data) writes.
    fn schema_version(&self) -> u32;

    /// The event's data in its stored form. Integers up to 2^53 either way; what may be larger goes as text,
    /// since readers of JSON, and the commit's hash, hold numbers as IEEE 754 doubles.
    fn to_data(&self) -> Value;

    /// The members of [`to_data`](Self::to_data) that are personal data of somebody who may ask for their erasure: they
    /// are stored encrypted under a key of the stream's own, and read as `null` once that key has been destroyed. So
    /// [`from_data`](Self::from_data) must take `null` for each. Never a member that a decision depends on.
    fn personal_members(&self) -> &'static [&'static str] {
        &[]
    }

    /// Reads an event back, of this or any earlier schema version: it takes past forms to today's by
    /// [`upcast`](crate::upcast), and decodes today's alone.
    ///
    /// # Errors
    /// [`EventDecodeError`] when the type or version is not known to this build, or the data does not fit.
    fn from_data(event_type: &str, schema_version: u32, data: &Value) -> Result<Self, EventDecodeError>;
}

/// A stored event that this build cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventDecodeError {
    /// No such event type here: the event was written by a newer build, or is not of this aggregate.
    /// Handling: do not skip it; deploy a build that knows it, then read again.
    #[error("event type {event_type:?} is not known to this build")]
    UnknownType {
        /// The stored name.
        event_type: String,
    },
    /// The type is known, but not in this schema version. Handling: as for [`Self::UnknownType`].
    #[error("schema version {schema_version} of event type {event_type} is not known to this build")]
    UnknownVersion {
        /// The stored name.
        event_type: String,
        /// The stored version.
        schema_version: u32,
    },
    /// The data is not of the form that its type and version promise. Handling: the store is damaged or
    /// something else wrote to it; a person must look.
    #[error("event type {event_type} v{schema_version} is damaged: {reason}")]
    Malformed {
        /// The stored name.
        event_type: String,
        /// The stored version.
        schema_version: u32,
        /// What did not fit.
        reason: String,
    },
}
