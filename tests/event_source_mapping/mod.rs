//! The event source mapping on the real Kafka, before the projector on the real MySQL. The projector runs in this
//! process behind the Invoke API, or as the function's own processes.

mod delivering; // rows arrive, whatever happens on the way
mod failing; // records that cannot be applied, and what becomes of them
mod invoking; // the Invoke API and the schedule, which need no server
mod projector; // the projector, with a handle for what a test wants to happen in it
mod topics; // a test's own topics
