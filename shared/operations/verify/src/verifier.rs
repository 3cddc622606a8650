use std::iter::Peekable;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bank_read_model::{ReadDbError, RowScan};
use cqrs::{EventStoreSize, OpenedCommitScan, ReadError, StreamId, StreamRange};

use crate::stream_look::{BothSides, Lag, StreamLook};
use crate::{Damage, Finding, Head, HeadsError, HeadsFile, Side};

/// How often what is behind is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// Of what has no place, so much is listed.
const MAX_MISPLACED: u32 = 1_000;
/// How often progress is told.
const TELL_EVERY_COMMITS: u64 = 500;

/// Why a verification did not get to its end. What was found until then was found.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The event store could not be read. Handling: try again.
    #[error("the event store cannot be read")]
    EventStore(#[from] ReadError),
    /// The read database could not be read. Handling: try again.
    #[error("the read database cannot be read")]
    ReadDb(#[from] ReadDbError),
    /// The heads of an earlier time could not be read. Handling: see [`HeadsError`].
    #[error(transparent)]
    Heads(#[from] HeadsError),
    /// Today's heads could not be kept. Handling: name a file that can be written.
    #[error("the heads cannot be written")]
    KeepHeads(#[source] std::io::Error),
}

/// What is to be told while a verification runs.
pub trait VerifyObserver: Send {
    /// Something was found, and has been looked at twice.
    fn found(&mut self, finding: &Finding);

    /// A stream ends so; in the order of their ids.
    ///
    /// # Errors
    /// Whatever keeps it from being kept, which ends the verification.
    fn head(&mut self, head: &Head) -> std::io::Result<()>;

    /// So many commits have been read.
    fn read(&mut self, commits: u64);
}

/// What a verification came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Streams that are there.
    pub streams: u64,
    /// Those that are accounts'.
    pub accounts: u64,
    /// Commits that were read.
    pub commits: u64,
    /// Events in them.
    pub events: u64,
    /// What was found.
    pub findings: u64,
    /// Accounts whose rows were behind to the last, but moved: no finding.
    pub moving: u64,
    /// Streams with a finding, and whether rebuilding the account's rows mends it; in the order in which they were found.
    pub damaged: Vec<(StreamId, Mending)>,
}

/// Whether rebuilding an account's rows from its events mends what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mending {
    /// It does: the stream is sound.
    Rebuild,
    /// It would, and would take what may be the last trace of events that are gone: a person must have looked.
    RebuildIfNamed,
    /// It does not: the event store is damaged.
    None,
}

/// Verifies the event store by itself, and the read database against it.
pub struct Verifier {
    commits: OpenedCommitScan,
    rows: Arc<dyn RowScan>,
    patience: Duration,
}

/// A stream that needs another look, with what the anchor says of it.
#[derive(Debug, Clone, Copy)]
struct Suspect {
    stream_id: StreamId,
    anchor: Option<Head>,
}

impl Verifier {
    /// Of these two. A row that is behind and stands still for as long as `patience` is a finding.
    #[must_use]
    pub fn new(commits: OpenedCommitScan, rows: Arc<dyn RowScan>, patience: Duration) -> Self {
        Self { commits, rows, patience }
    }

    /// How much there is to read.
    ///
    /// # Errors
    /// [`VerifyError::EventStore`].
    pub async fn size(&self) -> Result<EventStoreSize, VerifyError> {
        Ok(self.commits.size().await?)
    }

    /// Reads both sides of this range once, in pages; then looks again, stream by stream, at whatever was not as it
    /// should be. The service may run meanwhile: what was only on its way is in its place by the second look, or moves
    /// while it is waited for.
    ///
    /// The sums, and what has no place in any stream, are looked at with the whole range alone.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub async fn verify(
        &self,
        range: StreamRange,
        anchor: Option<HeadsFile>,
        observer: &mut dyn VerifyObserver,
    ) -> Result<Outcome, VerifyError> {
        let mut outcome = Outcome::default();
        let suspects = self.read_all(range, anchor, &mut outcome, observer).await?;
        let waiting = self.look_again(suspects, &mut outcome, observer).await?;
        self.wait_for(waiting, &mut outcome, observer).await?;
        if range == StreamRange::default() {
            self.check_sums_and_places(&mut outcome, observer).await?;
        }
        Ok(outcome)
    }

    /// The first pass: every stream once. Answers those that are not as they should be.
    async fn read_all(
        &self,
        range: StreamRange,
        anchor: Option<HeadsFile>,
        outcome: &mut Outcome,
        observer: &mut dyn VerifyObserver,
    ) -> Result<Vec<Suspect>, VerifyError> {
        let mut anchors = anchor.map(Iterator::peekable);
        let mut sides = BothSides::new(&self.commits, &*self.rows, range);
        let mut suspects = Vec::new();
        let mut told = 0;
        loop {
            let anchored = next_anchor(anchors.as_mut(), range)?;
            let next = [sides.next_stream().await?, anchored].into_iter().flatten().min();
            let Some(stream_id) = next else {
                return Ok(suspects);
            };
            let anchor = match &mut anchors {
                Some(anchors) if anchored == Some(stream_id) => anchors.next().transpose()?,
                _ => None,
            };
            let look = StreamLook::at(stream_id, anchor, &mut sides).await?;
            outcome.streams += u64::from(look.commits > 0);
            outcome.accounts += u64::from(look.account.is_some());
            outcome.commits += look.commits;
            outcome.events += look.events;
            if !look.is_clean() {
                suspects.push(Suspect { stream_id, anchor });
            }
            if let Some(head) = look.head {
                observer.head(&head).map_err(VerifyError::KeepHeads)?;
            }
            if outcome.commits - told >= TELL_EVERY_COMMITS {
                told = outcome.commits;
                observer.read(told);
            }
        }
    }

    /// The second look. Answers those that are only behind.
    async fn look_again(
        &self,
        suspects: Vec<Suspect>,
        outcome: &mut Outcome,
        observer: &mut dyn VerifyObserver,
    ) -> Result<Vec<(Suspect, Lag)>, VerifyError> {
        let mut waiting = Vec::new();
        for suspect in suspects {
            let look = self.confirmed(suspect).await?;
            match look.lag {
                Some(lag) if look.findings.is_empty() => waiting.push((suspect, lag)),
                _ => report(suspect, &look.findings, outcome, observer),
            }
        }
        Ok(waiting)
    }

    /// Looks at rows that are behind until each has caught up or the patience is at its end. One that has moved meanwhile
    /// is on its way; one that has not stands still.
    async fn wait_for(
        &self,
        waiting: Vec<(Suspect, Lag)>,
        outcome: &mut Outcome,
        observer: &mut dyn VerifyObserver,
    ) -> Result<(), VerifyError> {
        let give_up_at = Instant::now() + self.patience;
        // With the version that the row was at when the waiting began.
        let mut waiting: Vec<(Suspect, u64, Lag)> =
            waiting.into_iter().map(|(suspect, lag)| (suspect, lag.row_version(), lag)).collect();
        while !waiting.is_empty() && Instant::now() < give_up_at {
            tokio::time::sleep(LOOK_AGAIN.min(self.patience)).await;
            let mut still_waiting = Vec::new();
            for (suspect, version_at_first, lag) in waiting {
                // There may be many: those that there is no time left to look at are as they were.
                if Instant::now() >= give_up_at {
                    still_waiting.push((suspect, version_at_first, lag));
                    continue;
                }
                let look = self.confirmed(suspect).await?;
                match look.lag {
                    Some(lag) if look.findings.is_empty() => still_waiting.push((suspect, version_at_first, lag)),
                    _ => report(suspect, &look.findings, outcome, observer),
                }
            }
            waiting = still_waiting;
        }
        for (suspect, version_at_first, lag) in waiting {
            if lag.row_version() > version_at_first {
                outcome.moving += 1;
                continue;
            }
            let (version, damage) = match lag {
                Lag::Row { row_version: 0, stream_version: expected } => (None, Damage::RowMissing { expected }),
                Lag::Row { row_version: found, stream_version: expected } => {
                    (Some(found), Damage::RowBehind { expected, found })
                }
                Lag::Erasure { version } => (Some(version), Damage::ErasureUnfinished),
            };
            report(suspect, &[Finding::in_stream(suspect.stream_id, version, damage)], outcome, observer);
        }
        Ok(())
    }

    /// A look at one stream alone, and, where there is something, another: what both have seen.
    async fn confirmed(&self, suspect: Suspect) -> Result<StreamLook, VerifyError> {
        let first = self.look_at(suspect).await?;
        if first.findings.is_empty() {
            return Ok(first);
        }
        let mut second = self.look_at(suspect).await?;
        second.findings.retain(|finding| first.findings.iter().any(|seen| seen.is_still(finding)));
        Ok(second)
    }

    async fn look_at(&self, Suspect { stream_id, anchor }: Suspect) -> Result<StreamLook, VerifyError> {
        let mut sides = BothSides::new(&self.commits, &*self.rows, StreamRange::of_stream(stream_id));
        StreamLook::at(stream_id, anchor, &mut sides).await
    }

    async fn check_sums_and_places(
        &self,
        outcome: &mut Outcome,
        observer: &mut dyn VerifyObserver,
    ) -> Result<(), VerifyError> {
        let mut findings = Vec::new();
        for totals in self.rows.totals().await? {
            if totals.balances_minor != totals.movements_minor {
                findings.push(Finding::in_none(Damage::TotalsDiffer {
                    currency: totals.currency,
                    expected_minor: totals.movements_minor,
                    found_minor: totals.balances_minor,
                }));
            }
        }
        for what in self.commits.misplaced(MAX_MISPLACED).await? {
            findings.push(Finding::in_none(Damage::Misplaced { what }));
        }
        for what in self.rows.misplaced(MAX_MISPLACED).await? {
            findings.push(Finding::in_none(Damage::RowMisplaced { what }));
        }
        for finding in &findings {
            outcome.findings += 1;
            observer.found(finding);
        }
        Ok(())
    }
}

