use serde::{Deserialize, Serialize};

use crate::Digest;

/// What makes a command's retry harmless. It is stored in the very commit that the command writes, under a
/// unique index of the stream, so that the key costs no round trip and cannot be lost apart from its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// The client's key within its scope. A digest, since the scope (caller and path) and the key together
    /// are too long for an index, and since another caller's key must not be readable from it.
    pub key: Digest,
    /// The request's content. The same key with another fingerprint is the client's mistake, not a retry.
    pub request_fingerprint: Digest,
}

impl Idempotency {
    /// From the caller, the request's path, the client's key, and the bytes that stand for the content.
    #[must_use]
    pub fn new(caller: &str, path: &str, key: &str, request_content: &[u8]) -> Self {
        Self {
            key: Digest::of_parts(&[caller.as_bytes(), path.as_bytes(), key.as_bytes()]),
            request_fingerprint: Digest::of(request_content),
        }
    }
}
