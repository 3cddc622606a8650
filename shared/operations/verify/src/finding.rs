use std::fmt;

use cqrs::{Digest, StreamId, Timestamp};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// A difference from the data as it was written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The stream of the finding; `None` if the finding belongs to no stream.
    pub stream_id: Option<StreamId>,
    /// The version of the finding, if it has one. For a commit it is the first version.
    pub version: Option<u64>,
    /// The projection of the rows, if the finding is about rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub projection: Option<&'static str>,
    /// The changed database, as far as it is known.
    pub side: Side,
    /// The kind of damage.
    #[serde(flatten)]
    pub damage: Damage,
}

/// The database that a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The event store. This program cannot repair it: restore it from a backup.
    EventStore,
    /// The read database. The event store is sound as far as it was checked. Rebuilding the account repairs the
    /// finding.
    ReadDb,
    /// One of the two databases: their contents differ, and the stream shows signs of damage or is missing.
    Either,
    /// Neither is damaged. The read side stands still behind the event store, or an erasure stands still halfway.
    Behind,
}

/// The kind of a finding. The expected value comes from the hashes or from the earlier events. The found value is
/// stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Damage {
    // --- the event store
    /// A commit without a place: its stream's id or its version is invalid.
    Misplaced {
        /// A description in a few words.
        #[serde(rename = "what")]
        description: String,
    },
    /// The stored data is not a commit.
    Unreadable {
        /// The part of the data that does not fit.
        reason: String,
    },
    /// Data beside the commit, which no hash covers, does not fit the commit.
    UncoveredDiffers {
        /// A description in a few words.
        #[serde(rename = "what")]
        description: String,
    },
    /// The commit's content does not match its hash: it was edited, or it comes from another stream or version.
    HashMismatch {
        /// The hash of the stored content.
        expected: Digest,
        /// The stored hash.
        found: Digest,
    },
    /// The commit does not follow the commit before it. The earlier commit was edited and given a new hash, or commits
    /// were removed, inserted or swapped.
    PreviousHashMismatch {
        /// The hash of the commit before it; `None` before the first.
        expected: Option<Digest>,
        /// The previous hash that the commit names.
        found: Option<Digest>,
    },
    /// Versions are missing before this commit.
    VersionGap {
        /// The next version.
        expected: u64,
    },
    /// The commit begins at a version that exists already.
    Overlap {
        /// The next version.
        expected: u64,
    },
    /// The commit holds no event.
    NoEvents,
    /// The commit belongs to another kind of aggregate than the commits before it.
    AggregateTypeChanges {
        /// The stream's kind.
        expected: String,
        /// The commit's kind.
        found: String,
    },
    /// The commit happened before the one before it.
    TimeRunsBackwards {
        /// The time of the commit before it.
        not_before: Timestamp,
        /// The time of this commit.
        found: Timestamp,
    },
    /// An event that cannot be decoded. An event of a newer build is not damage: verify with that build.
    UndecodableEvent {
        /// The decoder's reason.
        reason: String,
    },
    /// An event that cannot follow the events before it.
    ImpossibleEvent {
        /// The reason.
        reason: String,
    },
    /// The state kept in the commit differs from the state that its events give.
    StateDiffers {
        /// The state that the events give.
        expected: Value,
        /// The kept state.
        found: Value,
    },
    /// The read database has rows of the stream, but has no rows for the stream's kind.
    StreamOfAnotherKind {
        /// The stream's kind.
        found: String,
    },
    /// The read side has seen a higher version of the stream than the event store has: the stream's end was cut off.
    StreamEndMissing {
        /// The stream's last version.
        found: u64,
        /// The version of the row, or of the last line.
        expected: u64,
    },
    /// The read side has rows without a stream: the stream was removed, or the rows were inserted.
    StreamMissing {
        /// The version of the row, or of the last line.
        expected: u64,
    },
    /// The commit that ended at this version has another hash than the earlier head: the stream was written anew.
    HeadDiffers {
        /// The earlier head's hash.
        expected: Digest,
        /// The stored hash.
        found: Digest,
    },
    /// No commit ends at the earlier head's version: the stream was cut off before it, or written anew.
    HeadMissing {
        /// The earlier head's hash.
        expected: Digest,
    },
    // --- the read database
    /// A row or a line without a place: its stream's id is invalid.
    RowMisplaced {
        /// A description in a few words.
        #[serde(rename = "what")]
        description: String,
    },
    /// The stream's row cannot be read.
    RowUnreadable {
        /// The part of the data that does not fit.
        reason: String,
    },
    /// A member of the stream's row differs from the value that the events up to its version give.
    RowDiffers {
        /// The member's name.
        member: &'static str,
        /// The value that the events give.
        expected: String,
        /// The stored value.
        found: String,
    },
    /// The stream has no row although it has lines, or although the wait for the row was long enough.
    RowMissing {
        /// The stream's version.
        expected: u64,
    },
    /// The row is behind the stream and has not moved during the wait. It is not damaged: the projector does not run,
    /// or an event waits among the dead letters.
    RowBehind {
        /// The stream's version.
        expected: u64,
        /// The row's version.
        found: u64,
    },
    /// The key of personal data is destroyed, no event says so, and the row still shows the data: an erasure was left
    /// halfway. Erasing once more completes it.
    ErasureUnfinished,
    /// A line cannot be read.
    LineUnreadable {
        /// The part of the data that does not fit.
        reason: String,
    },
    /// A line differs from the line that its event gives.
    LineDiffers {
        /// The member's name.
        member: &'static str,
        /// The value that the event gives.
        expected: String,
        /// The stored value.
        found: String,
    },
    /// The row includes the event, but the event's line is missing.
    LineMissing,
    /// A line at a version whose event gives no such line.
    LineWithoutEvent,
    /// The last line has a later version than the row, although both are written together.
    LinesAheadOfRow {
        /// The row's version.
        found: u64,
    },
    // --- entries of several streams, in either database
    /// A part of a joint entry is missing, and the other parts are there.
    PartMissing {
        /// The entry.
        entry: String,
        /// The name of the part.
        part: &'static str,
        /// The facts that the other parts agree on.
        expected: String,
    },
    /// A part of a joint entry differs from the other parts.
    PartDiffers {
        /// The entry.
        entry: String,
        /// The name of the part.
        part: &'static str,
        /// The facts that the other parts agree on.
        expected: String,
        /// The facts of this part.
        found: String,
    },
    /// A part of a joint entry is there more than once.
    PartRepeated {
        /// The entry.
        entry: String,
        /// The name of the part.
        part: &'static str,
    },
    /// A part of a joint entry, with which no other part agrees.
    PartAlone {
        /// The entry.
        entry: String,
        /// The name of the part.
        part: &'static str,
        /// The facts of this part.
        found: String,
    },
    /// A stream has more findings about lines than are listed.
    MoreLines {
        /// The number of further findings.
        count: u64,
    },
    /// The sum over the rows of a group is not the sum over its lines.
    TotalsDiffer {
        /// The group, for instance a currency.
        group: String,
        /// The sum over the lines.
        #[serde(serialize_with = "as_text")]
        expected: i128,
        /// The sum over the rows.
        #[serde(serialize_with = "as_text")]
        found: i128,
    },
    /// The rows do not belong to this build's projection, so they were not compared. A build repairs this.
    BuildDue {
        /// The reason, and the action to take.
        reason: String,
    },
}

