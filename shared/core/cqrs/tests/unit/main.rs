//! The core's own tests, with a counter as aggregate, a list as database, and a clock that the test controls.

mod counter; // an aggregate in a few lines
mod dispatching; // bounded retries, deadlines
mod hash_chain; // the data that a commit's hash covers, and the chain of commits
mod joint; // decisions over several streams
mod lanes; // many commands at once in one process, and the faults in a group of commits
mod memory; // an event store in memory
mod saving; // times that never run backwards, the bus, keys that were used before
