use std::sync::Arc;

use bank::AccountId;
use tokio::time::Instant;

use crate::commit_reader::{CommitReader, ReadCommit};
use crate::folded_page::FoldedPage;
use crate::{Lease, RangeProgress, RestoreError, RestoreId, RestoreLimits, RestoreStore, ShadowChange, ShadowTables};

/// Builds one range of the shadow tables, page after page; each page is one transaction, which also records its place.
pub(crate) struct RangeBuilder {
    pub(crate) reader: CommitReader,
    pub(crate) store: Arc<dyn RestoreStore>,
    pub(crate) limits: RestoreLimits,
    pub(crate) id: RestoreId,
    pub(crate) lease: Lease,
}

impl RangeBuilder {
    /// To the range's end, or until it is time to stop: how far it has come.
    pub(crate) async fn build(
        &self,
        mut progress: RangeProgress,
        stop_at: Option<Instant>,
    ) -> Result<RangeProgress, RestoreError> {
        let mut shadow = self.store.shadow(self.id, &self.lease);
        let mut page = self.page(&progress).await?;
        loop {
            // The next page is read while this one is written.
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
            // Whoever else writes the tables is let in between two pages.
            tokio::time::sleep(self.limits.pause_between_pages).await;
        }
    }

    async fn page(&self, progress: &RangeProgress) -> Result<Vec<ReadCommit>, RestoreError> {
        Ok(self.reader.page(progress.range, progress.at, self.limits.page_commits).await?)
    }

    /// None at the range's end, and when it is time to stop.
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
        let continued_id = match (before_page.at, page.first()) {
            (Some(at), Some(first)) if at.stream_id == first.place.stream_id => {
                AccountId::try_from(at.stream_id.0).ok()
            }
            _ => None,
        };
        let continued = match continued_id {
            Some(account_id) => shadow.account(account_id).await?,
            None => None,
        };
        let folded = FoldedPage::of(page, continued);
        for account in &folded.accounts {
            after_page.folded.replace_account(account.before.as_ref(), &account.after);
        }
        for line in &folded.lines {
            after_page.folded.add_line(line);
        }
        let change = ShadowChange {
            accounts: folded.accounts,
            lines: folded.lines,
            ranges: vec![after_page],
            events: folded.events,
        };
        shadow.write(&change).await?;
        Ok(after_page)
    }
}
