use serde::{Deserialize, Serialize};

use crate::Digest;

/// The data that makes a command's retry harmless. It is stored in the same commit that the command writes, under a
/// unique index of the stream. So the key costs no round trip and cannot be lost apart from its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// The client's key within its scope, as a digest. The scope (caller and path) and the key together are too long
    /// for an index. A digest also keeps another caller's key unreadable.
    pub key: Digest,
    /// A fingerprint of the request's content. The same key with another fingerprint is the client's mistake and not a
    /// retry.
    pub request_fingerprint: Digest,
}

impl Idempotency {
    /// The key and fingerprint of a request: from the caller, the request's path, the client's key, and the bytes that
    /// stand for the content.
    #[must_use]
    pub fn new(caller: &str, path: &str, key: &str, request_content: &[u8]) -> Self {
        Self {
            key: Digest::of_parts(&[caller.as_bytes(), path.as_bytes(), key.as_bytes()]),
            request_fingerprint: Digest::of(request_content),
        }
    }
}
