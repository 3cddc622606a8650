use cqrs::{OpenedCommit, OpenedCommitScan, ScannedOpenedCommit, StreamId, StreamRange};
use projection::{AnyProjection, RowScan};

use crate::chain_check::ChainCheck;
use crate::joint_check::JointCheck;
use crate::pages::{CommitPages, LinePages, RowPages};
use crate::rows_check::RowsCheck;
use crate::state_check::{AnyAggregate, StateFold};
use crate::{Damage, Finding, Head, Side, VerifyError};

/// Both databases, read side by side in the order of streams.
pub(crate) struct BothSides<'a> {
    commits: CommitPages<'a>,
    projections: Vec<ProjectionPages<'a>>,
    aggregates: &'a [&'static dyn AnyAggregate],
    joint: JointCheck,
}

/// The rows and lines of one projection.
struct ProjectionPages<'a> {
    projection: &'static dyn AnyProjection,
    rows: RowPages<'a>,
    lines: LinePages<'a>,
}

impl<'a> BothSides<'a> {
    pub(crate) fn new(
        commits: &'a OpenedCommitScan,
        rows: &'a dyn RowScan,
        projections: &[&'static dyn AnyProjection],
        aggregates: &'a [&'static dyn AnyAggregate],
        joint: JointCheck,
        range: StreamRange,
    ) -> Self {
        let pages = |projection: &&'static dyn AnyProjection| ProjectionPages {
            projection: *projection,
            rows: RowPages::new(rows, projection.row_table(), range),
            lines: LinePages::new(rows, projection.line_table(), range),
        };
        Self {
            commits: CommitPages::new(commits, range),
            projections: projections.iter().map(pages).collect(),
            aggregates,
            joint,
        }
    }

    /// The check of the parts that were met.
    pub(crate) fn into_joint_check(self) -> JointCheck {
        self.joint
    }

    /// The first stream of which either database has an entry.
    pub(crate) async fn next_stream(&mut self) -> Result<Option<StreamId>, VerifyError> {
        let mut next = None;
        for pages in &mut self.projections {
            let of_row = pages.rows.next_stream().await?;
            let of_line = pages.lines.next_place().await?.map(|place| place.stream_id);
            next = [next, of_row, of_line].into_iter().flatten().min();
        }
        let of_commit = self.commits.next_stream().await?;
        Ok([next, of_commit].into_iter().flatten().min())
    }

    fn aggregate(&self, aggregate_type: &str) -> Option<&'static dyn AnyAggregate> {
        self.aggregates.iter().copied().find(|aggregate| aggregate.aggregate_type() == aggregate_type)
    }
}

/// The result of reading one stream and its rows.
#[derive(Debug, Default)]
pub(crate) struct StreamCheck {
    pub(crate) findings: Vec<Finding>,
    /// The row is behind the stream, or the stream is behind the keys. The missing part may only be on its way.
    pub(crate) lag: Option<Lag>,
    /// The stream's end.
    pub(crate) head: Option<Head>,
    pub(crate) commits: u64,
    pub(crate) events: u64,
    /// Whether the stream's events give a row.
    pub(crate) is_projected: bool,
}

