use std::collections::HashMap;

use bank::AccountId;
use cqrs::{CommitPlace, StreamId, StreamRange};
use futures::{StreamExt as _, TryStreamExt as _};

use crate::commit_reader::CommitReader;
use crate::folded_page::FoldedPage;
use crate::{BehindAccount, RangeProgress, RestoreError, RestoreLimits, RowsChecksum, ShadowChange, ShadowTables};

/// Accounts that are looked at and written together.
const BATCH_ACCOUNTS: u32 = 500;
/// Streams that are read at once.
const STREAMS_AT_ONCE: usize = 16;
/// Events that wait to be written, once there are so many, are.
const BATCH_EVENTS: u64 = 2_000;
/// So many rows without events go without a question, whatever their share: damage from outside.
const FEW_ROWS: u64 = 10;
/// One in so many does, where there are more.
const ROWS_TO_ONE_WITHOUT_EVENTS: u64 = 100;
/// By how many versions a stream is first read before its row's, where the row may stand in the middle of a commit.
const FIRST_STEP_BACK: u64 = 64;

/// Brings what was written meanwhile into the shadow tables.
pub(crate) struct CatchUp {
    reader: CommitReader,
    limits: RestoreLimits,
    /// Accounts whose row, or whose early event, claims a version that their stream does not reach. They are no reason
    /// for another round.
    judged: HashMap<AccountId, Judged>,
    /// How many of them it is the row that claims it.
    rows_without_events: u64,
    /// How many accounts queries read.
    live_accounts: u64,
}

/// What was found to claim more than there is.
#[derive(Debug, Clone, Copy)]
struct Judged {
    claimed: u64,
    is_row: bool,
}

/// A stream that is being followed to its end.
struct Followed {
    account: BehindAccount,
    stopped: Option<String>,
}

impl CatchUp {
    pub(crate) fn new(reader: CommitReader, limits: RestoreLimits, live_accounts: u64) -> Self {
        Self { reader, limits, judged: HashMap::new(), rows_without_events: 0, live_accounts }
    }

    /// Whether it has been looked at that this account claims so much beyond its events.
    pub(crate) fn is_judged(&self, account_id: AccountId, version: u64) -> bool {
        self.judged.get(&account_id).is_some_and(|judged| version <= judged.claimed)
    }

    fn judge(&mut self, account_id: AccountId, judged: Judged) -> Result<(), RestoreError> {
        let before = self.judged.insert(account_id, judged);
        if judged.is_row && !before.is_some_and(|before| before.is_row) {
            self.rows_without_events += 1;
        }
        let (rows, of) = (self.rows_without_events, self.live_accounts);
        if rows > FEW_ROWS.max(of / ROWS_TO_ONE_WITHOUT_EVENTS) && !self.limits.is_forced {
            return Err(RestoreError::RowsWithoutEvents { rows, of });
        }
        Ok(())
    }

    /// One round over all that is behind: how many accounts there were. In the `last` one a row that has more events than
    /// can be read is no longer let pass.
    ///
    /// # Errors
    /// [`RestoreError::WouldTakeBack`] in the last round; [`RestoreError::RowsWithoutEvents`]; else what the databases say.
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
                .filter(|account| {
                    self.judged.get(&account.account_id).is_none_or(|judged| judged.claimed != claimed(account))
                })
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
                    (_, row) => self.judge(account_id, Judged { claimed: claimed(&account), is_row: row.is_some() })?,
                }
            }
            if !is_full {
                return Ok(accounts);
            }
        }
    }

    /// Folds each of these streams on from its row in the shadow table, to its end. What is in memory is a page of each
    /// stream that is being read and about as much that waits to be written, however far they are behind.
    async fn follow(
        &self,
        shadow: &mut dyn ShadowTables,
        ranges: &mut [RangeProgress],
        accounts: Vec<BehindAccount>,
    ) -> Result<Vec<Followed>, RestoreError> {
        let mut done = Vec::new();
        let mut to_read = accounts;
        while !to_read.is_empty() {
            let mut pages = futures::stream::iter(std::mem::take(&mut to_read))
                .map(|account| self.read_on(account))
                .buffered(STREAMS_AT_ONCE);
            let mut batch = Batch::default();
            while let Some((mut account, mut page, is_full)) = pages.try_next().await? {
                let stopped = page.stopped.pop().map(|(_, reason)| reason);
                batch.add(&mut account, page, ranges);
                if batch.change.events >= BATCH_EVENTS {
                    std::mem::take(&mut batch).write(shadow).await?;
                }
                if is_full && stopped.is_none() {
                    to_read.push(account);
                } else {
                    done.push(Followed { account, stopped });
                }
            }
            batch.write(shadow).await?;
        }
        Ok(done)
    }

    /// A page of the stream behind what the row has, and whether it was a full one.
    async fn read_on(&self, account: BehindAccount) -> Result<(BehindAccount, FoldedPage, bool), RestoreError> {
        let stream_id = StreamId(account.account_id.as_uuid());
        let version = account.shadow.as_ref().map_or(0, |row| row.version);
        // Nearly always a row's version is the last of a commit, so that the next commit is the first behind this place.
        // A projector may have left one in the middle of a commit: that commit is then before this place, and what it has
        // beyond the row is found by stepping back.
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
            let folded = FoldedPage::of(&page, account.shadow.clone());
            return Ok((account, folded, is_full));
        }
    }
}

/// What is written at once of the streams that are being followed.
#[derive(Default)]
struct Batch {
    change: ShadowChange,
    /// What is held of these accounts once it is written.
    expected: RowsChecksum,
    /// Each with the version before.
    written: Vec<(AccountId, u64)>,
}

impl Batch {
    /// The account's row is then as the page makes it.
    fn add(&mut self, account: &mut BehindAccount, page: FoldedPage, ranges: &mut [RangeProgress]) {
        self.change.events += page.events;
        for folded in page.accounts {
            self.expected.add_account(&folded.after);
            self.written.push((account.account_id, folded.before.as_ref().map_or(0, |before| before.version)));
            if let Some(range) = range_of(ranges, account.account_id) {
                range.folded.replace_account(folded.before.as_ref(), &folded.after);
                page.lines.iter().for_each(|line| range.folded.add_line(line));
                self.change.ranges.retain(|other| other.number != range.number);
                self.change.ranges.push(*range);
            }
            account.shadow = Some(folded.after.clone());
            self.change.accounts.push(folded);
        }
        page.lines.iter().for_each(|line| self.expected.add_line(line));
        self.change.lines.extend(page.lines);
    }

    async fn write(self, shadow: &mut dyn ShadowTables) -> Result<(), RestoreError> {
        let Self { change, expected, written } = self;
        if change.accounts.is_empty() {
            return Ok(());
        }
        shadow.write(&change).await?;
        let held = shadow.held_of(&written).await?;
        if held == expected {
            Ok(())
        } else {
            Err(RestoreError::Mismatch { what: format!("{} accounts", written.len()), expected, held })
        }
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