/// The next stream of this range that the anchor has.
fn next_anchor(anchors: Option<&mut Peekable<HeadsFile>>, range: StreamRange) -> Result<Option<StreamId>, VerifyError> {
    let Some(anchors) = anchors else {
        return Ok(None);
    };
    let is_before = |head: &Head| range.from.is_some_and(|from| head.stream_id < from);
    let is_behind = |head: &Head| range.before.is_some_and(|before| head.stream_id >= before);
    while anchors.next_if(|head| head.as_ref().is_ok_and(is_before)).is_some() {}
    match anchors.peek() {
        Some(Ok(head)) if !is_behind(head) => Ok(Some(head.stream_id)),
        Some(Err(_)) => match anchors.next() {
            Some(Err(error)) => Err(error.into()),
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

fn report(suspect: Suspect, findings: &[Finding], outcome: &mut Outcome, observer: &mut dyn VerifyObserver) {
    if findings.is_empty() {
        return;
    }
    for finding in findings {
        outcome.findings += 1;
        observer.found(finding);
    }
    let has = |side| findings.iter().any(|finding| finding.side == side);
    let mending = match (has(Side::EventStore), has(Side::Either)) {
        (true, _) => Mending::None,
        (false, true) => Mending::RebuildIfNamed,
        (false, false) => Mending::Rebuild,
    };
    outcome.damaged.push((suspect.stream_id, mending));
}
