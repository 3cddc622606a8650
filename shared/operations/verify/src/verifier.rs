use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cqrs::{EventStoreSize, OpenedCommitScan, ReadError, StreamId, StreamRange};
use projection::{AnyProjection, BuildDue, ProjectionRegister, Projections, ReadDbError, RowScan, builds_due};

use crate::joint_check::JointCheck;
use crate::state_check::AnyAggregate;
use crate::stream_check::{BothSides, Lag, StreamCheck};
use crate::{Damage, Finding, Head, HeadsError, HeadsFile, Side};

/// The pause before a stream that is behind is checked again.
const RECHECK_INTERVAL: Duration = Duration::from_millis(250);
/// The number of misplaced entries that are listed.
const MAX_MISPLACED: u32 = 1_000;
/// The number of commits between two reports of progress.
const COMMITS_BETWEEN_REPORTS: u64 = 500;

/// The reason why a verification did not reach its end. The findings until then are valid.
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
    /// Today's heads could not be written. Handling: name a file that can be written.
    #[error("the heads cannot be written")]
    KeepHeads(#[source] std::io::Error),
}

/// The receiver of reports while a verification runs.
pub trait VerifyObserver: Send {
    /// Reports a finding that has been checked twice.
    fn report_finding(&mut self, finding: &Finding);

    /// Reports the end of a stream. Streams come in the order of their ids.
    ///
    /// # Errors
    /// The reason why the head could not be kept. It ends the verification.
    fn head(&mut self, head: &Head) -> std::io::Result<()>;

    /// Reports the number of commits read.
    fn read(&mut self, commits: u64);
}

/// The result of a verification.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The number of existing streams.
    pub streams: u64,
    /// The number of streams whose events give a row.
    pub projected: u64,
    /// The number of commits read.
    pub commits: u64,
    /// The number of events in these commits.
    pub events: u64,
    /// The number of findings.
    pub findings: u64,
    /// The number of streams whose rows were behind to the last, but moved. They are not findings.
    pub moving: u64,
    /// Streams with a finding, in the order of their findings, and whether rebuilding the rows repairs them.
    pub damaged: Vec<(StreamId, Repair)>,
}

/// Whether rebuilding a stream's rows from its events repairs a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// Rebuilding repairs it: the stream is sound.
    Rebuild,
    /// Rebuilding would repair the rows, but could remove the last trace of lost events. A person must look first.
    RebuildIfNamed,
    /// Rebuilding does not repair it: the event store is damaged.
    None,
}

impl Repair {
    /// The repair that holds where two checks found something.
    const fn less_of(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, _) | (_, Self::None) => Self::None,
            (Self::RebuildIfNamed, _) | (_, Self::RebuildIfNamed) => Self::RebuildIfNamed,
            (Self::Rebuild, Self::Rebuild) => Self::Rebuild,
        }
    }
}

/// A read database with the ports that verification needs.
pub trait VerifiedRows: RowScan + ProjectionRegister {}

impl<D: RowScan + ProjectionRegister> VerifiedRows for D {}

/// Verifies the event store by itself, and the read database against the event store.
pub struct Verifier {
    commits: Arc<OpenedCommitScan>,
    rows: Arc<dyn VerifiedRows>,
    projections: Projections,
    aggregates: &'static [&'static dyn AnyAggregate],
    patience: Duration,
}

/// A stream that needs another check, with its earlier head.
#[derive(Debug, Clone, Copy)]
struct Suspect {
    stream_id: StreamId,
    earlier_head: Option<Head>,
}

