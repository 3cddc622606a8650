use cqrs::{EventEnvelope, StreamId};
use projection::{AnyProjection, Cell, Cells, FoldError, ReadDbError, RowFold, ScannedLine, ScannedRow, VERSION};

use crate::joint_check::{JointCheck, Origin};
use crate::pages::LinePages;
use crate::{Damage, Finding};

/// The number of findings about one stream's lines that are listed. The others are only counted.
const MAX_LISTED_LINES: u64 = 10;

/// Compares the stored row and lines of one stream in one projection with those that the stream's events give, as the
/// events come.
pub(crate) struct RowsCheck {
    stream_id: StreamId,
    projection: &'static dyn AnyProjection,
    /// The fold; `None` if the stream's events cannot be folded further.
    fold: Option<Box<dyn RowFold>>,
    /// The stored row; `None` if there is no row, or if it cannot be read.
    row: Option<Cells>,
    is_row_readable: bool,
    last_line: Option<u64>,
    line_findings: u64,
    is_outliving_its_key: bool,
}

impl RowsCheck {
    /// A check of a stream with this row.
    pub(crate) fn new(
        stream_id: StreamId,
        projection: &'static dyn AnyProjection,
        row: Option<ScannedRow>,
        joint: &mut JointCheck,
        findings: &mut Vec<Finding>,
    ) -> Self {
        let readable = |cells: Cells| match projection.check_row(&cells) {
            Ok(()) => Ok(cells),
            Err(error) => Err(error.to_string()),
        };
        let (row, is_row_readable) = match row.map(|scanned| scanned.row.and_then(readable)) {
            None => (None, true),
            Some(Ok(row)) => {
                joint.add(Origin::Rows, projection, &row);
                (Some(row), true)
            }
            Some(Err(reason)) => {
                let damage = Damage::RowUnreadable { reason };
                findings.push(Finding::in_projection(stream_id, None, projection.name(), damage));
                (None, false)
            }
        };
        Self {
            stream_id,
            projection,
            fold: projection.fold_from(stream_id, None).ok(),
            row,
            is_row_readable,
            last_line: None,
            line_findings: 0,
            is_outliving_its_key: false,
        }
    }

