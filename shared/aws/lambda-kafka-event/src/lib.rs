//! The JSON that a Kafka event source mapping sends to a Lambda function
//! (<https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html>). The local mapping writes it, the functions read
//! it, and dead letters hold it. Its form is defined only here.

mod kafka_event; // a batch of records
mod record_json; // one record of the batch
mod whole_record; // one record with its content in Kafka

pub use kafka_event::{KafkaEvent, partition_name};
pub use record_json::{RecordJson, TimestampType};
pub use whole_record::WholeRecord;
