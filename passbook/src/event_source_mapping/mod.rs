//! What AWS runs around a function, on a person's machine: a Kafka event source mapping
//! (<https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html>), a schedule, and the Invoke API that both go through. The
//! function cannot tell the difference, be it a process of its own behind `cargo lambda watch` or in this very process.
//!
//! How records are delivered:
//! - Pollers of one consumer group share the topic's partitions. Each gathers a batch from all of its partitions,
//!   invokes the function with it, and commits only what the function is done with. What a poller has not committed is
//!   delivered again, to it or to another: at least once.
//! - A failure concerns its partition alone. A batch that failed is taken apart by partitions; a partition with
//!   something left to do is paused and tried again by itself, after a pause that grows, while the poller goes on with
//!   the others. It waits for an invocation under way, never for another partition's pause.
//! - Of a partition with failed records, those before the first failed one are done; from it on all is delivered again, in
//!   order. A record that failed too often goes to the dead-letter topic, and once that has been acknowledged its
//!   offset is passed.
//! - A function that errs, answers something else than such a mapping understands, or takes too long, gets the same
//!   records again, without an end if nothing else is set: a read database that is down must lose nothing. With bisecting,
//!   half of them, and half of that, until what it cannot bear is alone.

mod backlog; // a partition's records that are not done, and what is to be done about them
mod batch_answer; // which records a function says have failed
mod dead_letter; // a failed record as AWS writes it, read and written
mod dead_letter_writer; // to the dead-letter topic
mod invoke_api; // Lambda's Invoke API for functions in this process
mod invoke_client; // Lambda's Invoke API, called
mod mapping; // the pollers, started and stopped
mod mapping_settings; // batch size, retries, ...
mod poller; // one consumer: gathers, invokes, commits
mod record; // a record of Kafka as AWS writes it
mod schedule; // a function invoked every so often

pub use dead_letter::{
    BatchInfo, Condition, DeadLetter, DeadLetterPayload, RecordInfo, RequestContext, ResponseContext,
};
pub use invoke_api::{EventFunction, InvokeApi};
pub use invoke_client::{Invocation, InvokeClient, InvokeError};
pub use mapping::{EventSourceMapping, MappingError};
pub use mapping_settings::MappingSettings;
pub use record::{HeaderBytes, RecordJson};
pub use schedule::Schedule;
