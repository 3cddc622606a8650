use std::collections::HashMap;

use cqrs::{CommitPlace, StreamId, StreamRange};
use futures::{StreamExt as _, TryStreamExt as _};
use projection::{AnyProjection, Cells};

use crate::commit_reader::CommitReader;
use crate::folded_page::{FoldedPage, count_events};
use crate::{
    BehindStream, LinesAfter, RangeProgress, RestoreError, RestoreLimits, RowsChecksum, Scope, ShadowChange,
    ShadowTables,
};

/// The number of streams that are read and written together.
const BATCH_STREAMS: u32 = 500;
/// The number of streams that are read at once.
const STREAMS_AT_ONCE: usize = 16;
/// The number of folded events at which they are written.
const BATCH_EVENTS: u64 = 2_000;
/// Up to this many rows without events are deleted without asking. They can only come from outside damage.
const FEW_ROWS: u64 = 10;
/// Above that number, rows without events are deleted only if they are at most one in this many rows.
const ROWS_TO_ONE_WITHOUT_EVENTS: u64 = 100;
/// The number of versions by which the first step back goes before a row's version. A step back is needed if the row
/// stands in the middle of a commit.
const FIRST_STEP_BACK: u64 = 64;

/// Brings the events that arrived meanwhile into the shadow tables.
pub(crate) struct CatchUp {
    reader: CommitReader,
    limits: RestoreLimits,
    scope: Scope,
    /// Streams whose row or early event claims a version that the stream does not reach. They are no reason for another
    /// round.
    excess_claims: HashMap<(&'static str, StreamId), ExcessClaim>,
    /// The number of these streams whose row makes such a claim.
    rows_without_events: u64,
    /// The number of rows that queries read.
    live_rows: u64,
}

/// A claim of more events than the stream has.
#[derive(Debug, Clone, Copy)]
struct ExcessClaim {
    claimed: u64,
    is_row: bool,
}

/// A stream that has been followed to its end.
struct CaughtUpStream {
    stream: BehindStream,
    stopped: Option<String>,
}

impl CatchUp {
    pub(crate) fn new(reader: CommitReader, limits: RestoreLimits, scope: Scope, live_rows: u64) -> Self {
        Self { reader, limits, scope, excess_claims: HashMap::new(), rows_without_events: 0, live_rows }
    }

    /// Whether this stream is known to claim this version beyond its events.
    pub(crate) fn has_excess_claim(&self, projection: &dyn AnyProjection, stream_id: StreamId, version: u64) -> bool {
        self.excess_claims.get(&(projection.name(), stream_id)).is_some_and(|claim| version <= claim.claimed)
    }

