use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::uuid_v7;

/// The id of a transfer: a UUIDv7 (RFC 9562), written in lower case with hyphens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TransferId(Uuid);

/// The text cannot be a transfer's id. Handling: answer that there is no such transfer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a UUIDv7 in lower case with hyphens")]
pub struct TransferIdError;

impl TransferId {
    /// A new id of the present time.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id of the transfer that a request with an idempotency key makes. The same request must give the same id
    /// at any time, so the id holds no time. The time field is zero (1970), which no generated id has. The 74 other
    /// bits come from the digest.
    #[must_use]
    pub fn derived_from(digest: &[u8; 32]) -> Self {
        Self(uuid_v7::derived_from(digest))
    }

    /// The UUID.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl TryFrom<Uuid> for TransferId {
    type Error = TransferIdError;

    fn try_from(uuid: Uuid) -> Result<Self, Self::Error> {
        if uuid_v7::is_version_7(uuid) { Ok(Self(uuid)) } else { Err(TransferIdError) }
    }
}

impl FromStr for TransferId {
    type Err = TransferIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        uuid_v7::parse(text).map(Self).ok_or(TransferIdError)
    }
}

impl fmt::Display for TransferId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.as_hyphenated(), formatter)
    }
}

impl From<TransferId> for String {
    fn from(id: TransferId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for TransferId {
    type Error = TransferIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_and_a_derived_id_are_read_back_from_their_text() {
        for id in [TransferId::generate(), TransferId::derived_from(&[0; 32]), TransferId::derived_from(&[255; 32])] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn other_forms_and_other_uuid_versions_are_no_transfer_ids() {
        for text in ["", "1", "0192F0C1-7A5B-7C3D-8E9F-0A1B2C3D4E5F", "0192f0c1-7a5b-4c3d-8e9f-0a1b2c3d4e5f"] {
            assert_eq!(text.parse::<TransferId>(), Err(TransferIdError), "{text}");
        }
    }
}
