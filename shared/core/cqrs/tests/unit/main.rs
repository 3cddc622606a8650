//! The core by itself: a counter for an aggregate, a list for a database, a clock that the test holds.

mod counter; // an aggregate in a few lines
mod dispatching; // bounded retries, deadlines
mod hash_chain; // what a commit's hash covers, and how commits hang together
mod memory; // an event store in memory
mod saving; // times that never run backwards, the bus, keys that were taken
