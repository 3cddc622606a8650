use aggregate_root::{AggregateRoot, EventDecodeError};

use crate::{Idempotency, StreamId, Timestamp};

/// The data that every command carries beside its own content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandContext {
    /// The caller that gave the command.
    pub caller: String,
    /// An id that follows the request through every log and event that the request causes.
    pub correlation_id: String,
    /// The cause of the command: the request's correlation id, or the event that a process reacts to.
    pub causation_id: String,
    /// The client's idempotency key, if the client sent one.
    pub idempotency: Option<Idempotency>,
    /// The version that the stream must be at, if the client named one.
    pub expected_version: Option<u64>,
    /// The time at which the command was given. Its events get this time, or the time of the event before them if that
    /// is later. The clocks of two machines differ, and a stream's times never run backwards.
    pub issued_at: Timestamp,
}

/// A command and its context: the input of a [`CommandDispatcher`](crate::CommandDispatcher).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandEnvelope<C> {
    /// The command.
    pub command: C,
    /// The command's context.
    pub context: CommandContext,
}

/// The result of a command that succeeded: its events are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOutcome<A> {
    /// The stream that was written.
    pub stream_id: StreamId,
    /// The stream's version after the command.
    pub version: u64,
    /// The aggregate after the command.
    pub aggregate: A,
    /// Whether a repeated idempotency key brought the first answer again.
    pub replayed: bool,
}

/// A decision against a command. It comes from a command method, or from the check of the expected version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal<E> {
    /// The domain's rules forbid it.
    #[error(transparent)]
    Domain(#[from] E),
    /// The client named the version that it decided on, and the stream is at another version.
    #[error("the stream is at version {actual}, not at {expected}")]
    VersionMismatch {
        /// The version that the client named.
        expected: u64,
        /// The version that the stream is at.
        actual: u64,
    },
}

/// The reason why a command did not succeed. Unless a variant says otherwise, nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum CommandError<E: std::error::Error + 'static> {
    /// The command was refused. The refusal is final for this state of the aggregate. It is not remembered, so a retry
    /// is decided anew. Handling: tell the client the reason.
    #[error(transparent)]
    Refused(Refusal<E>),
    /// The idempotency key was used before, for another request. Final. Handling: the client must take a new key.
    #[error("the idempotency key was used for another request")]
    IdempotencyKeyReused,
    /// Another writer was first. The dispatcher loads and decides again, a bounded number of times. Its caller sees
    /// only the last of these errors. Handling: tell the client to retry.
    #[error("other writers were first in every try")]
    Conflict,
    /// The event store could not be reached. The commit may or may not be stored. Handling: tell the client to retry
    /// with its idempotency key.
    #[error("the event store is unavailable")]
    Unavailable {
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Time ran out. The commit may or may not be stored. Handling: as for [`Self::Unavailable`].
    #[error("the command did not end in time")]
    DeadlineExceeded,
    /// The stream holds an event that this build cannot read. Handling: see [`EventDecodeError`].
    #[error("stream {stream_id} version {version} cannot be read")]
    Undecodable {
        /// The stream.
        stream_id: StreamId,
        /// The event's version.
        version: u64,
        /// The decoder's error.
        #[source]
        source: EventDecodeError,
    },
    /// The stream holds data that is not a commit. Handling: a person must look.
    #[error("stream {stream_id} is damaged: {reason}")]
    Corrupt {
        /// The stream.
        stream_id: StreamId,
        /// The part of the data that does not fit.
        reason: String,
    },
}

/// The error of commands on the aggregate `A`.
pub type CommandErrorOf<A> = CommandError<<A as AggregateRoot>::Error>;
