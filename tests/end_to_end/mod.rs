//! The real program as a process, over HTTP.

mod accounts; // the main job
mod as_of; // an account as it stood at a time
mod callers; // tokens, scopes, and whose account it is
mod concurrency; // many at once
mod console; // the page for people
mod erasure; // a holder's name that is to be forgotten
mod faults; // killed, stopped, robbed of its read database
mod hostile_input; // requests at the edge of the contract and beyond it
mod idempotency; // retries, and commands that are meant for one version
mod logs; // what a request leaves in the logs
mod old_events; // streams that hold forms of events that nobody writes any more
mod openapi; // the document against the program and against itself
mod queries; // lists, statements, audit trails, and reading what one has written
mod restores; // the read side rebuilt while all goes on
mod verify; // what was changed behind the program's back
