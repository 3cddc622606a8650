use cqrs::{ReadError, StreamId};

use crate::{RestoreStoreError, RowsChecksum};

/// The reason why a run ended before the restore did.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The event store could not be read. Handling: run again; the restore continues from its progress.
    #[error("the event store cannot be read")]
    EventStore(#[from] ReadError),
    /// The read database did not do its part of the work. Handling: see [`RestoreStoreError`].
    #[error(transparent)]
    ReadDb(#[from] RestoreStoreError),
    /// The restore names a projection that this build does not declare. Final. Handling: run the build that declares
    /// it, or request a restore of another projection.
    #[error("this build has no projection {name:?}")]
    UnknownProjection {
        /// The projection's name.
        name: String,
    },
    /// The shadow tables do not hold the rows that were written to them. Final. Handling: a person must look. The
    /// restore has failed, and the tables that queries read are unchanged.
    #[error("the shadow tables do not hold what was folded, in {place}: expected {expected:?}, found {found:?}")]
    Mismatch {
        /// The range or the streams.
        place: String,
        /// The folded rows.
        expected: RowsChecksum,
        /// The stored rows.
        found: RowsChecksum,
    },
    /// The event store is empty and the read database is not. Either it is the wrong event store, or its events are
    /// gone. Final. Handling: a person must find out the reason.
    #[error("the event store holds nothing, and the read database {of} rows: is it the right event store?")]
    NoEvents {
        /// The number of rows that queries read.
        of: u64,
    },
    /// Many rows claim events that the event store lacks, more than outside damage would explain. Either it is the
    /// wrong event store, or it was itself restored to an earlier day. Final. Handling: a person must find out the
    /// reason.
    #[error("at least {rows} of {of} rows have events that are not in the event store: is it the right one?")]
    RowsWithoutEvents {
        /// The number of such rows among the rows that were read.
        rows: u64,
        /// The number of rows that queries read.
        of: u64,
    },
    /// A row has more events than can be read of its stream, and the restore would lose them. Final. Handling: a person
    /// must look at the stream.
    #[error(
        "stream {stream_id} is at version {live_version} in the projection {projection}, and its events can be folded to \
         version {reached} only: {reason}"
    )]
    WouldLoseVersions {
        /// The projection.
        projection: &'static str,
        /// The stream.
        stream_id: StreamId,
        /// The version of the row that queries read.
        live_version: u64,
        /// The version up to which the events can be folded.
        reached: u64,
        /// The reason why the events cannot be folded further.
        reason: String,
    },
    /// A task of the restore ended by a panic. Handling: treat it as a defect. Another run continues from the progress.
    #[error("a task of the restore panicked")]
    Broken(#[from] tokio::task::JoinError),
}

impl RestoreError {
    /// Whether another run would end the same way.
    pub(crate) const fn is_final(&self) -> bool {
        match self {
            Self::Mismatch { .. }
            | Self::WouldLoseVersions { .. }
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
