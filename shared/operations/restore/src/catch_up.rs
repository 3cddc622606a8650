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

/// The number of streams that are looked at and written together.
const BATCH_STREAMS: u32 = 500;
/// The number of streams that are read at once.
const STREAMS_AT_ONCE: usize = 16;
/// Folded events are written once there are so many.
const BATCH_EVENTS: u64 = 2_000;
/// Up to this many rows without events are deleted without asking. They can only come from outside damage.
const FEW_ROWS: u64 = 10;
/// Above that number, rows without events are deleted only if they are at most one in this many rows.
const ROWS_TO_ONE_WITHOUT_EVENTS: u64 = 100;
/// The number of versions before a row's version at which a stream is first read again, where the row may stand in the middle of a
/// commit.
const FIRST_STEP_BACK: u64 = 64;

/// Brings the events that came meanwhile into the shadow tables.
pub(crate) struct CatchUp {
    reader: CommitReader,
    limits: RestoreLimits,
    scope: Scope,
    /// Streams whose row, or whose early event, claims a version that the stream does not reach. They are no reason for another
    /// round.
    judged: HashMap<(&'static str, StreamId), Judged>,
    /// The number of judged streams whose row makes the claim.
    rows_without_events: u64,
    /// The number of rows that queries read.
    live_rows: u64,
}

/// A claim of more events than there are.
#[derive(Debug, Clone, Copy)]
struct Judged {
    claimed: u64,
    is_row: bool,
}

/// A stream that has been followed to its end.
struct Followed {
    stream: BehindStream,
    stopped: Option<String>,
}

impl CatchUp {
    pub(crate) fn new(reader: CommitReader, limits: RestoreLimits, scope: Scope, live_rows: u64) -> Self {
        Self { reader, limits, scope, judged: HashMap::new(), rows_without_events: 0, live_rows }
    }

    /// Whether it is known that this stream claims so much beyond its events.
    pub(crate) fn is_judged(&self, projection: &dyn AnyProjection, stream_id: StreamId, version: u64) -> bool {
        self.judged.get(&(projection.name(), stream_id)).is_some_and(|judged| version <= judged.claimed)
    }

    fn judge(&mut self, key: (&'static str, StreamId), judged: Judged) -> Result<(), RestoreError> {
        let before = self.judged.insert(key, judged);
        if judged.is_row && !before.is_some_and(|before| before.is_row) {
            self.rows_without_events += 1;
        }
        let (rows, of) = (self.rows_without_events, self.live_rows);
        if rows > FEW_ROWS.max(of / ROWS_TO_ONE_WITHOUT_EVENTS) && !self.limits.is_forced {
            return Err(RestoreError::RowsWithoutEvents { rows, of });
        }
        Ok(())
    }

    /// One round over all streams that are behind in any projection: how many there were. In the `last` round a row that has more
    /// events than can be read is no longer let pass.
    ///
    /// # Errors
    /// [`RestoreError::WouldTakeBack`] in the last round; [`RestoreError::RowsWithoutEvents`]; else the databases' errors.
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
            let behind = shadow.behind(projection, after, BATCH_STREAMS).await?;
            let Some(last) = behind.last() else {
                return Ok(streams);
            };
            after = Some(last.stream_id);
            let is_full = behind.len() == BATCH_STREAMS as usize;
            let is_news = |stream: &BehindStream| {
                let judged = self.judged.get(&(projection.name(), stream.stream_id));
                judged.is_none_or(|judged| judged.claimed != claimed(stream))
            };
            let fresh: Vec<BehindStream> = behind.into_iter().filter(is_news).collect();
            streams += fresh.len() as u64;
            for followed in self.follow(projection, shadow, ranges, fresh).await? {
                self.judge_followed(projection, followed, is_last).await?;
            }
            if !is_full {
                return Ok(streams);
            }
        }
    }

