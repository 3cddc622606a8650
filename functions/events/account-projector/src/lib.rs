//! The projector: a bus delivers account events -> **this consumer** -> the read database.
//!
//! A library only, so far: the embedded bus calls it in its own process. Its `main.rs` comes with the bus
//! that triggers a function.

mod account_event_consumer;

pub use account_event_consumer::AccountEventConsumer;
