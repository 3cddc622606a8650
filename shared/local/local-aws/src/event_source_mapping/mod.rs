//! A replacement for AWS's Kafka event source mapping (<https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html>).
//! It brings the records of a topic to a function.
//!
//! How records are delivered:
//! - Pollers of one consumer group share the topic's partitions. A poller gathers a batch from all of its partitions
//!   and invokes the function with it. It commits only the finished records. Records that are not committed are
//!   delivered again, to the same poller or to another. So each record is delivered at least once.
//! - A failure concerns its partition alone. A batch that failed is taken apart by partitions. A partition with
//!   unfinished records is paused and tried again by itself, after a pause that grows. The poller goes on with the
//!   other partitions meanwhile. It waits for an invocation under way, and never for the pause of another partition.
//! - Of a partition with failed records, the records before the first failed record are finished. All records from
//!   there on are delivered again, in order. A record that failed too often goes to the dead-letter topic. Its offset
//!   is passed once the brokers have the letter.
//! - A function may fail, take too long, or give an answer that the mapping does not understand. It then gets the same
//!   records again, without end if no limit is set: nothing may be lost while a database is down. With bisecting it
//!   gets half of the records, and half of that, until the record that causes the failure is alone.

mod backlog; // a partition's unfinished records, and the plan for their next try
mod batch_answer; // the records that a function reports as failed
mod batch_invoker; // invokes the function with a batch, and judges the result
mod dead_letter_writer; // writes records that are given up to the dead-letter topic
mod gathered; // records on their way into the next batch
mod mapping; // the pollers, started and stopped
mod mapping_settings; // batch size, retries, ...
mod poller; // one consumer: takes in, delivers, commits
mod poller_context; // the driver's callbacks
mod record; // a record in the event's form
mod stop; // tells pollers to stop, and limits the time of work under way

pub use mapping::{EventSourceMapping, MappingError};
pub use mapping_settings::MappingSettings;
