use std::collections::HashMap;

use bank::AccountId;
use cqrs::{CommitPlace, StreamId, StreamRange};
use futures::{StreamExt as _, TryStreamExt as _};
use read_model::BankAccountEntity;

use crate::commit_reader::CommitReader;
use crate::folded_page::FoldedPage;
use crate::{BehindAccount, RangeProgress, RestoreError, RestoreLimits, RowsChecksum, ShadowChange, ShadowTables};

/// Accounts that are looked at and written together.
const BATCH_ACCOUNTS: u32 = 500;
/// Streams that are read at once.
const STREAMS_AT_ONCE: usize = 16;

/// Brings what was written meanwhile into the shadow tables.
pub(crate) struct CatchUp {
    reader: CommitReader,
    limits: RestoreLimits,
    /// Accounts whose row, or whose early event, claims a version that their stream does not reach: the claim that was
    /// judged so. They are no reason for another round.
    judged: HashMap<AccountId, u64>,
}

/// A stream that is being followed to its end.
struct Followed {
    account: BehindAccount,
    stopped: Option<String>,
}

impl CatchUp {
    pub(crate) fn new(reader: CommitReader, limits: RestoreLimits) -> Self {
        Self { reader, limits, judged: HashMap::new() }
    }

    /// Whether what this account claims beyond its events has been looked at.
    pub(crate) fn is_judged(&self, account_id: AccountId) -> bool {
        self.judged.contains_key(&account_id)
    }

    /// One round over all that is behind: how many accounts there were. In the `last` one a row that has more events than
    /// can be read is no longer let pass.
    ///
    /// # Errors
    /// [`RestoreError::WouldTakeBack`] in the last round; else what the databases say.
    pub(crate) async fn round(
        &mut self,
        shadow: &mut dyn ShadowTables,
        ranges: &mut [RangeProgress],
        is_last: bool,
    ) -> Result<u64, RestoreError> {
        let mut accounts = 0;
        let mut after = None;
        loop {
            let behind = shadow.behind(after, BATCH_ACCOUNTS).await?;
            let Some(last) = behind.last() else {
                return Ok(accounts);
            };
            after = Some(last.account_id);
            let is_full = behind.len() == BATCH_ACCOUNTS as usize;
            let claimed = |account: &BehindAccount| account.live_version.max(account.early_version).unwrap_or(0);
            let fresh: Vec<BehindAccount> = behind
                .into_iter()
                .filter(|account| self.judged.get(&account.account_id) != Some(&claimed(account)))
                .collect();
            accounts += fresh.len() as u64;
            for followed in self.follow(shadow, ranges, fresh).await? {
                let Followed { account, stopped } = followed;
                let reached = account.shadow.as_ref().map_or(0, |row| row.version);
                if claimed(&account) <= reached {
                    continue;
                }
                let account_id = account.account_id;
                let stopped = match stopped {
                    Some(reason) => Some(reason),
                    None => self.why_no_further(account_id).await?,
                };
                match (stopped, account.live_version.filter(|version| *version > reached)) {
                    (Some(reason), Some(live_version)) if is_last => {
                        return Err(RestoreError::WouldTakeBack { account_id, live_version, reached, reason });
                    }
                    // Left to the last round: what is in its way may be gone by then.
                    (Some(_), Some(_)) => {}
                    _ => {
                        self.judged.insert(account_id, claimed(&account));
                    }
                }
            }
            if !is_full {
                return Ok(accounts);
            }
        }
    }

    /// Folds each of these streams on from its row in the shadow table, to its end.
    async fn follow(
        &self,
        shadow: &mut dyn ShadowTables,
        ranges: &mut [RangeProgress],
        accounts: Vec<BehindAccount>,
    ) -> Result<Vec<Followed>, RestoreError> {
        let mut done = Vec::new();
        let mut to_read = accounts;
        while !to_read.is_empty() {
            let pages: Vec<(BehindAccount, FoldedPage, bool)> = futures::stream::iter(to_read)
                .map(|account| self.read_on(account))
                .buffered(STREAMS_AT_ONCE)
                .try_collect()
                .await?;
            to_read = Vec::new();
            let mut change = ShadowChange::default();
            let mut expected = RowsChecksum::default();
            let mut written: Vec<(AccountId, u64)> = Vec::new();
            for (mut account, page, is_full) in pages {
                change.events += page.events;
                for folded in page.accounts {
                    expected.add_account(&folded.after);
                    written.push((account.account_id, folded.before.as_ref().map_or(0, |before| before.version)));
                    if let Some(range) = range_of(ranges, account.account_id) {
                        range.folded.replace_account(folded.before.as_ref(), &folded.after);
                        page.lines.iter().for_each(|line| range.folded.add_line(line));
                        change.ranges.retain(|other| other.number != range.number);
                        change.ranges.push(*range);
                    }
                    account.shadow = Some(folded.after.clone());
                    change.accounts.push(folded);
                }
                page.lines.iter().for_each(|line| expected.add_line(line));
                change.lines.extend(page.lines);
                let stopped = page.stopped.into_iter().next().map(|(_, reason)| reason);
                if is_full && stopped.is_none() {
                    to_read.push(account);
                } else {
                    done.push(Followed { account, stopped });
                }
            }
            if change.accounts.is_empty() {
                continue;
            }
            shadow.write(&change).await?;
            let held = shadow.held_of(&written).await?;
            if held != expected {
                return Err(RestoreError::Mismatch { what: format!("{} accounts", written.len()), expected, held });
            }
        }
        Ok(done)
    }

    /// A page of the stream behind what the row has, and whether it was a full one.
    async fn read_on(&self, account: BehindAccount) -> Result<(BehindAccount, FoldedPage, bool), RestoreError> {
        let stream_id = StreamId(account.account_id.as_uuid());
        // The row's version is the last of a commit, so that the next commit is the first behind this place.
        let after = account
            .shadow
            .as_ref()
            .map(|row: &BankAccountEntity| CommitPlace { stream_id, first_version: row.version });
        let page = self.reader.page(StreamRange::of_stream(stream_id), after, self.limits.page_commits).await?;
        let folded = FoldedPage::of(&page, account.shadow.clone());
        let is_full = page.len() == self.limits.page_commits as usize;
        Ok((account, folded, is_full))
    }
}

impl CatchUp {
    /// Folds the stream from its beginning and writes nothing: why it cannot be folded to its end, if it cannot. A row may
    /// stand in the middle of a commit, and then reading on from it shows nothing.
    async fn why_no_further(&self, account_id: AccountId) -> Result<Option<String>, RestoreError> {
        let range = StreamRange::of_stream(StreamId(account_id.as_uuid()));
        let (mut row, mut after) = (None, None);
        loop {
            let page = self.reader.page(range, after, self.limits.page_commits).await?;
            let folded = FoldedPage::of(&page, row.clone());
            if let Some((_, reason)) = folded.stopped.into_iter().next() {
                return Ok(Some(reason));
            }
            if page.len() < self.limits.page_commits as usize {
                return Ok(None);
            }
            row = folded.accounts.into_iter().next().map(|account| account.after).or(row);
            after = page.last().map(|commit| commit.place);
        }
    }
}

/// The range that an account is in. A rollback has none.
fn range_of(ranges: &mut [RangeProgress], account_id: AccountId) -> Option<&mut RangeProgress> {
    let stream_id = StreamId(account_id.as_uuid());
    ranges.iter_mut().find(|RangeProgress { range, .. }| {
        range.from.is_none_or(|from| from <= stream_id) && range.before.is_none_or(|before| stream_id < before)
    })
}
