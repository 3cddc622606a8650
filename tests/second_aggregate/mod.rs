//! A second domain on the same core: a court's cases and their hearings. It shows that nothing below the
//! bank knows the bank, and it is the running example of `docs/your-own-aggregate.md`.

// --- the domain
mod case; // values, commands, events, state: pure
// --- around it
mod case_command_handlers; // load, decide, save
mod case_event_consumer; // takes what a bus delivers
mod case_queries; // what can be asked, answered from the read model
mod case_read_model; // a case's row, and how events become it
mod court; // all of it put together on SQLite files of its own
mod race_track; // an event store on which writers race on purpose
// --- what it shows
mod beside_accounts; // cases and accounts in one event store
mod case_given_when_then; // the domain's rules
mod guide; // the guide says what the code says
mod projecting; // repeats, early and late events, poison, restarts
mod stored_forms; // events, state, what a build cannot read
mod writing; // concurrency, idempotency, If-Match, commits of two events