    fn record_excess_claim(&mut self, key: (&'static str, StreamId), claim: ExcessClaim) -> Result<(), RestoreError> {
        let before = self.excess_claims.insert(key, claim);
        if claim.is_row && !before.is_some_and(|before| before.is_row) {
            self.rows_without_events += 1;
        }
        let (rows, of) = (self.rows_without_events, self.live_rows);
        if rows > FEW_ROWS.max(of / ROWS_TO_ONE_WITHOUT_EVENTS) && !self.limits.is_forced {
            return Err(RestoreError::RowsWithoutEvents { rows, of });
        }
        Ok(())
    }

    /// One round over all streams that are behind in any projection. Answers their number. In the `last` round, a row
    /// with more events than can be read is an error.
    ///
    /// # Errors
    /// [`RestoreError::WouldLoseVersions`] in the last round; [`RestoreError::RowsWithoutEvents`]; otherwise the
    /// databases' errors.
    pub(crate) async fn round(
        &mut self,
        shadow: &mut dyn ShadowTables,
        ranges: &mut [RangeProgress],
        is_last: bool,
    ) -> Result<u64, RestoreError> {
        let mut streams = 0;
        for projection in self.scope.clone() {
            streams += self.round_of(projection, shadow, ranges, is_last).await?;
        }
        Ok(streams)
    }

    async fn round_of(
        &mut self,
        projection: &'static dyn AnyProjection,
        shadow: &mut dyn ShadowTables,
        ranges: &mut [RangeProgress],
        is_last: bool,
    ) -> Result<u64, RestoreError> {
        let mut streams = 0;
        let mut after = None;
        loop {
            let behind = shadow.streams_behind(projection, after, BATCH_STREAMS).await?;
            let Some(last) = behind.last() else {
                return Ok(streams);
            };
            after = Some(last.stream_id);
            let is_full = behind.len() == BATCH_STREAMS as usize;
            let is_news = |stream: &BehindStream| {
                let known = self.excess_claims.get(&(projection.name(), stream.stream_id));
                known.is_none_or(|claim| claim.claimed != claimed(stream))
            };
            let fresh: Vec<BehindStream> = behind.into_iter().filter(is_news).collect();
            streams += fresh.len() as u64;
            for followed in self.follow(projection, shadow, ranges, fresh).await? {
                self.check_followed(projection, followed, is_last).await?;
            }
            if !is_full {
                return Ok(streams);
            }
        }
    }

    /// Judges a stream that claims more than its events give.
    async fn check_followed(
        &mut self,
        projection: &'static dyn AnyProjection,
        followed: CaughtUpStream,
        is_last: bool,
    ) -> Result<(), RestoreError> {
        let CaughtUpStream { stream, stopped } = followed;
        let reached = stream.shadow.as_ref().map_or(0, Cells::version);
        if claimed(&stream) <= reached {
            return Ok(());
        }
        let stream_id = stream.stream_id;
        let stopped = match stopped {
            Some(reason) => Some(reason),
            None => self.why_no_further(projection, stream_id).await?,
        };
        let projection = projection.name();
        match (stopped, stream.live_version.filter(|version| *version > reached)) {
            (Some(reason), Some(live_version)) if is_last => {
                Err(RestoreError::WouldLoseVersions { projection, stream_id, live_version, reached, reason })
            }
            // The decision is left to the last round, because the obstacle may be gone by then.
            (Some(_), Some(_)) => Ok(()),
            (_, row) => self.record_excess_claim(
                (projection, stream_id),
                ExcessClaim { claimed: claimed(&stream), is_row: row.is_some() },
            ),
        }
    }

    /// Folds each of these streams from its row in the shadow table to its end. Memory holds one page of each stream
    /// that is being read, and about as much that waits to be written. This does not depend on how far the streams are
    /// behind.
    async fn follow(
        &self,
        projection: &'static dyn AnyProjection,
        shadow: &mut dyn ShadowTables,
        ranges: &mut [RangeProgress],
        streams: Vec<BehindStream>,
    ) -> Result<Vec<CaughtUpStream>, RestoreError> {
        let mut done = Vec::new();
        let mut to_read = streams;
        while !to_read.is_empty() {
            let mut pages = futures::stream::iter(std::mem::take(&mut to_read))
                .map(|stream| self.read_on(projection, stream))
                .buffered(STREAMS_AT_ONCE);
            let mut batch = Batch::default();
            while let Some((mut stream, mut page)) = pages.try_next().await? {
                let stopped = page.folded.stopped.pop().map(|(_, reason)| reason);
                let is_full = page.is_full;
                batch.add(&mut stream, page, ranges);
                if batch.change.events >= BATCH_EVENTS {
                    std::mem::take(&mut batch).write(projection, shadow).await?;
                }
                if is_full && stopped.is_none() {
                    to_read.push(stream);
                } else {
                    done.push(CaughtUpStream { stream, stopped });
                }
            }
            batch.write(projection, shadow).await?;
        }
        Ok(done)
    }

    /// A page of the stream after the events that the row has.
    async fn read_on(
        &self,
        projection: &'static dyn AnyProjection,
        stream: BehindStream,
    ) -> Result<(BehindStream, StreamPage), RestoreError> {
        let stream_id = stream.stream_id;
        let version = stream.shadow.as_ref().map_or(0, Cells::version);
        // A row's version is nearly always the last version of a commit, so the next commit is the first after this
        // place. A projector may have left a row in the middle of a commit. Then that commit begins before this place,
        // and stepping back finds its remaining events.
        let mut step_back = 0;
        loop {
            let after = match version.saturating_sub(step_back) {
                0 => None,
                first_version => Some(CommitPlace { stream_id, first_version }),
            };
            // The page grows by the step back, so that it always makes progress.
            let limit = self.limits.page_commits.saturating_add(u32::try_from(step_back).unwrap_or(u32::MAX));
            let page = self.reader.page(StreamRange::of_stream(stream_id), after, limit).await?;
            let begins_after_a_gap = page.first().is_none_or(|first| first.place.first_version > version + 1);
            if after.is_some() && begins_after_a_gap {
                step_back = (step_back * 2).max(FIRST_STEP_BACK);
                continue;
            }
            let is_full = page.len() == limit as usize;
            let folded = FoldedPage::of(projection, &page, stream.shadow.clone())?;
            return Ok((stream, StreamPage { folded, events: count_events(&page), is_full }));
        }
    }

    /// Folds the stream from its beginning and writes nothing. Answers the reason if the stream cannot be folded to its
    /// end. The full fold is needed because a row may stand in the middle of a commit: then reading on from the row
    /// shows no fault.
    async fn why_no_further(
        &self,
        projection: &'static dyn AnyProjection,
        stream_id: StreamId,
    ) -> Result<Option<String>, RestoreError> {
        let range = StreamRange::of_stream(stream_id);
        let (mut row, mut after) = (None, None);
        loop {
            let page = self.reader.page(range, after, self.limits.page_commits).await?;
            let folded = FoldedPage::of(projection, &page, row.clone())?;
            if let Some((_, reason)) = folded.stopped.into_iter().next() {
                return Ok(Some(reason));
            }
            if page.len() < self.limits.page_commits as usize {
                return Ok(None);
            }
            row = folded.rows.into_iter().next().map(|row| row.after).or(row);
            after = page.last().map(|commit| commit.place);
        }
    }
}

/// The version that the row or an early event of a stream claims.
fn claimed(stream: &BehindStream) -> u64 {
    stream.live_version.max(stream.early_version).unwrap_or(0)
}

/// The next page of a stream.
struct StreamPage {
    folded: FoldedPage,
    events: u64,
    /// Whether the page has as many commits as were asked for.
    is_full: bool,
}

/// The changes of the streams that are being followed. They are written together.
#[derive(Default)]
struct Batch {
    change: ShadowChange,
    /// The checksum that the shadow tables must have for these streams after the change.
    expected: RowsChecksum,
    /// The streams, each with the version before the change.
    written: Vec<(StreamId, u64)>,
}

impl Batch {
    /// Adds a page. Afterwards the stream has the row that results from the page.
    fn add(&mut self, stream: &mut BehindStream, page: StreamPage, ranges: &mut [RangeProgress]) {
        self.change.events += page.events;
        for row in page.folded.rows {
            self.expected.add_row(&row.after);
            self.written.push((stream.stream_id, row.before.as_ref().map_or(0, Cells::version)));
            if let Some(range) = range_of(ranges, stream.stream_id) {
                range.folded.replace_row(row.before.as_ref(), &row.after);
                page.folded.lines.iter().for_each(|line| range.folded.add_line(line));
                self.change.ranges.retain(|other| other.number != range.number);
                self.change.ranges.push(*range);
            }
            stream.shadow = Some(row.after.clone());
            self.change.rows.push(row);
        }
        page.folded.lines.iter().for_each(|line| self.expected.add_line(line));
        self.change.lines.extend(page.folded.lines);
    }

    async fn write(
        self,
        projection: &'static dyn AnyProjection,
        shadow: &mut dyn ShadowTables,
    ) -> Result<(), RestoreError> {
        let Self { mut change, expected, written } = self;
        if change.rows.is_empty() {
            return Ok(());
        }
        if let Some(table) = projection.line_table() {
            let after =
                |(stream_id, version): &(StreamId, u64)| LinesAfter { table, stream_id: *stream_id, version: *version };
            change.cleared_lines = written.iter().map(after).collect();
        }
        shadow.write(&change).await?;
        let found = shadow.checksum_of_streams(projection, &written).await?;
        if found == expected {
            Ok(())
        } else {
            let place = format!("{} streams of {}", written.len(), projection.name());
            Err(RestoreError::Mismatch { place, expected, found })
        }
    }
}

/// The range that a stream is in. A rollback has no ranges.
fn range_of(ranges: &mut [RangeProgress], stream_id: StreamId) -> Option<&mut RangeProgress> {
    ranges.iter_mut().find(|RangeProgress { range, .. }| {
        range.from.is_none_or(|from| from <= stream_id) && range.before.is_none_or(|before| stream_id < before)
    })
}
