//! The tests that need more than one crate. They are one binary, so that it is linked once. Its modules
//! are the suites.
//!
//! Every test starts from an empty data folder of its own, so that all run side by side.

mod cold_start; // from a process's start to its first answer, for each function's artifact
mod contract; // one suite per port, run on each adapter
mod end_to_end; // the real program, over HTTP
mod event_forms; // the stored forms of an account's events, today's and earlier ones
#[cfg(feature = "services")]
mod event_relay; // the commits that a command left unpublished
#[cfg(feature = "services")]
mod event_source_mapping; // Kafka to the projector in AWS's way, and the dead letters
mod harness; // a server, a client that compares every answer with openapi.yaml, small helpers
mod import; // `passbook import`
#[cfg(feature = "services")]
mod isolation; // the effect of too many reads on writes
mod lambda_runtime; // each function's own binary, as Lambda runs it
mod layers; // which crate may know which, and docs/crates.md
#[cfg(feature = "services")]
mod outages; // the servers killed and started again
mod properties; // random commands against a plain model
mod read_models; // further read models, declared for tests alone
mod readme; // the tour, as printed
mod second_aggregate; // another domain on the same core: a court and its cases
mod verify; // every manipulation of a store is found, and a clean store has no findings
