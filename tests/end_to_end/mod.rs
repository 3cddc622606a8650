//! The real program as a process, over HTTP.

mod accounts; // the main job
mod concurrency; // many at once
mod faults; // killed, stopped, robbed of its read database
