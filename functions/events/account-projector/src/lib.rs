//! The projector: a bus delivers account events -> **this consumer** -> the read database.
//!
//! On Lambda the bus is a Kafka event source mapping. It hands over batches of records and gets the failed records as
//! the answer. The embedded bus calls the same consumer in its own process.

mod account_event_consumer; // events to the read database
mod account_projector_function; // a batch of records to events, and failures back to records
mod batch_response; // the failed records, in the form for the event source mapping

pub use account_event_consumer::AccountEventConsumer;
pub use account_projector_function::AccountProjectorFunction;
pub use batch_response::{BatchItemFailure, BatchResponse, ItemIdentifier};
