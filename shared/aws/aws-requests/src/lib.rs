//! One signed request to an AWS service, and its answer: a secret, a key of KMS, an invocation -> **this** -> AWS.
//!
//! AWS's SDK supports every service and setting. This crate supports only the few that are needed here:
//! `docs/decisions/0021-secrets-without-the-sdk.md`.

mod aws_service; // a service: its requests are signed, sent and tried again
mod connection; // a connection to one address, over TLS, kept for the next request
mod place; // the address of a service, and the authorities that vouch for it
mod refusal; // AWS's error code and message

pub use aws_service::{AwsService, Limits, RequestError, Service, SigningFailure, json_request};
pub use connection::ConnectionError;

#[cfg(test)]
mod tests;