    /// The projection that is checked.
    pub(crate) const fn projection(&self) -> &'static dyn AnyProjection {
        self.projection
    }

    /// The row's version; 0 where there is no row.
    pub(crate) fn row_version(&self) -> u64 {
        self.row.as_ref().map_or(0, Cells::version)
    }

    /// Whether the row cannot be read, so that its version is unknown.
    pub(crate) const fn is_row_unreadable(&self) -> bool {
        !self.is_row_readable
    }

    /// Whether the events so far were folded.
    pub(crate) const fn is_folded(&self) -> bool {
        self.fold.is_some()
    }

    /// Whether the events give a row.
    pub(crate) fn makes_a_row(&self) -> bool {
        self.fold.as_ref().is_some_and(|fold| fold.version() > 0)
    }

    /// Ends the folding: no event from here on can be folded.
    pub(crate) fn break_off(&mut self) {
        self.fold = None;
    }

    /// Whether the row shows personal data although its key is destroyed and no event up to the row's version says so.
    /// An erasure is on its way, or was left halfway.
    pub(crate) const fn is_outliving_its_key(&self) -> bool {
        self.is_outliving_its_key
    }

    /// The latest version of the stream in the read side; `None` if the read side has no entry of it.
    pub(crate) fn seen_version(&self) -> Option<u64> {
        self.row.as_ref().map(Cells::version).max(self.last_line)
    }

    /// Folds the stream's next event, and compares the stored row and lines of its version.
    ///
    /// If the event cannot be folded, answers the damage. Then the check ends.
    pub(crate) async fn apply(
        &mut self,
        event: &EventEnvelope,
        lines: &mut LinePages<'_>,
        joint: &mut JointCheck,
        findings: &mut Vec<Finding>,
    ) -> Result<Option<Damage>, ReadDbError> {
        let row_version = self.row_version();
        let Some(fold) = &mut self.fold else { return Ok(None) };
        let expected_lines = match fold.apply_strictly(event) {
            Ok(expected_lines) => expected_lines,
            Err(error) => {
                self.fold = None;
                let reason = error.to_string();
                return Ok(Some(match error {
                    FoldError::Undecodable(_) => Damage::UndecodableEvent { reason },
                    FoldError::OutOfOrder { .. } | FoldError::Impossible { .. } => Damage::ImpossibleEvent { reason },
                }));
            }
        };
        if row_version == event.version {
            let (expected_row, is_erased) = (fold.row(), fold.is_erased());
            self.compare_row(expected_row, is_erased, findings);
        }
        for line in &expected_lines {
            joint.add(Origin::Events, self.projection, line);
        }
        self.compare_lines(event.version, expected_lines, lines, joint, findings).await?;
        Ok(None)
    }

    fn compare_row(&mut self, expected: Option<Cells>, is_erased: bool, findings: &mut Vec<Finding>) {
        let (Some(expected), Some(found)) = (expected, &self.row) else { return };
        let columns = self.projection.row_table().columns;
        for ((column, expected), found) in columns.iter().zip(expected.values()).zip(found.values()) {
            if expected == found || column.name == VERSION {
                continue;
            }
            let is_erased_value = column.erased.is_some_and(|erased| *expected == Cell::from(erased));
            if is_erased_value && !is_erased {
                self.is_outliving_its_key = true;
                continue;
            }
            let (expected, found) = (expected.to_string(), found.to_string());
            let damage = Damage::RowDiffers { member: column.name, expected, found };
            findings.push(Finding::in_projection(
                self.stream_id,
                Some(self.row_version()),
                self.projection.name(),
                damage,
            ));
        }
    }

    async fn compare_lines(
        &mut self,
        version: u64,
        expected: Vec<Cells>,
        lines: &mut LinePages<'_>,
        joint: &mut JointCheck,
        findings: &mut Vec<Finding>,
    ) -> Result<(), ReadDbError> {
        let mut missing: Vec<Cells> = expected;
        while let Some(scanned) = lines.next_up_to(self.stream_id, version).await? {
            let is_it = |line: &Cells| (line.version(), line.line()) == (scanned.place.version, scanned.place.line);
            let expected = missing.iter().position(is_it).map(|place| missing.remove(place));
            self.add_stored_line(&scanned, joint);
            self.compare_line(expected.as_ref(), &scanned, findings);
        }
        if version <= self.row_version() {
            for _ in missing {
                self.add(version, Damage::LineMissing, findings);
            }
        }
        Ok(())
    }

    fn compare_line(&mut self, expected: Option<&Cells>, scanned: &ScannedLine, findings: &mut Vec<Finding>) {
        let version = scanned.place.version;
        self.last_line = Some(version);
        let Some(expected) = expected else {
            return self.add(version, Damage::LineWithoutEvent, findings);
        };
        let readable = match &scanned.line {
            Ok(line) => self.projection.check_line(line).map(|()| line).map_err(|error| error.to_string()),
            Err(reason) => Err(reason.clone()),
        };
        match readable {
            Err(reason) => self.add(version, Damage::LineUnreadable { reason }, findings),
            Ok(line) => {
                let columns = expected.table().columns;
                for ((column, expected), found) in columns.iter().zip(expected.values()).zip(line.values()) {
                    if expected != found {
                        let (expected, found) = (expected.to_string(), found.to_string());
                        self.add(version, Damage::LineDiffers { member: column.name, expected, found }, findings);
                    }
                }
            }
        }
    }

    /// Skips the stream's other lines, because no event that can be folded gives their content.
    pub(crate) async fn skip_lines(
        &mut self,
        lines: &mut LinePages<'_>,
        joint: &mut JointCheck,
    ) -> Result<(), ReadDbError> {
        while let Some(scanned) = lines.next_up_to(self.stream_id, u64::MAX).await? {
            self.last_line = Some(scanned.place.version);
            self.add_stored_line(&scanned, joint);
        }
        Ok(())
    }

    /// Compares the lines after the stream's last event, and checks that row and lines belong together.
    pub(crate) async fn finish(
        &mut self,
        lines: &mut LinePages<'_>,
        joint: &mut JointCheck,
        findings: &mut Vec<Finding>,
    ) -> Result<(), ReadDbError> {
        if let Some(row) = self.fold.as_ref().and_then(|fold| fold.row()) {
            joint.add(Origin::Events, self.projection, &row);
        }
        while let Some(scanned) = lines.next_up_to(self.stream_id, u64::MAX).await? {
            self.last_line = Some(scanned.place.version);
            self.add_stored_line(&scanned, joint);
            // If the row also includes these lines, they belong to a stream whose end was cut off.
            if scanned.place.version > self.row_version() {
                self.add(scanned.place.version, Damage::LineWithoutEvent, findings);
            }
        }
        let (row_version, last_line) = (self.row_version(), self.last_line);
        let mut find = |version, damage| {
            findings.push(Finding::in_projection(self.stream_id, version, self.projection.name(), damage));
        };
        if self.row.is_some() && last_line.is_some_and(|last_line| last_line > row_version) {
            find(last_line, Damage::LinesAheadOfRow { found: row_version });
        }
        if let Some(count) = self.line_findings.checked_sub(MAX_LISTED_LINES).filter(|count| *count > 0) {
            find(None, Damage::MoreLines { count });
        }
        Ok(())
    }

    fn add_stored_line(&self, scanned: &ScannedLine, joint: &mut JointCheck) {
        if let Ok(line) = &scanned.line {
            joint.add(Origin::Rows, self.projection, line);
        }
    }

    fn add(&mut self, version: u64, damage: Damage, findings: &mut Vec<Finding>) {
        self.line_findings += 1;
        if self.line_findings <= MAX_LISTED_LINES {
            findings.push(Finding::in_projection(self.stream_id, Some(version), self.projection.name(), damage));
        }
    }
}
