//! The CQRS and event sourcing core. It knows no bank, no database and no AWS. See `docs/your-own-aggregate.md` for
//! building another domain on it.
//!
//! The way of a command, by module: [`CommandDispatcher`] -> [`CommandHandler`] -> [`EventSourcingHandler`] ->
//! [`EventStore`] -> [`EventStoreRepository`] (a database), then [`EventPublisher`] (a bus). The way of an event: a bus
//! -> [`EventConsumer`] -> [`EventHandler`] (a read database). The way of a query: [`QueryDispatcher`] ->
//! [`QueryHandler`].

// --- the write side
mod command; // a command with its context, its outcome and its errors
mod command_dispatcher; // log, time limit and conflict retries around one handler
mod command_handler; // loads, decides and saves, once
mod commit; // the data that one command stores: the unit of the event store
mod commit_chain; // commits of one stream, each decided on the commit before it
mod commit_queue; // stores and publishes commits; commits that wait at the same moment go together
mod commit_scan; // port: all commits, stream after stream
mod delivery_marks; // port: the marks of commits that the bus may not have
mod digest; // SHA-256 in hexadecimal
mod event_publisher; // port: tells the bus that a commit is stored
mod event_sourcing_handler; // loads, decides, saves, tells the bus; keeps the promise of the idempotency key
mod event_store; // turns events into commits and back; the hash chain; the kept state
mod event_store_repository; // port: the database of commits
mod idempotency; // the key that makes a retry harmless
mod joint_event_sourcing_handler; // the same over several streams: one decision, one append
mod lanes; // the commands on one stream wait in line, and the stream's newest state is remembered
mod marking_publisher; // publishes, then takes the mark away
mod opened_commit; // a commit whose personal data has been opened: only this type gives its events away
mod opened_commit_scan; // all commits, opened
mod opening_publisher; // opens personal data, then publishes
mod personal_data; // port: encrypts the personal data in events, and decrypts it while its key exists
mod sealed_personal_data; // an event's personal data in its stored form
// --- between the two sides
mod event_consumer; // takes the events that a bus delivers
mod event_envelope; // one event as it travels
mod event_handler; // port: applies events to a read database
// --- the read side
mod query; // a query with its context, and its errors
mod query_dispatcher; // log and time limit around one handler
mod query_handler; // answers one query
// --- both sides
mod dispatch_log; // the span and the log line around a handler

pub use aggregate_root::{
    AggregateRoot, DomainEvent, EventDecodeError, StoredForm, Timestamp, TimestampError, Upcaster, upcast,
};
pub use command::{CommandContext, CommandEnvelope, CommandError, CommandErrorOf, CommandOutcome, Refusal};
pub use command_dispatcher::{CommandDispatcher, DispatchLimits};
pub use command_handler::CommandHandler;
pub use commit::{Commit, CommitDraft, RecordedEvent, RecordedState, StreamId};
pub use commit_scan::{CommitPlace, CommitScan, EventStoreSize, ScannedCommit, StreamRange};
pub use delivery_marks::{DeliveryMarks, MarkError, Undelivered};
pub use digest::{Digest, DigestError};
pub use event_consumer::EventConsumer;
pub use event_envelope::EventEnvelope;
pub use event_handler::{EventHandler, EventHandlerError, HandledBatch, RejectedEvent};
pub use event_publisher::{EventPublisher, PublishError};
pub use event_sourcing_handler::{EventSourcingHandler, Loaded};
pub use event_store::{AfterCommit, EventStore, LoadError};
pub use event_store_repository::{AppendError, EventStoreRepository, ReadError, RunOutcome};
pub use idempotency::Idempotency;
pub use joint_event_sourcing_handler::{
    AtVersion, JointDecision, JointEventSourcingHandler, JointOutcome, JointStreams,
};
pub use marking_publisher::MarkingPublisher;
pub use opened_commit::{OpenedCommit, UnopenedCommit};
pub use opened_commit_scan::{OpenedCommitScan, ScannedOpenedCommit};
pub use opening_publisher::OpeningPublisher;
pub use personal_data::{PersonalData, PersonalDataError};
pub use query::{QueryContext, QueryEnvelope, QueryError};
pub use query_dispatcher::QueryDispatcher;
pub use query_handler::QueryHandler;
pub use sealed_personal_data::{Opening, SealedPersonalData};
