use std::fmt;

use cqrs::{Digest, StreamId, Timestamp};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// In which stream; none where it is in no stream.
    pub stream_id: Option<StreamId>,
    /// At which version, where it is at one: of a commit the first.
    pub version: Option<u64>,
    /// In the rows of which projection, where it is about rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub projection: Option<&'static str>,
    /// What was changed, as far as that can be told.
    pub side: Side,
    /// What it is.
    #[serde(flatten)]
    pub damage: Damage,
}

/// Which database a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The event store. Nothing here mends it: restore it from a backup.
    EventStore,
    /// The read database; the event store is sound as far as it can be told. Rebuilding the account mends it.
    ReadDb,
    /// One of the two: their contents differ, and the stream shows signs of damage, or is not there.
    Either,
    /// Neither is damaged. The read side stands still behind the event store, or an erasure stands still halfway.
    Behind,
}

/// What a finding is. What was expected comes from the hashes or from the events before; what was found is stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Damage {
    // --- the event store
    /// A commit that has no place: its stream's id or its version is none.
    Misplaced {
        /// In a few words.
        what: String,
    },
    /// What is stored is no commit.
    Unreadable {
        /// What did not fit.
        reason: String,
    },
    /// What stands beside the commit, and no hash covers, does not fit it.
    UncoveredDiffers {
        /// In a few words.
        what: String,
    },
    /// The commit's content is not that of its hash: it was edited, or it is another stream's or version's.
    HashMismatch {
        /// The hash of what is stored.
        expected: Digest,
        /// The stored hash.
        found: Digest,
    },
    /// The commit does not follow on the one before it: that one was edited and given a new hash, or commits were taken
    /// out, put in or swapped.
    PreviousHashMismatch {
        /// The hash of the commit before it; none before the first.
        expected: Option<Digest>,
        /// The hash that it names.
        found: Option<Digest>,
    },
    /// Versions are missing before this commit.
    VersionGap {
        /// The version that was next.
        expected: u64,
    },
    /// The commit begins at a version that there was already.
    Overlap {
        /// The version that was next.
        expected: u64,
    },
    /// The commit holds no event.
    NoEvents,
    /// A commit of another kind of aggregate than those before it.
    AggregateTypeChanges {
        /// The stream's kind.
        expected: String,
        /// The commit's.
        found: String,
    },
    /// The commit happened before the one before it.
    TimeRunsBackwards {
        /// When the one before happened.
        not_before: Timestamp,
        /// When this one did.
        found: Timestamp,
    },
    /// An event that cannot be understood. One of a newer build is no damage: verify with that build.
    UndecodableEvent {
        /// Why.
        reason: String,
    },
    /// An event that cannot follow on those before it.
    ImpossibleEvent {
        /// Why.
        reason: String,
    },
    /// The state kept in the commit is not what its events make of the aggregate.
    StateDiffers {
        /// What the events make.
        expected: Value,
        /// What is kept.
        found: Value,
    },
    /// The stream is of no kind that the read database has rows of, and yet there are rows.
    StreamOfAnotherKind {
        /// The stream's kind.
        found: String,
    },
    /// The read side has seen more of the stream than there is: its end was cut off.
    StreamEndMissing {
        /// The stream's last version.
        found: u64,
        /// The version that the row, or the last line, is at.
        expected: u64,
    },
    /// The read side has rows of which there is no stream: the stream was taken out, or the rows were put in.
    StreamMissing {
        /// The version that the row, or the last line, is at.
        expected: u64,
    },
    /// The commit that ended at this version has another hash than the anchor says: the stream was written anew.
    HeadDiffers {
        /// The anchor's.
        expected: Digest,
        /// The stored one.
        found: Digest,
    },
    /// No commit ends at the anchor's version: the stream was cut off before it, or written anew.
    HeadMissing {
        /// The anchor's hash.
        expected: Digest,
    },
    // --- the read database
    /// A row or a line that has no place: its stream's id is none.
    RowMisplaced {
        /// In a few words.
        what: String,
    },
    /// The stream's row cannot be read.
    RowUnreadable {
        /// What did not fit.
        reason: String,
    },
    /// A member of the stream's row differs from what the events up to its version make.
    RowDiffers {
        /// Which.
        member: &'static str,
        /// What the events make.
        expected: String,
        /// What is stored.
        found: String,
    },
    /// The stream has no row, though it has lines, or though the wait for one was long enough.
    RowMissing {
        /// The stream's version.
        expected: u64,
    },
    /// The row is behind the stream and has not moved for as long as was waited. Not damaged: the projector does not run,
    /// or an event waits among the dead letters.
    RowBehind {
        /// The stream's version.
        expected: u64,
        /// The row's.
        found: u64,
    },
    /// The key of personal data is destroyed, no event says so, and the row still shows the data: an erasure was left
    /// halfway. Erasing once more completes it.
    ErasureUnfinished,
    /// A line cannot be read.
    LineUnreadable {
        /// What did not fit.
        reason: String,
    },
    /// A line differs from the line that its event makes.
    LineDiffers {
        /// In what.
        member: &'static str,
        /// What the event makes.
        expected: String,
        /// What is stored.
        found: String,
    },
    /// The row has the event, and the event's line is not there.
    LineMissing,
    /// A line of a version whose event makes no such line.
    LineWithoutEvent,
    /// The last line is of a later version than the row: the two are written as one.
    LinesAheadOfRow {
        /// The row's version.
        found: u64,
    },
    /// A stream has more such findings than are listed.
    MoreLines {
        /// How many.
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
    /// The rows are not those of this build's projection, so that they were not compared. A build mends it.
    BuildDue {
        /// Why, and what to do.
        reason: String,
    },
}