/// Writes the number as text, because a reader of JSON may hold numbers as doubles.
fn as_text<S: Serializer>(number: &i128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

impl Damage {
    /// The side of such a finding, in a stream without any other finding.
    pub(crate) const fn side(&self) -> Side {
        match self {
            Self::Misplaced { .. }
            | Self::Unreadable { .. }
            | Self::UncoveredDiffers { .. }
            | Self::HashMismatch { .. }
            | Self::PreviousHashMismatch { .. }
            | Self::VersionGap { .. }
            | Self::Overlap { .. }
            | Self::NoEvents
            | Self::AggregateTypeChanges { .. }
            | Self::TimeRunsBackwards { .. }
            | Self::UndecodableEvent { .. }
            | Self::ImpossibleEvent { .. }
            | Self::StateDiffers { .. }
            | Self::HeadDiffers { .. }
            | Self::HeadMissing { .. } => Side::EventStore,
            Self::StreamEndMissing { .. } | Self::StreamMissing { .. } | Self::StreamOfAnotherKind { .. } => {
                Side::Either
            }
            Self::RowBehind { .. } | Self::ErasureUnfinished | Self::BuildDue { .. } => Side::Behind,
            Self::RowMisplaced { .. }
            | Self::RowUnreadable { .. }
            | Self::RowDiffers { .. }
            | Self::RowMissing { .. }
            | Self::LineUnreadable { .. }
            | Self::LineDiffers { .. }
            | Self::LineMissing
            | Self::LineWithoutEvent
            | Self::LinesAheadOfRow { .. }
            | Self::MoreLines { .. }
            | Self::TotalsDiffer { .. } => Side::ReadDb,
            // The parts are compared within one database, and the finding names it.
            Self::PartMissing { .. }
            | Self::PartDiffers { .. }
            | Self::PartRepeated { .. }
            | Self::PartAlone { .. } => Side::Either,
        }
    }
}

impl Finding {
    /// A finding in this stream, on the side of the damage.
    pub(crate) const fn in_stream(stream_id: StreamId, version: Option<u64>, damage: Damage) -> Self {
        Self { stream_id: Some(stream_id), version, projection: None, side: damage.side(), damage }
    }

    /// A finding in the rows of this stream in this projection.
    pub(crate) const fn in_projection(
        stream_id: StreamId,
        version: Option<u64>,
        projection: &'static str,
        damage: Damage,
    ) -> Self {
        Self { stream_id: Some(stream_id), version, projection: Some(projection), side: damage.side(), damage }
    }

    /// A finding in this projection as a whole.
    pub(crate) const fn in_all_of(projection: &'static str, damage: Damage) -> Self {
        Self { stream_id: None, version: None, projection: Some(projection), side: damage.side(), damage }
    }

    /// Whether a later check has found the same, although the account may have moved on between the two.
    pub(crate) fn is_confirmed_by(&self, later: &Self) -> bool {
        let is_same_kind = std::mem::discriminant(&self.damage) == std::mem::discriminant(&later.damage);
        let is_same_place = match (&self.damage, &later.damage) {
            // The line may have been written just after the row was read. Then the row has moved by now.
            (Damage::LinesAheadOfRow { .. }, _) => self == later,
            (Damage::RowDiffers { member, .. }, Damage::RowDiffers { member: later, .. }) => member == later,
            (Damage::RowMissing { .. } | Damage::StreamEndMissing { .. } | Damage::StreamMissing { .. }, _) => true,
            (Damage::LineDiffers { member, .. }, Damage::LineDiffers { member: later_member, .. }) => {
                member == later_member && self.version == later.version
            }
            _ => self.version == later.version,
        };
        is_same_kind && is_same_place && (self.stream_id, self.projection) == (later.stream_id, later.projection)
    }

    /// A finding in no stream.
    pub(crate) const fn in_no_stream(damage: Damage) -> Self {
        Self { stream_id: None, version: None, projection: None, side: damage.side(), damage }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::EventStore => "event store",
            Self::ReadDb => "read database",
            Self::Either => "one of the two",
            Self::Behind => "behind",
        })
    }
}

