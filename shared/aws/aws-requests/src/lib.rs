//! One signed request to a service of AWS's, and its answer: a secret, a key of KMS's, an invocation -> **this** -> AWS.
//!
//! What AWS's SDK does for every service and setting, for the few that are needed here: `docs/decisions/0021-secrets-without-the-sdk.md`.

mod aws_service; // a service: its requests are signed, sent and tried again
mod connection; // to one address, over TLS, kept for the next request
mod place; // where a service is, and who vouches for it there
mod refusal; // what AWS says when it refuses

pub use aws_service::{AwsService, Limits, RequestError, Service, SigningFailure, json_request};
pub use connection::ConnectionError;

#[cfg(test)]
mod tests;