/// As text: a reader of JSON may hold numbers as doubles.
fn as_text<S: Serializer>(number: &i128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

impl Damage {
    /// The side that such a finding is about, in a stream without any other.
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
        }
    }
}

impl Finding {
    /// In this stream, on the side that such damage is on.
    pub(crate) const fn in_stream(stream_id: StreamId, version: Option<u64>, damage: Damage) -> Self {
        Self { stream_id: Some(stream_id), version, projection: None, side: damage.side(), damage }
    }

    /// In the rows of this stream in this projection.
    pub(crate) const fn in_projection(
        stream_id: StreamId,
        version: Option<u64>,
        projection: &'static str,
        damage: Damage,
    ) -> Self {
        Self { stream_id: Some(stream_id), version, projection: Some(projection), side: damage.side(), damage }
    }

    /// In this projection as a whole.
    pub(crate) const fn in_all_of(projection: &'static str, damage: Damage) -> Self {
        Self { stream_id: None, version: None, projection: Some(projection), side: damage.side(), damage }
    }

    /// Whether a later look has seen this same finding, though the account may have moved on between the two.
    pub(crate) fn is_still(&self, later: &Self) -> bool {
        let is_same_kind = std::mem::discriminant(&self.damage) == std::mem::discriminant(&later.damage);
        let is_same_place = match (&self.damage, &later.damage) {
            // The line may only just have been written when the row had been read: then the row has moved by now.
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

    /// In no stream.
    pub(crate) const fn in_none(damage: Damage) -> Self {
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
    /// On one line: the side, the place, what it is.
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
            Self::Misplaced { what } => write!(formatter, "{what}"),
            Self::Unreadable { reason } => write!(formatter, "is no commit: {reason}"),
            Self::UncoveredDiffers { what } => write!(formatter, "{what}"),
            Self::HashMismatch { expected, found } => {
                write!(formatter, "the content was edited: its hash is {expected}, the stored one {found}")
            }
            Self::PreviousHashMismatch { expected, found } => {
                let text = |hash: &Option<Digest>| hash.map_or_else(|| "none".to_owned(), |hash| hash.to_string());
                let (expected, found) = (text(expected), text(found));
                write!(formatter, "does not follow on the commit before: {expected} was its hash, {found} is named")
            }
            Self::VersionGap { expected } => write!(formatter, "comes where version {expected} was next"),
            Self::Overlap { expected } => write!(formatter, "is there again: version {expected} was next"),
            Self::NoEvents => write!(formatter, "holds no event"),
            Self::AggregateTypeChanges { expected, found } => {
                write!(formatter, "is of the kind {found:?} in a stream of the kind {expected:?}")
            }
            Self::TimeRunsBackwards { not_before, found } => {
                write!(formatter, "happened at {found}, before the commit before it, which did at {not_before}")
            }
            Self::UndecodableEvent { reason } => write!(formatter, "cannot be understood: {reason}"),
            Self::ImpossibleEvent { reason } => write!(formatter, "cannot have happened: {reason}"),
            Self::StateDiffers { expected, found } => {
                write!(formatter, "keeps the state {found}, and the events make {expected}")
            }
            Self::StreamOfAnotherKind { found } => {
                write!(formatter, "is a stream of the type {found:?}, and has a row or lines that are not of this type")
            }
            Self::StreamEndMissing { found, expected } => {
                write!(formatter, "the stream ends at version {found}, and the read side has seen version {expected}")
            }
            Self::StreamMissing { expected } => {
                write!(formatter, "there is no such stream, and the read side has it at version {expected}")
            }
            Self::HeadDiffers { expected, found } => {
                write!(formatter, "has the hash {found}, and had {expected} when the heads were written")
            }
            Self::HeadMissing { expected } => {
                write!(formatter, "is not there, and was, with the hash {expected}, when the heads were written")
            }
            Self::RowMisplaced { what } => write!(formatter, "{what}"),
            Self::RowUnreadable { reason } => write!(formatter, "the row cannot be read: {reason}"),
            Self::RowDiffers { member, expected, found } => {
                write!(formatter, "the row's {member} is {found}, and the events make {expected}")
            }
            Self::RowMissing { expected } => write!(formatter, "has no row, and the stream is at version {expected}"),
            Self::RowBehind { expected, found } => {
                write!(formatter, "the row stands still at version {found}, the stream is at {expected}")
            }
            Self::ErasureUnfinished => {
                write!(formatter, "shows personal data whose key is destroyed: erase it once more")
            }
            Self::LineUnreadable { reason } => write!(formatter, "the line cannot be read: {reason}"),
            Self::LineDiffers { member, expected, found } => {
                write!(formatter, "the line's {member} is {found}, and the event makes {expected}")
            }
            Self::LineMissing => write!(formatter, "has no line"),
            Self::LineWithoutEvent => write!(formatter, "has a line that no event makes"),
            Self::LinesAheadOfRow { found } => {
                write!(formatter, "has a line, and the row is at version {found}")
            }
            Self::MoreLines { count } => write!(formatter, "and {count} more of its lines"),
            Self::TotalsDiffer { group, expected, found } => {
                write!(formatter, "the rows of {group} add up to {found}, and their lines to {expected}")
            }
            Self::BuildDue { reason } => write!(formatter, "{reason}"),
        }
    }
}
