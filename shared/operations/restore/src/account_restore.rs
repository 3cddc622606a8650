use std::sync::Arc;

use bank::AccountId;
use cqrs::{CommitPlace, CommitScan, PersonalData, ReadError, StreamId, StreamRange};

use crate::commit_reader::CommitReader;
use crate::folded_page::FoldedPage;
use crate::{RestoreStore, RestoreStoreError};

/// Commits that are read and written at once.
const PAGE_COMMITS: u32 = 1_000;

/// Why an account was not rebuilt; its rows are as they were.
#[derive(Debug, thiserror::Error)]
pub enum AccountRestoreError {
    /// The event store could not be read. Handling: try again.
    #[error("the event store cannot be read")]
    EventStore(#[from] ReadError),
    /// The read database did not do it. Handling: see [`RestoreStoreError`].
    #[error(transparent)]
    ReadDb(#[from] RestoreStoreError),
    /// The row has more events than can be read of the stream. Handling: a person must look.
    #[error("the row is at version {live_version}, and the events can be folded to version {reached} only: {reason}")]
    WouldTakeBack {
        /// Of the row.
        live_version: u64,
        /// Of what was folded.
        reached: u64,
        /// Why no further.
        reason: String,
    },
}

/// Rebuilds one account's rows in their place, in one transaction under the account's lock, while all goes on.
#[derive(Clone)]
pub struct AccountRestore {
    reader: CommitReader,
    store: Arc<dyn RestoreStore>,
}

impl AccountRestore {
    /// From this event store, whose personal data this opens, in this read database.
    #[must_use]
    pub fn new(scan: Arc<dyn CommitScan>, personal_data: Arc<dyn PersonalData>, store: Arc<dyn RestoreStore>) -> Self {
        Self { reader: CommitReader::new(scan, personal_data), store }
    }

    /// The version that the account is at now; 0 where there is no such account, and then no row.
    ///
    /// # Errors
    /// See [`AccountRestoreError`].
    pub async fn restore(&self, account_id: AccountId) -> Result<u64, AccountRestoreError> {
        let stream_id = StreamId(account_id.as_uuid());
        let mut locked = self.store.lock_account(account_id).await?;
        let mut row = None;
        let mut after: Option<CommitPlace> = None;
        loop {
            let page = self.reader.page(StreamRange::of_stream(stream_id), after, PAGE_COMMITS).await?;
            let folded = FoldedPage::of(&page, row.clone());
            locked.add_lines(&folded.lines).await?;
            row = folded.accounts.into_iter().next().map(|account| account.after).or(row);
            let reached = row.as_ref().map_or(0, |row| row.version);
            if let Some((_, reason)) = folded.stopped.into_iter().next() {
                if let Some(live_version) = locked.live_version().filter(|version| *version > reached) {
                    return Err(AccountRestoreError::WouldTakeBack { live_version, reached, reason });
                }
                break;
            }
            after = page.last().map(|commit| commit.place);
            if page.len() < PAGE_COMMITS as usize {
                break;
            }
        }
        locked.finish(row.as_ref()).await?;
        Ok(row.map_or(0, |row| row.version))
    }
}
