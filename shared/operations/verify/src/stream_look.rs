use bank::{AccountAggregate, AccountId};
use bank_read_model::{BankAccountEntity, RowScan};
use cqrs::{AggregateRoot as _, Commit, OpenedCommit, OpenedCommitScan, StreamId, StreamRange, UnopenedCommit};

use crate::account_fold::AccountFold;
use crate::chain_check::ChainCheck;
use crate::pages::{CommitPages, LinePages, RowPages};
use crate::rows_check::RowsCheck;
use crate::{Damage, Finding, Head, Side, VerifyError};

/// Both databases, read side by side in the order of streams.
pub(crate) struct BothSides<'a> {
    pub(crate) rows: RowPages<'a>,
    pub(crate) lines: LinePages<'a>,
    pub(crate) commits: CommitPages<'a>,
}

impl<'a> BothSides<'a> {
    pub(crate) fn new(commits: &'a OpenedCommitScan, rows: &'a dyn RowScan, range: StreamRange) -> Self {
        Self {
            rows: RowPages::new(rows, range),
            lines: LinePages::new(rows, range),
            commits: CommitPages::new(commits, range),
        }
    }

    /// The first stream that any of the two has something of.
    pub(crate) async fn next_stream(&mut self) -> Result<Option<StreamId>, VerifyError> {
        let of_row = self.rows.next_stream().await?;
        let of_line = self.lines.next_place().await?.map(|place| place.stream_id);
        let of_commit = self.commits.next_stream().await?;
        Ok([of_row, of_line, of_commit].into_iter().flatten().min())
    }
}

/// What was seen of one stream and its account.
#[derive(Debug, Default)]
pub(crate) struct StreamLook {
    pub(crate) findings: Vec<Finding>,
    /// The row is behind the stream, or the stream behind the keys; it may only be on its way.
    pub(crate) lag: Option<Lag>,
    /// The stream's end.
    pub(crate) head: Option<Head>,
    pub(crate) commits: u64,
    pub(crate) events: u64,
    /// What the account holds by its events.
    pub(crate) account: Option<BankAccountEntity>,
}

/// What is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lag {
    /// The row, which is at version 0 where there is none, is behind the stream.
    Row { row_version: u64, stream_version: u64 },
    /// Row and stream are at this version, the holder's key is destroyed, and no event says so yet.
    Erasure { version: u64 },
}

impl Lag {
    /// The row's version.
    pub(crate) const fn row_version(self) -> u64 {
        match self {
            Self::Row { row_version, .. } => row_version,
            Self::Erasure { version } => version,
        }
    }
}

impl StreamLook {
    /// Reads a stream's row, then its lines, then its commits. In this order: whatever a row or a line has, its commit was
    /// there before. Where the three were read ahead in pages of many streams that need not be so, and what is found has to
    /// be looked at once more.
    pub(crate) async fn at(
        stream_id: StreamId,
        anchor: Option<Head>,
        sides: &mut BothSides<'_>,
    ) -> Result<Self, VerifyError> {
        let mut look = Self::default();
        let row = sides.rows.next_of(stream_id).await?;
        sides.lines.next_place().await?;
        let mut rows = RowsCheck::new(stream_id, row, &mut look.findings);
        let mut chain = ChainCheck::new(stream_id, anchor);
        let mut fold = AccountId::try_from(stream_id.0).map(AccountFold::new).ok();
        while let Some(scanned) = sides.commits.next_of(stream_id).await? {
            look.commits += 1;
            chain.add(&scanned, &mut look.findings);
            let (Ok(opened), Ok(commit)) = (&scanned.commit, scanned.stored()) else { continue };
            look.events += commit.draft.events.len() as u64;
            if !is_accounts(commit) {
                // Of another kind altogether, or one among an account's: either way it is not folded.
                if let Some(fold) = &mut fold {
                    fold.break_off();
                }
                continue;
            }
            match &mut fold {
                Some(fold) if chain.is_whole() => {
                    look.fold_commit(opened.as_ref(), fold, &mut rows, &mut sides.lines).await?;
                }
                Some(fold) => fold.break_off(),
                None => {
                    let damage = Damage::ImpossibleEvent { reason: "the stream's id is no account's".to_owned() };
                    look.add(stream_id, Some(commit.draft.first_version), damage);
                }
            }
        }
        chain.finish(&mut look.findings);
        look.head = chain.head();
        if chain.version() == 0 {
            rows.skip_lines(&mut sides.lines).await?;
            if let Some(expected) = rows.seen_version() {
                look.add(stream_id, None, Damage::StreamMissing { expected });
            }
            look.blame_either();
            return Ok(look);
        }
        let is_account = chain.aggregate_type().is_none_or(|kind| kind == AccountAggregate::AGGREGATE_TYPE);
        match fold {
            Some(fold) if is_account && chain.is_whole() && !fold.is_broken() => {
                look.account = fold.row().cloned();
                look.compare_ends(stream_id, &chain, &mut rows, &mut sides.lines).await?;
            }
            _ => {
                rows.skip_lines(&mut sides.lines).await?;
                let has_rows = rows.seen_version().is_some() || rows.is_row_unreadable();
                if let Some(kind) = chain.aggregate_type().filter(|_| has_rows && !is_account) {
                    look.add(stream_id, None, Damage::StreamOfAnotherKind { found: kind.to_owned() });
                }
            }
        }
        look.blame_either();
        Ok(look)
    }

