//! The real program as a process, over HTTP.

mod accounts; // the main job
mod as_of; // an account as it stood at a time
mod callers; // tokens, scopes, and the owners of accounts
mod concurrency; // many requests at once
mod console; // the page for people
mod erasure; // the erasure of a holder's name
mod faults; // the program killed, stopped, or without its read database
mod hostile_input; // requests at the edge of the contract and beyond it
mod idempotency; // retries, and commands for one version only
mod logs; // the log lines of a request
mod old_events; // streams with forms of events that are not written any more
mod openapi; // the document compared with the program and with itself
mod queries; // lists, statements, audit trails, and reading one's own writes
mod restores; // the read side rebuilt while the service runs
mod transfer_queries; // a transfer, and an account's transfers
mod transfers; // money from one account to another, and back
mod transfers_at_once; // many transfers at once
mod verify; // changes that were made without the program