    /// Judges a stream that claims more than its events give.
    async fn judge_followed(
        &mut self,
        projection: &'static dyn AnyProjection,
        followed: Followed,
        is_last: bool,
    ) -> Result<(), RestoreError> {
        let Followed { stream, stopped } = followed;
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
                Err(RestoreError::WouldTakeBack { projection, stream_id, live_version, reached, reason })
            }
            // Left to the last round: the obstacle may be gone by then.
            (Some(_), Some(_)) => Ok(()),
            (_, row) => {
                self.judge((projection, stream_id), Judged { claimed: claimed(&stream), is_row: row.is_some() })
            }
        }
    }

    /// Folds each of these streams on from its row in the shadow table, to its end. Memory holds a page of each stream that is being
    /// read and about as much that waits to be written, however far the streams are behind.
    async fn follow(
        &self,
        projection: &'static dyn AnyProjection,
        shadow: &mut dyn ShadowTables,
        ranges: &mut [RangeProgress],
        streams: Vec<BehindStream>,
    ) -> Result<Vec<Followed>, RestoreError> {
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
                    done.push(Followed { stream, stopped });
                }
            }
            batch.write(projection, shadow).await?;
        }
        Ok(done)
    }

    /// A page of the stream behind the events that the row has.
    async fn read_on(
        &self,
        projection: &'static dyn AnyProjection,
        stream: BehindStream,
    ) -> Result<(BehindStream, NextPage), RestoreError> {
        let stream_id = stream.stream_id;
        let version = stream.shadow.as_ref().map_or(0, Cells::version);
        // Nearly always a row's version is the last of a commit, so that the next commit is the first behind this place. A projector
        // may have left a row in the middle of a commit: that commit is then before this place, and the events that it has beyond
        // the row are found by stepping back.
        let mut step_back = 0;
        loop {
            let after = match version.saturating_sub(step_back) {
                0 => None,
                first_version => Some(CommitPlace { stream_id, first_version }),
            };
            // So many more that the step back does not keep the page from going on.
            let limit = self.limits.page_commits.saturating_add(u32::try_from(step_back).unwrap_or(u32::MAX));
            let page = self.reader.page(StreamRange::of_stream(stream_id), after, limit).await?;
            let begins_after_a_gap = page.first().is_none_or(|first| first.place.first_version > version + 1);
            if after.is_some() && begins_after_a_gap {
                step_back = (step_back * 2).max(FIRST_STEP_BACK);
                continue;
            }
            let is_full = page.len() == limit as usize;
            let folded = FoldedPage::of(projection, &page, stream.shadow.clone())?;
            return Ok((stream, NextPage { folded, events: count_events(&page), is_full }));
        }
    }

    /// Folds the stream from its beginning and writes nothing: why the stream cannot be folded to its end, if it cannot. A row may
    /// stand in the middle of a commit, and then reading on from the row shows nothing.
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
struct NextPage {
    folded: FoldedPage,
    events: u64,
    /// Whether the page has as many commits as were asked for.
    is_full: bool,
}

/// The changes of the streams that are being followed, to be written together.
#[derive(Default)]
struct Batch {
    change: ShadowChange,
    /// What the shadow tables hold of these streams once the change is written.
    expected: RowsChecksum,
    /// The streams, each with the version before the change.
    written: Vec<(StreamId, u64)>,
}

impl Batch {
    /// Adds a page. The stream's row is then as the page makes it.
    fn add(&mut self, stream: &mut BehindStream, page: NextPage, ranges: &mut [RangeProgress]) {
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
        let held = shadow.held_of(projection, &written).await?;
        if held == expected {
            Ok(())
        } else {
            let place = format!("{} streams of {}", written.len(), projection.name());
            Err(RestoreError::Mismatch { place, expected, held })
        }
    }
}

/// The range that a stream is in. A rollback has no ranges.
fn range_of(ranges: &mut [RangeProgress], stream_id: StreamId) -> Option<&mut RangeProgress> {
    ranges.iter_mut().find(|RangeProgress { range, .. }| {
        range.from.is_none_or(|from| from <= stream_id) && range.before.is_none_or(|before| stream_id < before)
    })
}
