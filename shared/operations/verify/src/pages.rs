use std::collections::VecDeque;

use cqrs::{CommitPlace, OpenedCommitScan, ReadError, ScannedOpenedCommit, StreamId, StreamRange};
use projection::{LinePlace, ReadDbError, RowScan, ScannedLine, ScannedRow, Table};

/// The number of items in a page. It is large enough for few round trips, and small enough for little memory.
const PAGE: u32 = 1_000;

/// The remaining items of one page, and whether another page follows.
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
    commits: &'a OpenedCommitScan,
    range: StreamRange,
    after: Option<CommitPlace>,
    page: Page<ScannedOpenedCommit>,
}

impl<'a> CommitPages<'a> {
    pub(crate) const fn new(commits: &'a OpenedCommitScan, range: StreamRange) -> Self {
        Self { commits, range, after: None, page: Page::before_the_first() }
    }

    /// The stream of the next commit.
    pub(crate) async fn next_stream(&mut self) -> Result<Option<StreamId>, ReadError> {
        if self.page.must_read_on() {
            self.page = Page::of(self.commits.scan(self.range, self.after, PAGE).await?);
            self.after = self.page.items.back().map(|last| last.place).or(self.after);
        }
        Ok(self.page.items.front().map(|next| next.place.stream_id))
    }

    /// The next commit, if it is of this stream.
    pub(crate) async fn next_of(&mut self, stream_id: StreamId) -> Result<Option<ScannedOpenedCommit>, ReadError> {
        if self.next_stream().await? == Some(stream_id) { Ok(self.page.items.pop_front()) } else { Ok(None) }
    }
}

/// The rows of a range in one table, one after the other.
pub(crate) struct RowPages<'a> {
    row_scan: &'a dyn RowScan,
    table: &'static Table,
    range: StreamRange,
    after: Option<StreamId>,
    page: Page<ScannedRow>,
}

impl<'a> RowPages<'a> {
    pub(crate) const fn new(row_scan: &'a dyn RowScan, table: &'static Table, range: StreamRange) -> Self {
        Self { row_scan, table, range, after: None, page: Page::before_the_first() }
    }

    /// The stream of the next row.
    pub(crate) async fn next_stream(&mut self) -> Result<Option<StreamId>, ReadDbError> {
        if self.page.must_read_on() {
            self.page = Page::of(self.row_scan.rows(self.table, self.range, self.after, PAGE).await?);
            self.after = self.page.items.back().map(|last| last.stream_id).or(self.after);
        }
        Ok(self.page.items.front().map(|next| next.stream_id))
    }

    /// The next row, if it is of this stream.
    pub(crate) async fn next_of(&mut self, stream_id: StreamId) -> Result<Option<ScannedRow>, ReadDbError> {
        if self.next_stream().await? == Some(stream_id) { Ok(self.page.items.pop_front()) } else { Ok(None) }
    }
}

/// The lines of a range in one table, one after the other. A projection without lines has none.
pub(crate) struct LinePages<'a> {
    row_scan: &'a dyn RowScan,
    table: Option<&'static Table>,
    range: StreamRange,
    after: Option<LinePlace>,
    page: Page<ScannedLine>,
}

impl<'a> LinePages<'a> {
    pub(crate) const fn new(row_scan: &'a dyn RowScan, table: Option<&'static Table>, range: StreamRange) -> Self {
        Self { row_scan, table, range, after: None, page: Page::before_the_first() }
    }

    /// The place of the next line.
    pub(crate) async fn next_place(&mut self) -> Result<Option<LinePlace>, ReadDbError> {
        let Some(table) = self.table else { return Ok(None) };
        if self.page.must_read_on() {
            self.page = Page::of(self.row_scan.lines(table, self.range, self.after, PAGE).await?);
            self.after = self.page.items.back().map(|last| last.place).or(self.after);
        }
        Ok(self.page.items.front().map(|next| next.place))
    }

    /// The next line, if it is of this stream and of no later version.
    pub(crate) async fn next_up_to(
        &mut self,
        stream_id: StreamId,
        version: u64,
    ) -> Result<Option<ScannedLine>, ReadDbError> {
        let is_next =
            self.next_place().await?.is_some_and(|next| next.stream_id == stream_id && next.version <= version);
        if is_next { Ok(self.page.items.pop_front()) } else { Ok(None) }
    }
}