    async fn fold_commit(
        &mut self,
        commit: Result<&OpenedCommit, &UnopenedCommit>,
        fold: &mut AccountFold,
        rows: &mut RowsCheck,
        lines: &mut LinePages<'_>,
    ) -> Result<(), VerifyError> {
        let commit = match commit {
            Ok(commit) => commit,
            Err(UnopenedCommit { commit, reason }) => {
                let reason = format!("its personal data cannot be opened: {reason}");
                let damage = Damage::Unreadable { reason };
                self.add(commit.draft.stream_id, Some(commit.draft.first_version), damage);
                fold.break_off();
                return Ok(());
            }
        };
        let draft = &commit.commit().draft;
        let stream_id = draft.stream_id;
        for event in commit.envelopes() {
            if fold.is_broken() {
                return Ok(());
            }
            match fold.apply(&event) {
                Ok(line) => {
                    if let Some(row) = fold.row() {
                        let is_erased = fold.is_holder_erased();
                        rows.expect(row, is_erased, line.as_ref(), lines, &mut self.findings).await?;
                    }
                }
                Err(damage) => self.add(stream_id, Some(event.version), damage),
            }
        }
        if !fold.is_broken()
            && let Some(damage) = fold.check_state(&draft.state)
        {
            self.add(stream_id, Some(draft.first_version), damage);
        }
        Ok(())
    }

    /// After the last event of a stream that could be folded to its end.
    async fn compare_ends(
        &mut self,
        stream_id: StreamId,
        chain: &ChainCheck,
        rows: &mut RowsCheck,
        lines: &mut LinePages<'_>,
    ) -> Result<(), VerifyError> {
        let stream_version = chain.version();
        rows.finish(lines, &mut self.findings).await?;
        if rows.is_row_unreadable() {
            return Ok(());
        }
        let row_version = rows.row_version();
        if row_version > stream_version {
            let damage = Damage::StreamEndMissing { found: stream_version, expected: row_version };
            self.add(stream_id, Some(row_version), damage);
        } else if row_version == 0 && rows.seen_version().is_some() {
            self.add(stream_id, None, Damage::RowMissing { expected: stream_version });
        } else if row_version < stream_version {
            self.lag = Some(Lag::Row { row_version, stream_version });
        } else if rows.is_name_outliving_key() {
            self.lag = Some(Lag::Erasure { version: stream_version });
        }
        Ok(())
    }

    fn add(&mut self, stream_id: StreamId, version: Option<u64>, damage: Damage) {
        self.findings.push(Finding::in_stream(stream_id, version, damage));
    }

    /// Where the event store is damaged, rows that differ from it may be the right ones.
    fn blame_either(&mut self) {
        if self.findings.iter().any(|finding| finding.side == Side::EventStore) {
            for finding in self.findings.iter_mut().filter(|finding| finding.side == Side::ReadDb) {
                finding.side = Side::Either;
            }
        }
    }

    pub(crate) const fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.lag.is_none()
    }
}

fn is_accounts(commit: &Commit) -> bool {
    commit.draft.aggregate_type == AccountAggregate::AGGREGATE_TYPE
}
