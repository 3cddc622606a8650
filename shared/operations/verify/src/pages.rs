use std::collections::VecDeque;

use bank_read_model::{LinePlace, ReadDbError, RowScan, ScannedLine, ScannedRow};
use cqrs::{CommitPlace, OpenedCommitScan, ReadError, ScannedOpenedCommit, StreamId, StreamRange};

/// Of anything that is read: so that memory stays flat and round trips are few.
const PAGE: u32 = 1_000;

/// What is there of one page, and whether another follows.
struct Page<T> {
    items: VecDeque<T>,
    is_last: bool,
}

impl<T> Page<T> {
    const fn before_the_first() -> Self {
        Self { items: VecDeque::new(), is_last: false }
    }

    fn of(items: Vec<T>) -> Self {
        Self { is_last: items.len() < PAGE as usize, items: items.into() }
    }

    fn must_read_on(&self) -> bool {
        self.items.is_empty() && !self.is_last
    }
}

/// The commits of a range, one after the other.
pub(crate) struct CommitPages<'a> {
    scan: &'a OpenedCommitScan,
    range: StreamRange,
    after: Option<CommitPlace>,
    page: Page<ScannedOpenedCommit>,
}

impl<'a> CommitPages<'a> {
    pub(crate) fn new(scan: &'a OpenedCommitScan, range: StreamRange) -> Self {
        Self { scan, range, after: None, page: Page::before_the_first() }
    }

    /// The stream of the next one.
    pub(crate) async fn next_stream(&mut self) -> Result<Option<StreamId>, ReadError> {
        if self.page.must_read_on() {
            self.page = Page::of(self.scan.scan(self.range, self.after, PAGE).await?);
            self.after = self.page.items.back().map(|last| last.place).or(self.after);
        }
        Ok(self.page.items.front().map(|next| next.place.stream_id))
    }

    /// The next one, if it is of this stream.
    pub(crate) async fn next_of(&mut self, stream_id: StreamId) -> Result<Option<ScannedOpenedCommit>, ReadError> {
        if self.next_stream().await? == Some(stream_id) { Ok(self.page.items.pop_front()) } else { Ok(None) }
    }
}

/// The rows of a range, one after the other.
pub(crate) struct RowPages<'a> {
    scan: &'a dyn RowScan,
    range: StreamRange,
    after: Option<StreamId>,
    page: Page<ScannedRow>,
}

impl<'a> RowPages<'a> {
    pub(crate) fn new(scan: &'a dyn RowScan, range: StreamRange) -> Self {
        Self { scan, range, after: None, page: Page::before_the_first() }
    }

    /// The stream of the next one.
    pub(crate) async fn next_stream(&mut self) -> Result<Option<StreamId>, ReadDbError> {
        if self.page.must_read_on() {
            self.page = Page::of(self.scan.rows(self.range, self.after, PAGE).await?);
            self.after = self.page.items.back().map(|last| last.stream_id).or(self.after);
        }
        Ok(self.page.items.front().map(|next| next.stream_id))
    }

    /// The next one, if it is of this stream.
    pub(crate) async fn next_of(&mut self, stream_id: StreamId) -> Result<Option<ScannedRow>, ReadDbError> {
        if self.next_stream().await? == Some(stream_id) { Ok(self.page.items.pop_front()) } else { Ok(None) }
    }
}

/// The statement lines of a range, one after the other.
pub(crate) struct LinePages<'a> {
    scan: &'a dyn RowScan,
    range: StreamRange,
    after: Option<LinePlace>,
    page: Page<ScannedLine>,
}

impl<'a> LinePages<'a> {
    pub(crate) fn new(scan: &'a dyn RowScan, range: StreamRange) -> Self {
        Self { scan, range, after: None, page: Page::before_the_first() }
    }

    /// The place of the next one.
    pub(crate) async fn next_place(&mut self) -> Result<Option<LinePlace>, ReadDbError> {
        if self.page.must_read_on() {
            self.page = Page::of(self.scan.lines(self.range, self.after, PAGE).await?);
            self.after = self.page.items.back().map(|last| last.place).or(self.after);
        }
        Ok(self.page.items.front().map(|next| next.place))
    }

    /// The next one, if it is of this stream and no later version.
    pub(crate) async fn next_up_to(
        &mut self,
        stream_id: StreamId,
        version: u64,
    ) -> Result<Option<ScannedLine>, ReadDbError> {
        let is_it = self.next_place().await?.is_some_and(|next| next.stream_id == stream_id && next.version <= version);
        if is_it { Ok(self.page.items.pop_front()) } else { Ok(None) }
    }
}