impl Verifier {
    /// A verifier of these commits and these rows, with these projections and the kept states of these aggregates. A
    /// row that is behind and does not move during `patience` is a finding.
    #[must_use]
    pub fn new(
        commits: Arc<OpenedCommitScan>,
        rows: Arc<dyn VerifiedRows>,
        projections: Projections,
        aggregates: &'static [&'static dyn AnyAggregate],
        patience: Duration,
    ) -> Self {
        Self { commits, rows, projections, aggregates, patience }
    }

    /// The number of commits and events to read.
    ///
    /// # Errors
    /// [`VerifyError::EventStore`].
    pub async fn size(&self) -> Result<EventStoreSize, VerifyError> {
        Ok(self.commits.size().await?)
    }

    /// Reads both sides of this range once, in pages. Then it checks each suspicious stream again, one by one. The
    /// service may run meanwhile. A change that was only on its way is complete by the second check, or the row moves
    /// during the wait.
    ///
    /// The sums, entries that have no place in any stream, and entries of several streams are checked with the whole range
    /// only.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub async fn verify(
        &self,
        range: StreamRange,
        earlier_heads: Option<HeadsFile>,
        observer: &mut dyn VerifyObserver,
    ) -> Result<Outcome, VerifyError> {
        let mut outcome = Outcome::default();
        let compared = self.compared_projections(&mut outcome, observer).await?;
        let (suspects, joint) = self.read_all(&compared, range, earlier_heads, &mut outcome, observer).await?;
        let waiting = self.check_again(&compared, suspects, &mut outcome, observer).await?;
        self.wait_for(&compared, waiting, &mut outcome, observer).await?;
        if range == StreamRange::default() {
            self.check_joint_entries(&compared, joint, &mut outcome, observer).await?;
            self.check_sums_and_places(&compared, &mut outcome, observer).await?;
        }
        Ok(outcome)
    }

    /// The projections whose rows are compared. A projection for which a build is due is a finding, and its rows are not compared:
    /// nearly every row would be a finding of its own.
    async fn compared_projections(
        &self,
        outcome: &mut Outcome,
        observer: &mut dyn VerifyObserver,
    ) -> Result<Vec<&'static dyn AnyProjection>, VerifyError> {
        let due = builds_due(&self.projections, &self.rows.projection_records().await?);
        for build in &due {
            outcome.findings += 1;
            observer
                .report_finding(&Finding::in_all_of(build.projection, Damage::BuildDue { reason: build.to_string() }));
        }
        let is_due = |name: &str| due.iter().any(|BuildDue { projection, .. }| *projection == name);
        Ok(self.projections.all().iter().copied().filter(|projection| !is_due(projection.name())).collect())
    }

    fn sides(&self, compared: &[&'static dyn AnyProjection], joint: JointCheck, range: StreamRange) -> BothSides<'_> {
        BothSides::new(&self.commits, &*self.rows, compared, self.aggregates, joint, range)
    }

    /// A check of the joint entries all of whose tables are compared.
    fn joint_check(&self, compared: &[&'static dyn AnyProjection]) -> JointCheck {
        let is_compared = |table| compared.iter().any(|projection| projection.tables().any(|held| held == table));
        let joint_entries = self.projections.joint_entries().iter().copied();
        JointCheck::summing(joint_entries.filter(|entries| entries.tables().iter().copied().all(is_compared)).collect())
    }

    /// The first pass reads every stream once. Answers the suspicious streams, and the check of the joint entries.
    async fn read_all(
        &self,
        compared: &[&'static dyn AnyProjection],
        range: StreamRange,
        earlier_heads: Option<HeadsFile>,
        outcome: &mut Outcome,
        observer: &mut dyn VerifyObserver,
    ) -> Result<(Vec<Suspect>, JointCheck), VerifyError> {
        let mut earlier_heads = earlier_heads.map(Iterator::peekable);
        let mut sides = self.sides(compared, self.joint_check(compared), range);
        let mut suspects = Vec::new();
        let mut reported_commits = 0;
        loop {
            let next_earlier = next_earlier_head(earlier_heads.as_mut(), range)?;
            let next = [sides.next_stream().await?, next_earlier].into_iter().flatten().min();
            let Some(stream_id) = next else {
                return Ok((suspects, sides.into_joint_check()));
            };
            let earlier_head = match &mut earlier_heads {
                Some(earlier_heads) if next_earlier == Some(stream_id) => earlier_heads.next().transpose()?,
                _ => None,
            };
            let check = StreamCheck::at(stream_id, earlier_head, &mut sides).await?;
            outcome.streams += u64::from(check.commits > 0);
            outcome.projected += u64::from(check.is_projected);
            outcome.commits += check.commits;
            outcome.events += check.events;
            if !check.is_clean() {
                suspects.push(Suspect { stream_id, earlier_head });
            }
            if let Some(head) = check.head {
                observer.head(&head).map_err(VerifyError::KeepHeads)?;
            }
            if outcome.commits - reported_commits >= COMMITS_BETWEEN_REPORTS {
                reported_commits = outcome.commits;
                observer.read(reported_commits);
            }
        }
    }

    /// The second check. Answers the streams that are only behind.
    async fn check_again(
        &self,
        compared: &[&'static dyn AnyProjection],
        suspects: Vec<Suspect>,
        outcome: &mut Outcome,
        observer: &mut dyn VerifyObserver,
    ) -> Result<Vec<(Suspect, Lag)>, VerifyError> {
        let mut waiting = Vec::new();
        for suspect in suspects {
            let check = self.confirmed(compared, suspect).await?;
            match check.lag {
                Some(lag) if check.findings.is_empty() => waiting.push((suspect, lag)),
                _ => report(suspect, &check.findings, outcome, observer),
            }
        }
        Ok(waiting)
    }

    /// Checks rows that are behind until each has caught up or the patience has ended. A row that has moved meanwhile
    /// is on its way. A row that has not moved stands still.
    async fn wait_for(
        &self,
        compared: &[&'static dyn AnyProjection],
        waiting: Vec<(Suspect, Lag)>,
        outcome: &mut Outcome,
        observer: &mut dyn VerifyObserver,
    ) -> Result<(), VerifyError> {
        let give_up_at = Instant::now() + self.patience;
        // Each entry has the row's version at the beginning of the wait.
        let mut waiting: Vec<(Suspect, u64, Lag)> =
            waiting.into_iter().map(|(suspect, lag)| (suspect, lag.row_version(), lag)).collect();
        while !waiting.is_empty() && Instant::now() < give_up_at {
            tokio::time::sleep(RECHECK_INTERVAL.min(self.patience)).await;
            let mut still_waiting = Vec::new();
            for (suspect, version_at_first, lag) in waiting {
                // There may be many streams. When no time is left for a check, a stream keeps its last result.
                if Instant::now() >= give_up_at {
                    still_waiting.push((suspect, version_at_first, lag));
                    continue;
                }
                let check = self.confirmed(compared, suspect).await?;
                match check.lag {
                    Some(lag) if check.findings.is_empty() => still_waiting.push((suspect, version_at_first, lag)),
                    _ => report(suspect, &check.findings, outcome, observer),
                }
            }
            waiting = still_waiting;
        }
        for (suspect, version_at_first, lag) in waiting {
            if lag.row_version() > version_at_first {
                outcome.moving += 1;
                continue;
            }
            let (projection, version, damage) = match lag {
                Lag::Row { projection, row_version: 0, stream_version: expected } => {
                    (projection, None, Damage::RowMissing { expected })
                }
                Lag::Row { projection, row_version: found, stream_version: expected } => {
                    (projection, Some(found), Damage::RowBehind { expected, found })
                }
                Lag::Erasure { projection, version } => (projection, Some(version), Damage::ErasureUnfinished),
            };
            let finding = Finding::in_projection(suspect.stream_id, version, projection, damage);
            report(suspect, &[finding], outcome, observer);
        }
        Ok(())
    }

    /// Checks one stream alone. If there is a finding, checks it once more, and answers the findings of both checks.
    async fn confirmed(
        &self,
        compared: &[&'static dyn AnyProjection],
        suspect: Suspect,
    ) -> Result<StreamCheck, VerifyError> {
        let first = self.check_stream(compared, suspect).await?;
        if first.findings.is_empty() {
            return Ok(first);
        }
        let mut second = self.check_stream(compared, suspect).await?;
        second.findings.retain(|finding| first.findings.iter().any(|seen| seen.is_confirmed_by(finding)));
        Ok(second)
    }

    async fn check_stream(
        &self,
        compared: &[&'static dyn AnyProjection],
        Suspect { stream_id, earlier_head }: Suspect,
    ) -> Result<StreamCheck, VerifyError> {
        let mut sides = self.sides(compared, JointCheck::summing(vec![]), StreamRange::of_stream(stream_id));
        StreamCheck::at(stream_id, earlier_head, &mut sides).await
    }

    /// Holds the parts of each joint entry against each other.
    ///
    /// The first pass has kept only sums, however many entries there are. If the sums are not equal, a second pass keeps the
    /// parts behind the unequal sums. An entry without all its parts may have been stored while the pass ran, so the streams of
    /// such an entry are read once more, one by one. All parts of an entry are stored together. So a part that is missing then
    /// is missing.
    async fn check_joint_entries(
        &self,
        compared: &[&'static dyn AnyProjection],
        sums: JointCheck,
        outcome: &mut Outcome,
        observer: &mut dyn VerifyObserver,
    ) -> Result<(), VerifyError> {
        let Some(suspicious) = sums.suspicious() else { return Ok(()) };
        let mut sides = self.sides(compared, suspicious, StreamRange::default());
        while let Some(stream_id) = sides.next_stream().await? {
            StreamCheck::at(stream_id, None, &mut sides).await?;
        }
        let (mut unsound, streams) = sides.into_joint_check().of_unsound_entries();
        let mut behind = BTreeSet::new();
        for stream_id in streams {
            let mut sides = self.sides(compared, unsound, StreamRange::of_stream(stream_id));
            if StreamCheck::at(stream_id, None, &mut sides).await?.lag.is_some() {
                behind.insert(stream_id);
            }
            unsound = sides.into_joint_check();
        }
        let mut by_stream: BTreeMap<StreamId, Vec<Finding>> = BTreeMap::new();
        for (stream_id, finding) in unsound.findings(&behind) {
            by_stream.entry(stream_id).or_default().push(finding);
        }
        for (stream_id, findings) in by_stream {
            report(Suspect { stream_id, earlier_head: None }, &findings, outcome, observer);
        }
        Ok(())
    }

    async fn check_sums_and_places(
        &self,
        compared: &[&'static dyn AnyProjection],
        outcome: &mut Outcome,
        observer: &mut dyn VerifyObserver,
    ) -> Result<(), VerifyError> {
        let mut findings = Vec::new();
        for projection in compared {
            let name = projection.name();
            if let (Some(totals), Some(lines)) = (projection.totals(), projection.line_table()) {
                for group in self.rows.totals(projection.row_table(), lines, &totals).await? {
                    if group.rows_sum != group.lines_sum {
                        let (expected, found) = (group.lines_sum, group.rows_sum);
                        let damage = Damage::TotalsDiffer { group: group.group, expected, found };
                        findings.push(Finding::in_all_of(name, damage));
                    }
                }
            }
            for table in projection.tables() {
                for description in self.rows.misplaced(table, MAX_MISPLACED).await? {
                    findings.push(Finding::in_all_of(name, Damage::RowMisplaced { description }));
                }
            }
        }
        for description in self.commits.misplaced(MAX_MISPLACED).await? {
            findings.push(Finding::in_no_stream(Damage::Misplaced { description }));
        }
        for finding in &findings {
            outcome.findings += 1;
            observer.report_finding(finding);
        }
        Ok(())
    }
}

/// The next stream of this range that has an earlier head.
fn next_earlier_head(
    earlier_heads: Option<&mut Peekable<HeadsFile>>,
    range: StreamRange,
) -> Result<Option<StreamId>, VerifyError> {
    let Some(earlier_heads) = earlier_heads else {
        return Ok(None);
    };
    let is_before = |head: &Head| range.from.is_some_and(|from| head.stream_id < from);
    let is_behind = |head: &Head| range.before.is_some_and(|before| head.stream_id >= before);
    while earlier_heads.next_if(|head| head.as_ref().is_ok_and(is_before)).is_some() {}
    match earlier_heads.peek() {
        Some(Ok(head)) if !is_behind(head) => Ok(Some(head.stream_id)),
        Some(Err(_)) => match earlier_heads.next() {
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
        observer.report_finding(finding);
    }
    let has = |side| findings.iter().any(|finding| finding.side == side);
    let possible_repair = match (has(Side::EventStore), has(Side::Either)) {
        (true, _) => Repair::None,
        (false, true) => Repair::RebuildIfNamed,
        (false, false) => Repair::Rebuild,
    };
    // A stream may have been reported by an earlier check. No later check makes it sounder.
    match outcome.damaged.iter_mut().find(|(stream_id, _)| *stream_id == suspect.stream_id) {
        Some((_, known)) => *known = known.less_of(possible_repair),
        None => outcome.damaged.push((suspect.stream_id, possible_repair)),
    }
}
