use std::fmt;
use std::str::FromStr;

use cqrs::{Digest, Timestamp};
use uuid::{Builder, Uuid, Version};

/// The id of a restore: a UUIDv7 (RFC 9562), written in lower case with hyphens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RestoreId(Uuid);

/// The text cannot be a restore's id. Handling: answer that there is no such restore.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a UUIDv7 in lower case with hyphens")]
pub struct RestoreIdError;

/// The task of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestoreKind {
    /// Build the tables anew from the events.
    Rebuild,
    /// Bring back the old tables, which the last swap put aside, and add the events since then.
    Rollback,
}

/// The status of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestoreStatus {
    /// The restore was requested and has not ended. The lease shows whether a worker works on it now.
    Running,
    /// Queries read the tables of this restore.
    Succeeded,
    /// The restore ended before its tables were in place. The tables that queries read are unchanged.
    Failed,
}

/// A stored word is not a known name. Handling: the database is damaged or belongs to a newer build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a known word of a restore's record")]
pub struct UnknownRestoreWord;

/// A restore's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreRecord {
    /// The restore's id.
    pub id: RestoreId,
    /// The restore's task.
    pub kind: RestoreKind,
    /// The name of its projection; `None` if it restores all projections.
    pub projection: Option<String>,
    /// The restore's status.
    pub status: RestoreStatus,
    /// The number of events that have been read and folded.
    pub events_replayed: u64,
    /// The number of events when they were counted, or 0. The restore may find more, because the service goes on.
    pub events_total: u64,
    /// The number of streams whose rows differed from the rows that the events give, among the compared rows.
    pub streams_repaired: u64,
    /// The reason of a failure. After a success, a note of unfinished work.
    pub failure: Option<String>,
    /// The time of the request.
    pub started_at: Timestamp,
    /// The time of its end.
    pub finished_at: Option<Timestamp>,
}

impl RestoreId {
    /// A new id of the present time.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id for a request with an idempotency key. The same request must give the same id at any time, so the id may
    /// hold no time (see `docs/decisions/0003-derived-account-ids.md`).
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
        // The parser also accepts upper case, braces and missing hyphens. An id has only one form.
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
    /// The word in the HTTP contract and in the databases.
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
