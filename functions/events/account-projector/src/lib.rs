//! The projector: a bus delivers account events -> **this consumer** -> the read database.
//!
//! On Lambda the bus is a Kafka event source mapping, which hands over batches of records and is told which of them
//! failed. The embedded bus calls the same consumer in its own process.

mod account_event_consumer; // events to the read database
mod account_projector_function; // a batch of records to events, and what failed back to records
mod batch_response; // which records failed, as the event source mapping reads it

pub use account_event_consumer::AccountEventConsumer;
pub use account_projector_function::AccountProjectorFunction;
pub use batch_response::{BatchItemFailure, BatchResponse, ItemIdentifier};