/// The part that is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lag {
    /// The row is behind the stream. A missing row counts as version 0.
    Row { projection: &'static str, row_version: u64, stream_version: u64 },
    /// Row and stream are at this version. The key of the personal data is destroyed, and no event says so yet.
    Erasure { projection: &'static str, version: u64 },
}

impl Lag {
    /// The row's version.
    pub(crate) const fn row_version(self) -> u64 {
        match self {
            Self::Row { row_version, .. } => row_version,
            Self::Erasure { version, .. } => version,
        }
    }
}

/// The events of one stream, folded for each projection and for the kept state.
struct StreamFolds {
    rows: Vec<RowsCheck>,
    state: Option<Box<dyn StateFold>>,
}

impl StreamFolds {
    fn break_off(&mut self) {
        self.rows.iter_mut().for_each(RowsCheck::break_off);
        self.state = None;
    }
}

impl StreamCheck {
    /// Reads a stream's rows, then its lines, then its commits. In this order, the commit of a row or a line existed
    /// before it was read. If the three are read ahead in pages of many streams, this is not certain. Then a finding
    /// must be checked a second time.
    pub(crate) async fn at(
        stream_id: StreamId,
        earlier_head: Option<Head>,
        sides: &mut BothSides<'_>,
    ) -> Result<Self, VerifyError> {
        let mut check = Self::default();
        let mut folds = StreamFolds { rows: Vec::new(), state: None };
        for pages in &mut sides.projections {
            let row = pages.rows.next_of(stream_id).await?;
            pages.lines.next_place().await?;
            folds.rows.push(RowsCheck::new(stream_id, pages.projection, row, &mut sides.joint, &mut check.findings));
        }
        let mut chain = ChainCheck::new(stream_id, earlier_head);
        while let Some(scanned) = sides.commits.next_of(stream_id).await? {
            check.commits += 1;
            chain.add(&scanned, &mut check.findings);
            check.fold(&scanned, &chain, &mut folds, sides).await?;
        }
        chain.finish(&mut check.findings);
        check.head = chain.head();
        let stream_type = chain.aggregate_type().map(ToOwned::to_owned);
        for (rows, pages) in folds.rows.iter_mut().zip(&mut sides.projections) {
            let lines = &mut pages.lines;
            check.compare_ends(stream_id, &chain, stream_type.as_deref(), rows, lines, &mut sides.joint).await?;
        }
        check.mark_sides_as_either();
        Ok(check)
    }

    async fn fold(
        &mut self,
        scanned: &ScannedOpenedCommit,
        chain: &ChainCheck,
        folds: &mut StreamFolds,
        sides: &mut BothSides<'_>,
    ) -> Result<(), VerifyError> {
        let Ok(stored) = scanned.stored() else { return Ok(()) };
        self.events += stored.draft.events.len() as u64;
        if !chain.is_whole() || chain.aggregate_type() != Some(&stored.draft.aggregate_type) {
            folds.break_off();
            return Ok(());
        }
        if stored.draft.first_version == 1 {
            folds.state = sides.aggregate(&stored.draft.aggregate_type).map(AnyAggregate::begin);
        }
        match &scanned.commit {
            Ok(Ok(opened)) => self.fold_opened(opened, folds, sides).await,
            // A part that cannot be opened must not be taken for an erased part.
            Ok(Err(_)) => {
                let damage = Damage::Unreadable { reason: "its personal data cannot be opened".to_owned() };
                self.add(scanned.place.stream_id, Some(stored.draft.first_version), damage);
                folds.break_off();
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    async fn fold_opened(
        &mut self,
        opened: &OpenedCommit,
        folds: &mut StreamFolds,
        sides: &mut BothSides<'_>,
    ) -> Result<(), VerifyError> {
        let draft = &opened.commit().draft;
        for event in opened.envelopes() {
            for (rows, pages) in folds.rows.iter_mut().zip(&mut sides.projections) {
                if !rows.projection().reads(&draft.aggregate_type) {
                    continue;
                }
                if let Some(damage) = rows.apply(&event, &mut pages.lines, &mut sides.joint, &mut self.findings).await?
                {
                    // No later event can say more about the stream.
                    folds.state = None;
                    self.add(draft.stream_id, Some(event.version), damage);
                }
            }
            let unreadable = folds.state.as_mut().and_then(|state| state.apply(&event).err());
            if let Some(reason) = unreadable {
                folds.state = None;
                self.add(draft.stream_id, Some(event.version), Damage::UndecodableEvent { reason });
            }
        }
        if let Some(damage) = folds.state.as_ref().and_then(|state| state.compare(&draft.state)) {
            self.add(draft.stream_id, Some(draft.first_version), damage);
        }
        Ok(())
    }

    /// Compares where stream, row and lines end. It is called after the last event of a stream.
    async fn compare_ends(
        &mut self,
        stream_id: StreamId,
        chain: &ChainCheck,
        stream_type: Option<&str>,
        rows: &mut RowsCheck,
        lines: &mut LinePages<'_>,
        joint: &mut JointCheck,
    ) -> Result<(), VerifyError> {
        let projection = rows.projection().name();
        let stream_version = chain.version();
        if stream_version == 0 {
            rows.skip_lines(lines, joint).await?;
            if let Some(expected) = rows.seen_version() {
                self.add_in(stream_id, None, projection, Damage::StreamMissing { expected });
            }
            return Ok(());
        }
        let is_read = stream_type.is_none_or(|stream_type| rows.projection().reads(stream_type));
        if !is_read || !chain.is_whole() || !rows.is_folded() {
            rows.skip_lines(lines, joint).await?;
            let has_rows = rows.seen_version().is_some() || rows.is_row_unreadable();
            if let Some(found) = stream_type.filter(|_| has_rows && !is_read) {
                self.add_in(stream_id, None, projection, Damage::StreamOfAnotherKind { found: found.to_owned() });
            }
            return Ok(());
        }
        self.is_projected |= rows.makes_a_row();
        rows.finish(lines, joint, &mut self.findings).await?;
        if rows.is_row_unreadable() {
            return Ok(());
        }
        let row_version = rows.row_version();
        if row_version > stream_version {
            let damage = Damage::StreamEndMissing { found: stream_version, expected: row_version };
            self.add_in(stream_id, Some(row_version), projection, damage);
        } else if row_version == 0 && rows.seen_version().is_some() {
            self.add_in(stream_id, None, projection, Damage::RowMissing { expected: stream_version });
        } else if row_version < stream_version {
            self.lag = self.lag.or(Some(Lag::Row { projection, row_version, stream_version }));
        } else if rows.is_outliving_its_key() {
            self.lag = self.lag.or(Some(Lag::Erasure { projection, version: stream_version }));
        }
        Ok(())
    }

    /// Adds a finding about the event store. Two projections may meet the same finding.
    fn add(&mut self, stream_id: StreamId, version: Option<u64>, damage: Damage) {
        let finding = Finding::in_stream(stream_id, version, damage);
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    fn add_in(&mut self, stream_id: StreamId, version: Option<u64>, projection: &'static str, damage: Damage) {
        self.findings.push(Finding::in_projection(stream_id, version, projection, damage));
    }

    /// Marks the findings about the rows as findings about either database. If the event store is damaged, rows that
    /// differ from it may be correct.
    fn mark_sides_as_either(&mut self) {
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
