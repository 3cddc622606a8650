//! In the place of AWS's Kafka event source mapping (<https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html>): it brings the
//! records of a topic to a function.
//!
//! How records are delivered:
//! - Pollers of one consumer group share the topic's partitions. A poller gathers a batch from all of its partitions, invokes the
//!   function with it, and commits only the records that the function is done with. Records that are not committed are delivered
//!   again, to the same poller or to another. So each record is delivered at least once.
//! - A failure concerns its partition alone. A batch that failed is taken apart by partitions. A partition with something left to do
//!   is paused and tried again by itself, after a pause that grows. The poller goes on with the other partitions meanwhile. It waits
//!   for an invocation under way, and never for the pause of another partition.
//! - Of a partition with failed records, the records before the first failed one are done. All records from it on are delivered
//!   again, in order. A record that failed too often goes to the dead-letter topic. Its offset is passed once the brokers have the
//!   letter.
//! - A function may err, take too long, or give an answer that the mapping does not understand. It then gets the same records
//!   again, without an end if no limit is set: nothing may be lost while a database is down. With bisecting it gets half of the
//!   records, and half of that, until the record that it cannot bear is alone.

mod backlog; // a partition's records that are not done, and how they are tried next
mod batch_answer; // the records that a function reports as failed
mod batch_invoker; // the function invoked with a batch, and what it came to
mod dead_letter_writer; // records that are given up, written to the dead-letter topic
mod gathered; // records on their way into the next batch
mod mapping; // the pollers, started and stopped
mod mapping_settings; // batch size, retries, ...
mod poller; // one consumer: takes in, delivers, commits
mod poller_context; // what the driver calls back
mod record; // a record as it stands in the event
mod stop; // the mapping is to stop, and how long work may still take

pub use mapping::{EventSourceMapping, MappingError};
pub use mapping_settings::MappingSettings;
