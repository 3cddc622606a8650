//! The form that the ids of accounts and transfers share: a UUIDv7 (RFC 9562), written in lower case with hyphens.

use uuid::{Builder, Uuid, Variant, Version};

/// The id of a thing that a request with an idempotency key makes. The same request must give the same id at any time,
/// so the id may hold no time. The time field is zero (1970), which no generated id has. The 74 other bits come from
/// the digest.
pub(crate) fn derived_from(digest: &[u8; 32]) -> Uuid {
    let mut random_bytes = [0; 10];
    random_bytes.copy_from_slice(&digest[..10]);
    Builder::from_unix_timestamp_millis(0, &random_bytes).into_uuid()
}

/// Whether the UUID is a UUIDv7.
pub(crate) fn is_version_7(uuid: Uuid) -> bool {
    uuid.get_version() == Some(Version::SortRand) && uuid.get_variant() == Variant::RFC4122
}

/// The UUIDv7 that this text writes in the one form of an id.
pub(crate) fn parse(text: &str) -> Option<Uuid> {
    // The parser also accepts upper case, braces and missing hyphens. An id has only one form.
    Uuid::try_parse(text).ok().filter(|uuid| is_version_7(*uuid) && uuid.as_hyphenated().to_string() == text)
}
