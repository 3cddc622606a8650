use std::fmt;
use std::str::FromStr;

use cqrs::{Digest, Timestamp};
use uuid::{Builder, Uuid, Version};

/// Names a restore: a UUIDv7 (RFC 9562), written in lower case with hyphens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RestoreId(Uuid);

/// What cannot be a restore's id. Handling: there is no such restore.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a UUIDv7 in lower case with hyphens")]
pub struct RestoreIdError;

/// What a restore is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestoreKind {
    /// Build the tables anew from the events.
    Rebuild,
    /// Bring back the tables that the last swap put aside, with what has happened since.
    Rollback,
}

/// How a restore stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestoreStatus {
    /// Asked for, and not ended; whether anybody is at it just now is the lease's to say.
    Running,
    /// Its tables are those that queries read.
    Succeeded,
    /// It ended before its tables were in place, and the tables that queries read were left alone.
    Failed,
}

/// A stored word that names nothing. Handling: the database is damaged or of a newer build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a word of a restore's record")]
pub struct UnknownRestoreWord;

/// A restore, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreRecord {
    /// Which.
    pub id: RestoreId,
    /// What the restore is to do.
    pub kind: RestoreKind,
    /// The name of the projection that it is of; none where it is of all.
    pub projection: Option<String>,
    /// How the restore stands.
    pub status: RestoreStatus,
    /// Events that have been read and folded.
    pub events_replayed: u64,
    /// Events that there were when they were counted, or 0; it may find more, since the service goes on.
    pub events_total: u64,
    /// Streams whose rows were not those that the events make, as far as the rows have been compared.
    pub streams_repaired: u64,
    /// Why it failed; of one that succeeded, what it left undone.
    pub failure: Option<String>,
    /// When it was asked for.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

impl RestoreId {
    /// A new id, of the present time.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id that a request with an idempotency key gives: the same request names the same restore whenever it comes
    /// again, so nothing of its time may be in the id (see `docs/decisions/0003-derived-account-ids.md`).
    #[must_use]
    pub fn derived_from(key: &Digest) -> Self {
        let mut random_bytes = [0; 10];
        random_bytes.copy_from_slice(&key.as_bytes()[..10]);
        Self(Builder::from_unix_timestamp_millis(0, &random_bytes).into_uuid())
    }

    /// The UUID.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl TryFrom<Uuid> for RestoreId {
    type Error = RestoreIdError;

    fn try_from(uuid: Uuid) -> Result<Self, Self::Error> {
        let is_v7 = uuid.get_version() == Some(Version::SortRand) && uuid.get_variant() == uuid::Variant::RFC4122;
        if is_v7 { Ok(Self(uuid)) } else { Err(RestoreIdError) }
    }
}

impl FromStr for RestoreId {
    type Err = RestoreIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = Self::try_from(Uuid::try_parse(text).map_err(|_| RestoreIdError)?)?;
        // The parser also takes upper case, braces and no hyphens; an id has one form only.
        if id.to_string() == text { Ok(id) } else { Err(RestoreIdError) }
    }
}

impl fmt::Display for RestoreId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.as_hyphenated(), formatter)
    }
}

impl RestoreKind {
    /// The word in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rebuild => "rebuild",
            Self::Rollback => "rollback",
        }
    }
}

impl FromStr for RestoreKind {
    type Err = UnknownRestoreWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "rebuild" => Ok(Self::Rebuild),
            "rollback" => Ok(Self::Rollback),
            _ => Err(UnknownRestoreWord),
        }
    }
}

impl RestoreStatus {
    /// The word of the HTTP contract and of the databases.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

impl FromStr for RestoreStatus {
    type Err = UnknownRestoreWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "running" => Ok(Self::Running),
            "succeeded" => Ok(Self::Succeeded),
            "failed" => Ok(Self::Failed),
            _ => Err(UnknownRestoreWord),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_form_and_a_key_gives_always_the_same() {
        let id = RestoreId::generate();
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "all", &id.to_string().to_uppercase(), "00000000-0000-4000-8000-000000000000"] {
            assert_eq!(text.parse::<RestoreId>(), Err(RestoreIdError), "{text}");
        }
        let derived = RestoreId::derived_from(&Digest::of(b"a key"));
        assert_eq!(derived, RestoreId::derived_from(&Digest::of(b"a key")));
        assert_ne!(derived, RestoreId::derived_from(&Digest::of(b"another")));
        assert_eq!(RestoreId::try_from(derived.as_uuid()), Ok(derived));
    }

    #[test]
    fn words_come_back_as_they_were_written() {
        for status in [RestoreStatus::Running, RestoreStatus::Succeeded, RestoreStatus::Failed] {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        for kind in [RestoreKind::Rebuild, RestoreKind::Rollback] {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
    }
}
