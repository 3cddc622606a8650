//! Replacements on a person's machine for the AWS services around Lambda functions. The crate knows no application:
//! routes, functions, files and names are handed in. A function cannot tell the difference, in the gateway's own
//! process or in a process of its own.

// --- the replacement for API Gateway
mod gateway; // HTTP in, a function's answer out

// --- the replacement for Lambda
#[cfg(feature = "invoke")]
mod invoke; // the Invoke API, served and called, and the schedule that calls it

// --- the replacement for the Kafka event source mapping
#[cfg(feature = "kafka")]
pub mod dead_letters; // records that were given up: their form, the open letters, and publishing the records again
#[cfg(feature = "kafka")]
mod event_source_mapping; // the records of a topic, brought to a function

#[cfg(feature = "kafka")]
pub use event_source_mapping::{EventSourceMapping, MappingError, MappingSettings};
pub use gateway::{Claims, Functions, Gateway, Route, StaticFile, TokenChecker, TokenCheckerError, api_gateway_event};
#[cfg(feature = "invoke")]
pub use invoke::{EventFunction, Invocation, InvokeApi, InvokeClient, InvokeError, Schedule};
