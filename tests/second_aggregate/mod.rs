//! A second domain on the same core: a court's cases and their hearings. It shows that nothing below the
//! bank knows the bank, and it is the running example of `docs/your-own-aggregate.md`.
//!
//! `cases_sqlite.sql` and `cases_mysql.sql` make the tables of the read side.

// --- the domain
mod case; // values, commands, events, state: pure
// --- around it
mod case_command_handlers; // load, decide, save
mod case_event_consumer; // takes what a bus delivers
// --- the read side, by declaration
mod case_entity; // a case's row
mod case_projection; // how events become the row and the lines
mod case_queries; // what can be asked
mod case_repository; // the questions to the read database
mod docket_entry; // the lines
// --- put together
mod court; // all of it put together on SQLite files of its own
mod race_track; // an event store on which writers race on purpose
// --- what it shows
mod beside_accounts; // cases and accounts in one event store
mod case_given_when_then; // the domain's rules
mod case_projection_given_when_then; // from events to rows
mod guide; // the guide says what the code says
mod projecting; // the way through the bus: restarts, dead letters, a projection that is added later
mod restoring_and_verifying; // rows rebuilt from the events, and damage that is named
mod stored_forms; // events, state, what a build cannot read
mod writing; // concurrency, idempotency, If-Match, commits of two events

// The contract suite of the read side runs on cases, too.
pub use case::{Case, CaseEvent, HearingNumber, Verdict};
pub use case_projection::CaseProjection;
