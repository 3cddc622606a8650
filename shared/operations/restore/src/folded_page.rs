use cqrs::StreamId;
use projection::{AnyProjection, CellError, Cells};

use crate::commit_reader::ReadCommit;

/// A stream's row before and after a page's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldedRow {
    /// The row in the shadow table; `None` if the shadow table has no row.
    pub before: Option<Cells>,
    /// The new row for the shadow table.
    pub after: Cells,
}

/// The rows of one projection that result from a page of commits.
#[derive(Debug, Default)]
pub(crate) struct FoldedPage {
    /// Rows that have changed, in the order of their streams.
    pub(crate) rows: Vec<FoldedRow>,
    /// New lines, in the order of their keys.
    pub(crate) lines: Vec<Cells>,
    /// Streams with an event that cannot follow the events before it, and the reason. The later events were left out.
    /// The projector keeps such events waiting, too.
    pub(crate) stopped: Vec<(StreamId, String)>,
}

impl FoldedPage {
    /// Folds commits that come stream after stream, with each stream's commits in order. If the page begins in the
    /// middle of a stream, `continued` is that stream's row.
    pub(crate) fn of(
        projection: &dyn AnyProjection,
        page: &[ReadCommit],
        continued: Option<Cells>,
    ) -> Result<Self, CellError> {
        let mut folded = Self::default();
        let mut continued = continued;
        for stream in page.chunk_by(|one, next| one.place.stream_id == next.place.stream_id) {
            let stream_id = stream[0].place.stream_id;
            // Only the first stream can be the continued stream.
            let before = continued.take().filter(|row| row.stream_id() == stream_id);
            folded.fold_stream(projection, stream_id, stream, before)?;
        }
        Ok(folded)
    }

    fn fold_stream(
        &mut self,
        projection: &dyn AnyProjection,
        stream_id: StreamId,
        stream: &[ReadCommit],
        before: Option<Cells>,
    ) -> Result<(), CellError> {
        let mut fold = projection.fold_from(stream_id, before.as_ref())?;
        let first_version = fold.version();
        if let Err(reason) = self.fold_commits(projection, fold.as_mut(), stream) {
            let projection = projection.name();
            tracing::warn!(projection, %stream_id, reason, "the stream cannot be folded further");
            self.stopped.push((stream_id, reason));
        }
        if fold.version() > first_version {
            self.rows.extend(fold.row().map(|after| FoldedRow { before, after }));
        }
        Ok(())
    }

    /// Folds up to the first event that cannot be folded, and answers the reason.
    fn fold_commits(
        &mut self,
        projection: &dyn AnyProjection,
        fold: &mut dyn projection::RowFold,
        stream: &[ReadCommit],
    ) -> Result<(), String> {
        for commit in stream {
            for event in commit.events.as_ref().map_err(Clone::clone)? {
                // The row may have the event already, because a page may begin before the row's version.
                if projection.reads(&event.aggregate_type) && event.version > fold.version() {
                    self.lines.extend(fold.apply(event).map_err(|error| error.to_string())?);
                }
            }
        }
        Ok(())
    }
}

/// The number of events in these commits, of every type of aggregate.
pub(crate) fn count_events(page: &[ReadCommit]) -> u64 {
    page.iter().map(|commit| commit.events.as_ref().map_or(0, Vec::len) as u64).sum()
}
