use bank::HolderName;
use bank_read_model::{BankAccountEntity, LinePlace, ReadDbError, ScannedLine, ScannedRow, StatementLine};
use cqrs::StreamId;

use crate::pages::LinePages;
use crate::{Damage, Finding};

/// As many findings of one account's lines are listed; the rest is counted.
const MAX_LISTED_LINES: u64 = 10;

/// One account's row and lines as they are, held against those that its events make, as these come.
pub(crate) struct RowsCheck {
    stream_id: StreamId,
    /// None where there is none, or none that can be read.
    row: Option<BankAccountEntity>,
    is_row_readable: bool,
    last_line: Option<u64>,
    line_findings: u64,
    is_name_outliving_key: bool,
}

impl RowsCheck {
    /// Of an account with this row.
    pub(crate) fn new(stream_id: StreamId, row: Option<ScannedRow>, findings: &mut Vec<Finding>) -> Self {
        let (row, is_row_readable) = match row.map(|scanned| scanned.row) {
            None => (None, true),
            Some(Ok(row)) => (Some(row), true),
            Some(Err(reason)) => {
                findings.push(Finding::in_stream(stream_id, None, Damage::RowUnreadable { reason }));
                (None, false)
            }
        };
        Self { stream_id, row, is_row_readable, last_line: None, line_findings: 0, is_name_outliving_key: false }
    }

    /// The row's version; 0 where there is none.
    pub(crate) fn row_version(&self) -> u64 {
        self.row.as_ref().map_or(0, |row| row.version)
    }

    /// Whether there is a row that cannot be read, so that nothing is known of its version.
    pub(crate) const fn is_row_unreadable(&self) -> bool {
        !self.is_row_readable
    }

    /// Whether the row shows the holder's name, whose key is destroyed, and no event up to the row's version says so: an
    /// erasure is on its way, or was left halfway.
    pub(crate) const fn is_name_outliving_key(&self) -> bool {
        self.is_name_outliving_key
    }

    /// The latest version that the read side has of the account; none where it has nothing of it.
    pub(crate) fn seen_version(&self) -> Option<u64> {
        self.row.as_ref().map(|row| row.version).max(self.last_line)
    }

    /// The account has had one more event: what its row and line have to be after it, and whether one of its events says
    /// that its holder was erased.
    pub(crate) async fn expect(
        &mut self,
        row: &BankAccountEntity,
        is_holder_erased: bool,
        line: Option<&StatementLine>,
        lines: &mut LinePages<'_>,
        findings: &mut Vec<Finding>,
    ) -> Result<(), ReadDbError> {
        if let Some(found) = self.row.as_ref().filter(|found| found.version == row.version) {
            for (member, expected, found) in row_differences(row, found) {
                if member == HOLDER && expected == HolderName::ERASED && !is_holder_erased {
                    self.is_name_outliving_key = true;
                    continue;
                }
                let damage = Damage::RowDiffers { member, expected, found };
                findings.push(Finding::in_stream(self.stream_id, Some(row.version), damage));
            }
        }
        let mut is_line_there = false;
        while let Some(found) = lines.next_up_to(self.stream_id, row.version).await? {
            is_line_there |= found.place.version == row.version;
            let expected = line.filter(|line| line.version == found.place.version);
            self.compare_line(expected, &found, findings);
        }
        if line.is_some() && !is_line_there && row.version <= self.row_version() {
            self.add(row.version, Damage::LineMissing, findings);
        }
        Ok(())
    }

    fn compare_line(&mut self, expected: Option<&StatementLine>, found: &ScannedLine, findings: &mut Vec<Finding>) {
        let LinePlace { version, .. } = found.place;
        self.last_line = Some(version);
        match (expected, &found.line) {
            (None, _) => self.add(version, Damage::LineWithoutEvent, findings),
            (Some(_), Err(reason)) => {
                self.add(version, Damage::LineUnreadable { reason: reason.clone() }, findings);
            }
            (Some(expected), Ok(found)) => {
                for (member, expected, found) in line_differences(expected, found) {
                    self.add(version, Damage::LineDiffers { member, expected, found }, findings);
                }
            }
        }
    }

    /// Passes the account's other lines over, since no event that can be folded says what they must be.
    pub(crate) async fn skip_lines(&mut self, lines: &mut LinePages<'_>) -> Result<(), ReadDbError> {
        while let Some(found) = lines.next_up_to(self.stream_id, u64::MAX).await? {
            self.last_line = Some(found.place.version);
        }
        Ok(())
    }

    /// After the stream's last event: what lines there are behind it, and whether row and lines belong together.
    pub(crate) async fn finish(
        &mut self,
        lines: &mut LinePages<'_>,
        findings: &mut Vec<Finding>,
    ) -> Result<(), ReadDbError> {
        while let Some(found) = lines.next_up_to(self.stream_id, u64::MAX).await? {
            self.last_line = Some(found.place.version);
            // Those that the row has too are the end of a stream that was cut off.
            if found.place.version > self.row_version() {
                self.add(found.place.version, Damage::LineWithoutEvent, findings);
            }
        }
        if let (Some(row), Some(last_line)) = (&self.row, self.last_line)
            && last_line > row.version
        {
            let damage = Damage::LinesAheadOfRow { found: row.version };
            findings.push(Finding::in_stream(self.stream_id, Some(last_line), damage));
        }
        if let Some(count) = self.line_findings.checked_sub(MAX_LISTED_LINES).filter(|count| *count > 0) {
            findings.push(Finding::in_stream(self.stream_id, None, Damage::MoreLines { count }));
        }
        Ok(())
    }

    fn add(&mut self, version: u64, damage: Damage, findings: &mut Vec<Finding>) {
        self.line_findings += 1;
        if self.line_findings <= MAX_LISTED_LINES {
            findings.push(Finding::in_stream(self.stream_id, Some(version), damage));
        }
    }
}

const HOLDER: &str = "holder";

/// A member's name, what it has to be, what it is.
type Difference = (&'static str, String, String);

fn row_differences(expected: &BankAccountEntity, found: &BankAccountEntity) -> Vec<Difference> {
    let members = [
        ("owner", expected.owner.clone(), found.owner.clone()),
        (HOLDER, expected.holder.clone(), found.holder.clone()),
        ("kind", expected.kind.as_str().to_owned(), found.kind.as_str().to_owned()),
        ("balance", format!("{:?}", expected.balance), format!("{:?}", found.balance)),
        ("status", expected.status.as_str().to_owned(), found.status.as_str().to_owned()),
        ("opened_at", expected.opened_at.to_string(), found.opened_at.to_string()),
        ("updated_at", expected.updated_at.to_string(), found.updated_at.to_string()),
    ];
    members.into_iter().filter(|(_, expected, found)| expected != found).collect()
}

fn line_differences(expected: &StatementLine, found: &StatementLine) -> Vec<Difference> {
    let members = [
        ("type", expected.kind.as_str().to_owned(), found.kind.as_str().to_owned()),
        ("amount", format!("{:?}", expected.amount), format!("{:?}", found.amount)),
        ("balance_after", format!("{:?}", expected.balance_after), format!("{:?}", found.balance_after)),
        ("reference", format!("{:?}", expected.reference), format!("{:?}", found.reference)),
        ("occurred_at", expected.occurred_at.to_string(), found.occurred_at.to_string()),
    ];
    members.into_iter().filter(|(_, expected, found)| expected != found).collect()
}
