use std::sync::Arc;

use tokio::time::Instant;

use crate::commit_reader::{CommitReader, ReadCommit};
use crate::folded_page::{FoldedPage, count_events};
use crate::{RangeProgress, RestoreError, RestoreJob, RestoreLimits, RestoreStore, ShadowChange, ShadowTables};

/// Builds one range of the shadow tables, page after page. Each page is one transaction, which also records the page's place.
pub(crate) struct RangeBuilder {
    pub(crate) reader: CommitReader,
    pub(crate) restore_store: Arc<dyn RestoreStore>,
    pub(crate) limits: RestoreLimits,
    pub(crate) job: RestoreJob,
}

impl RangeBuilder {
    /// Builds to the range's end, or until it is time to stop. Answers the range's progress.
    pub(crate) async fn build(
        &self,
        mut progress: RangeProgress,
        stop_at: Option<Instant>,
    ) -> Result<RangeProgress, RestoreError> {
        let mut shadow = self.restore_store.shadow(&self.job);
        let mut page = self.page(&progress).await?;
        loop {
            // The next page is read while this page is written.
            let mut after_page = progress;
            if let Some(last) = page.last() {
                after_page.at = Some(last.place);
            }
            after_page.is_built = page.len() < self.limits.page_commits as usize;
            let (written, next_page) = tokio::join!(
                self.write(shadow.as_mut(), &page, &progress, after_page),
                self.next_page(&after_page, stop_at)
            );
            progress = written?;
            match next_page? {
                Some(next_page) => page = next_page,
                None => return Ok(progress),
            }
            // The pause lets other writers use the tables between two pages.
            tokio::time::sleep(self.limits.pause_between_pages).await;
        }
    }

    async fn page(&self, progress: &RangeProgress) -> Result<Vec<ReadCommit>, RestoreError> {
        Ok(self.reader.page(progress.range, progress.at, self.limits.page_commits).await?)
    }

    /// The next page. It is `None` at the range's end, and when it is time to stop.
    async fn next_page(
        &self,
        after_page: &RangeProgress,
        stop_at: Option<Instant>,
    ) -> Result<Option<Vec<ReadCommit>>, RestoreError> {
        let is_time_up = stop_at.is_some_and(|stop_at| Instant::now() >= stop_at);
        if after_page.is_built || is_time_up { Ok(None) } else { self.page(after_page).await.map(Some) }
    }

    async fn write(
        &self,
        shadow: &mut dyn ShadowTables,
        page: &[ReadCommit],
        before_page: &RangeProgress,
        mut after_page: RangeProgress,
    ) -> Result<RangeProgress, RestoreError> {
        let continued = match (before_page.at, page.first()) {
            (Some(at), Some(first)) if at.stream_id == first.place.stream_id => Some(at.stream_id),
            _ => None,
        };
        let mut change = ShadowChange { events: count_events(page), ..ShadowChange::default() };
        for projection in &self.job.scope {
            let row = match continued {
                Some(stream_id) => shadow.row(*projection, stream_id).await?,
                None => None,
            };
            let folded = FoldedPage::of(*projection, page, row)?;
            folded.rows.iter().for_each(|row| after_page.folded.replace_row(row.before.as_ref(), &row.after));
            folded.lines.iter().for_each(|line| after_page.folded.add_line(line));
            change.rows.extend(folded.rows);
            change.lines.extend(folded.lines);
        }
        change.ranges.push(after_page);
        shadow.write(&change).await?;
        Ok(after_page)
    }
}
