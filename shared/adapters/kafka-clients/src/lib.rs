//! Clients of Kafka on librdkafka, for what consumes, administers and writes dead letters: the program `passbook`. No function
//! links it: what publishes commits is `kafka-events`, and
//! `docs/decisions/0023-kafka-without-librdkafka-in-functions.md` says why.

mod client_config; // what every client is told
mod client_context; // what librdkafka calls back: log lines, the next token
pub mod topics; // the topics, made before the first event

pub use client_config::{client_config, client_context};
pub use client_context::KafkaClientContext;
