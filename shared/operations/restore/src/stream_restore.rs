use std::sync::Arc;

use cqrs::{CommitPlace, OpenedCommitScan, ReadError, StreamId, StreamRange};
use projection::AnyProjection;

use crate::commit_reader::CommitReader;
use crate::folded_page::FoldedPage;
use crate::{RestoreStore, RestoreStoreError};

/// The number of commits that are read and written at once.
const PAGE_COMMITS: u32 = 1_000;

/// The reason why a stream was not rebuilt. Its rows are unchanged.
#[derive(Debug, thiserror::Error)]
pub enum StreamRestoreError {
    /// The event store could not be read. Handling: try again.
    #[error("the event store cannot be read")]
    EventStore(#[from] ReadError),
    /// The read database did not do its part of the work. Handling: see [`RestoreStoreError`].
    #[error(transparent)]
    ReadDb(#[from] RestoreStoreError),
    /// The row has more events than can be read of the stream. Handling: a person must look.
    #[error("the row is at version {live_version}, but the events can be folded only to version {reached}: {reason}")]
    WouldLoseVersions {
        /// The version of the row.
        live_version: u64,
        /// The version up to which the events can be folded.
        reached: u64,
        /// The reason why the events cannot be folded further.
        reason: String,
    },
}

impl From<projection::CellError> for StreamRestoreError {
    fn from(error: projection::CellError) -> Self {
        Self::ReadDb(error.into())
    }
}

/// Rebuilds the rows of one stream in their place, in one transaction under the stream's lock, while the service goes
/// on.
#[derive(Clone)]
pub struct StreamRestore {
    reader: CommitReader,
    restore_store: Arc<dyn RestoreStore>,
}

impl StreamRestore {
    /// A rebuild from these commits, in this read database.
    #[must_use]
    pub fn new(commits: Arc<OpenedCommitScan>, restore_store: Arc<dyn RestoreStore>) -> Self {
        Self { reader: CommitReader::new(commits), restore_store }
    }

    /// Rebuilds the stream's rows in one projection. Answers the row's new version, or 0 if the projection has no row
    /// for such a stream.
    ///
    /// # Errors
    /// See [`StreamRestoreError`].
    pub async fn restore(
        &self,
        projection: &'static dyn AnyProjection,
        stream_id: StreamId,
    ) -> Result<u64, StreamRestoreError> {
        let mut locked = self.restore_store.lock_stream(projection, stream_id).await?;
        let mut row = None;
        let mut after: Option<CommitPlace> = None;
        loop {
            let page = self.reader.page(StreamRange::of_stream(stream_id), after, PAGE_COMMITS).await?;
            let folded = FoldedPage::of(projection, &page, row.clone())?;
            locked.add_lines(&folded.lines).await?;
            row = folded.rows.into_iter().next().map(|row| row.after).or(row);
            let reached = row.as_ref().map_or(0, projection::Cells::version);
            if let Some((_, reason)) = folded.stopped.into_iter().next() {
                if let Some(live_version) = locked.live_version().filter(|version| *version > reached) {
                    return Err(StreamRestoreError::WouldLoseVersions { live_version, reached, reason });
                }
                break;
            }
            after = page.last().map(|commit| commit.place);
            if page.len() < PAGE_COMMITS as usize {
                break;
            }
        }
        let version = row.as_ref().map_or(0, projection::Cells::version);
        locked.finish(row.as_ref()).await?;
        Ok(version)
    }
}
