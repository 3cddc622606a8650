use cqrs::{ReadError, StreamId};

use crate::{RestoreStoreError, RowsChecksum};

/// Why a run ended before the restore did.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The event store could not be read. Handling: run again; the restore goes on where it was.
    #[error("the event store cannot be read")]
    EventStore(#[from] ReadError),
    /// The read database did not do its part. Handling: see [`RestoreStoreError`].
    #[error(transparent)]
    ReadDb(#[from] RestoreStoreError),
    /// This build declares no projection of the name that the restore is of. Final. Handling: run the build that declares it, or
    /// ask for a restore of another projection.
    #[error("this build has no projection {name:?}")]
    UnknownProjection {
        /// The name.
        name: String,
    },
    /// The shadow tables do not hold the rows that were written to them. Final. Handling: a person must look; the restore has failed
    /// and the tables that queries read were left alone.
    #[error("the shadow tables do not hold what was folded, in {place}: expected {expected:?}, found {held:?}")]
    Mismatch {
        /// Which range or streams.
        place: String,
        /// The folded rows.
        expected: RowsChecksum,
        /// The stored rows.
        held: RowsChecksum,
    },
    /// The event store is empty and the read database is not: it is another's, or its events are gone. Final. Handling: a person
    /// must see which.
    #[error("the event store holds nothing, and the read database {of} rows: is it the right event store?")]
    NoEvents {
        /// The number of rows that queries read.
        of: u64,
    },
    /// More rows than damage from outside would explain claim events that the event store lacks: it is another's, or it was itself
    /// brought back from an earlier day. Final. Handling: a person must see which.
    #[error("at least {rows} of {of} rows have events that are not in the event store: is it the right one?")]
    RowsWithoutEvents {
        /// The number of such rows, as far as was looked.
        rows: u64,
        /// The number of rows that queries read.
        of: u64,
    },
    /// A row has more events than can be read of its stream: the restore would lose them. Final. Handling: a person must look at the
    /// stream.
    #[error(
        "stream {stream_id} is at version {live_version} in the projection {projection}, and its events can be folded to \
         version {reached} only: {reason}"
    )]
    WouldTakeBack {
        /// The projection.
        projection: &'static str,
        /// The stream.
        stream_id: StreamId,
        /// The version of the row that queries read.
        live_version: u64,
        /// The version up to which the events can be folded.
        reached: u64,
        /// Why no further.
        reason: String,
    },
    /// A task of the restore ended by a panic. Handling: as a defect; another run goes on where it was.
    #[error("a part of the restore broke")]
    Broken(#[from] tokio::task::JoinError),
}

impl RestoreError {
    /// Whether another run would end the same way.
    pub(crate) const fn is_final(&self) -> bool {
        match self {
            Self::Mismatch { .. }
            | Self::WouldTakeBack { .. }
            | Self::NoEvents { .. }
            | Self::RowsWithoutEvents { .. }
            | Self::UnknownProjection { .. } => true,
            Self::ReadDb(error) => error.is_final(),
            Self::EventStore(_) | Self::Broken(_) => false,
        }
    }
}

impl From<projection::CellError> for RestoreError {
    fn from(error: projection::CellError) -> Self {
        Self::ReadDb(error.into())
    }
}
