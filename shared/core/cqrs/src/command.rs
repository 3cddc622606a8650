use aggregate_root::{AggregateRoot, EventDecodeError};

use crate::{Idempotency, StreamId, Timestamp};

/// What every command carries beside its own content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandContext {
    /// Who asks.
    pub caller: String,
    /// Follows the request through every log and event that it causes.
    pub correlation_id: String,
    /// What caused the command: the request's correlation id, or the event that a process reacts to.
    pub causation_id: String,
    /// The client's key, when it sent one.
    pub idempotency: Option<Idempotency>,
    /// The version that the stream must be at, when the client said one.
    pub expected_version: Option<u64>,
    /// When the command was given. Its events happen at this time, or at that of the event before them if
    /// that is later: clocks of two machines differ, and a stream's times never run backwards.
    pub issued_at: Timestamp,
}

/// A command and its context: what a [`CommandDispatcher`](crate::CommandDispatcher) takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandEnvelope<C> {
    /// The command.
    pub command: C,
    /// What comes with it.
    pub context: CommandContext,
}

/// How a command ended that succeeded: its events are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOutcome<A> {
    /// The stream that was written.
    pub stream_id: StreamId,
    /// The stream's version after the command.
    pub version: u64,
    /// The aggregate after the command.
    pub aggregate: A,
    /// Whether this is the first answer again, given to a repeated idempotency key.
    pub replayed: bool,
}

/// A decision against a command: what a command method, or the check of the expected version, answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal<E> {
    /// The domain's rules forbid it.
    #[error(transparent)]
    Domain(#[from] E),
    /// The client said which version it decided on, and the stream is at another.
    #[error("the stream is at version {actual}, not at {expected}")]
    VersionMismatch {
        /// The version that the client named.
        expected: u64,
        /// The version that the stream is at.
        actual: u64,
    },
}

/// How a command ended that did not succeed. Unless a variant says otherwise, nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum CommandError<E: std::error::Error + 'static> {
    /// The command was refused. Final for this state of the aggregate; not remembered, so that a retry is
    /// judged anew. Handling: tell the client why.
    #[error(transparent)]
    Refused(Refusal<E>),
    /// The idempotency key came before with another request. Final. Handling: the client must take a new key.
    #[error("the idempotency key was used for another request")]
    IdempotencyKeyReused,
    /// Another writer was first. The dispatcher loads and decides again, a bounded number of times; whoever
    /// sees this error sees the last of them. Handling: tell the client to retry.
    #[error("other writers were first, every time")]
    Conflict,
    /// The event store could not be reached; the commit may or may not be stored.
    /// Handling: tell the client to retry with its idempotency key.
    #[error("the event store is unavailable")]
    Unavailable {
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Time ran out; the commit may or may not be stored. Handling: as for [`Self::Unavailable`].
    #[error("the command was not done in time")]
    DeadlineExceeded,
    /// The stream holds an event that this build cannot read. Handling: see [`EventDecodeError`].
    #[error("stream {stream_id} version {version} cannot be read")]
    Undecodable {
        /// The stream.
        stream_id: StreamId,
        /// The event's place.
        version: u64,
        /// Why.
        #[source]
        source: EventDecodeError,
    },
    /// The stream holds something that is no commit. Handling: a person must look.
    #[error("stream {stream_id} is damaged: {reason}")]
    Corrupt {
        /// The stream.
        stream_id: StreamId,
        /// What did not fit.
        reason: String,
    },
}

/// The error of commands on an aggregate.
pub type CommandErrorOf<A> = CommandError<<A as AggregateRoot>::Error>;