impl fmt::Display for Finding {
    /// Writes one line: the side, the place and the damage.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.side)?;
        if let Some(projection) = self.projection {
            write!(formatter, "{projection} ")?;
        }
        if let Some(stream_id) = self.stream_id {
            write!(formatter, "{stream_id} ")?;
        }
        if let Some(version) = self.version {
            write!(formatter, "version {version} ")?;
        }
        fmt::Display::fmt(&self.damage, formatter)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misplaced { description } => write!(formatter, "{description}"),
            Self::Unreadable { reason } => write!(formatter, "is not a commit: {reason}"),
            Self::UncoveredDiffers { description } => write!(formatter, "{description}"),
            Self::HashMismatch { expected, found } => {
                write!(formatter, "the content was edited: its hash is {expected}, the stored one {found}")
            }
            Self::PreviousHashMismatch { expected, found } => {
                let text = |hash: &Option<Digest>| hash.map_or_else(|| "none".to_owned(), |hash| hash.to_string());
                let (expected, found) = (text(expected), text(found));
                write!(formatter, "does not follow the commit before: {expected} was its hash, {found} is named")
            }
            Self::VersionGap { expected } => write!(formatter, "comes although version {expected} was next"),
            Self::Overlap { expected } => write!(formatter, "exists already: version {expected} was next"),
            Self::NoEvents => write!(formatter, "holds no event"),
            Self::AggregateTypeChanges { expected, found } => {
                write!(formatter, "is of the kind {found:?} in a stream of the kind {expected:?}")
            }
            Self::TimeRunsBackwards { not_before, found } => {
                write!(formatter, "happened at {found}, and the commit before it at {not_before}, which is later")
            }
            Self::UndecodableEvent { reason } => write!(formatter, "cannot be decoded: {reason}"),
            Self::ImpossibleEvent { reason } => write!(formatter, "cannot have happened: {reason}"),
            Self::StateDiffers { expected, found } => {
                write!(formatter, "keeps the state {found}, but the events give {expected}")
            }
            Self::StreamOfAnotherKind { found } => {
                write!(formatter, "is a stream of the type {found:?}, and has a row or lines that are not of this type")
            }
            Self::StreamEndMissing { found, expected } => {
                write!(formatter, "the stream ends at version {found}, but the read side has seen version {expected}")
            }
            Self::StreamMissing { expected } => {
                write!(formatter, "there is no such stream, but the read side has it at version {expected}")
            }
            Self::HeadDiffers { expected, found } => {
                write!(formatter, "has the hash {found}, and had {expected} when the heads were written")
            }
            Self::HeadMissing { expected } => {
                write!(formatter, "is missing, but had the hash {expected} when the heads were written")
            }
            Self::RowMisplaced { description } => write!(formatter, "{description}"),
            Self::RowUnreadable { reason } => write!(formatter, "the row cannot be read: {reason}"),
            Self::RowDiffers { member, expected, found } => {
                write!(formatter, "the row's {member} is {found}, but the events give {expected}")
            }
            Self::RowMissing { expected } => write!(formatter, "has no row, but the stream is at version {expected}"),
            Self::RowBehind { expected, found } => {
                write!(formatter, "the row stands still at version {found}, the stream is at {expected}")
            }
            Self::ErasureUnfinished => {
                write!(formatter, "shows personal data whose key is destroyed: erase it once more")
            }
            Self::LineUnreadable { reason } => write!(formatter, "the line cannot be read: {reason}"),
            Self::LineDiffers { member, expected, found } => {
                write!(formatter, "the line's {member} is {found}, but the event gives {expected}")
            }
            Self::LineMissing => write!(formatter, "has no line"),
            Self::LineWithoutEvent => write!(formatter, "has a line without an event"),
            Self::LinesAheadOfRow { found } => {
                write!(formatter, "has a line, and the row is at version {found}")
            }
            Self::PartMissing { entry, part, expected } => {
                write!(formatter, "{entry}: {part} is missing, and the other parts say {expected}")
            }
            Self::PartDiffers { entry, part, expected, found } => {
                write!(formatter, "{entry}: {part} says {found}, and the other parts say {expected}")
            }
            Self::PartRepeated { entry, part } => write!(formatter, "{entry}: {part} is there more than once"),
            Self::PartAlone { entry, part, found } => {
                write!(formatter, "{entry}: {part} says {found}, and no other part agrees")
            }
            Self::MoreLines { count } => write!(formatter, "and {count} more findings about its lines"),
            Self::TotalsDiffer { group, expected, found } => {
                write!(formatter, "the rows of {group} add up to {found}, and their lines to {expected}")
            }
            Self::BuildDue { reason } => write!(formatter, "{reason}"),
        }
    }
}
