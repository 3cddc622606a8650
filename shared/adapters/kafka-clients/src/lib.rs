//! Kafka clients on librdkafka, for the program `passbook`: they consume, administer and write dead letters. No function links
//! this crate. Commits are published by `kafka-events`; `docs/decisions/0023-kafka-without-librdkafka-in-functions.md` gives
//! the reasons.

mod client_config; // the settings of every client
mod client_context; // librdkafka's callbacks: log lines, the next token
pub mod topics; // the topics, made before the first event

pub use client_config::{client_config, client_context};
pub use client_context::KafkaClientContext;
