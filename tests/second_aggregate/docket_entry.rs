//! The lines of a case's docket, in which the court's clerks look up what happened.

use std::str::FromStr;

use cqrs::Timestamp;
use projection::{Cell, CellError, Cells, Column, LINE, Table, TableRow, VERSION};

use super::case::{CaseId, HearingNumber};

/// An entry of a case's docket. An adjournment makes two entries, every other event makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocketEntry {
    /// The case.
    pub case_id: CaseId,
    /// The event's version.
    pub version: u64,
    /// The entry's number within its event, from 0. It is the third part of the key, after the case and the version.
    pub line: u64,
    /// What the entry says.
    pub kind: DocketEntryKind,
    /// The hearing that the entry is about, if it is about one.
    pub hearing: Option<HearingNumber>,
    /// The hearing's time, where the entry names it.
    pub starts_at: Option<Timestamp>,
    /// The time of the event.
    pub occurred_at: Timestamp,
}

/// What an entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocketEntryKind {
    /// The case was filed.
    Filed,
    /// A hearing has a time.
    Scheduled,
    /// A hearing was put off.
    Adjourned,
    /// The time of a hearing that was put off is free again.
    TimeFree,
    /// A hearing took place.
    Held,
    /// A hearing was called off.
    Cancelled,
    /// The case was decided.
    Decided,
}

/// A stored text that is no kind of entry. Handling: the read database is damaged or of a newer build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of docket entry")]
pub struct UnknownDocketEntryKind;

impl DocketEntryKind {
    const ALL: [Self; 7] =
        [Self::Filed, Self::Scheduled, Self::Adjourned, Self::TimeFree, Self::Held, Self::Cancelled, Self::Decided];

    /// The text in the databases.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Filed => "filed",
            Self::Scheduled => "scheduled",
            Self::Adjourned => "adjourned",
            Self::TimeFree => "time_free",
            Self::Held => "held",
            Self::Cancelled => "cancelled",
            Self::Decided => "decided",
        }
    }
}

impl FromStr for DocketEntryKind {
    type Err = UnknownDocketEntryKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownDocketEntryKind)
    }
}

impl TableRow for DocketEntry {
    const TABLE: &'static Table = &Table {
        name: "docket_entries",
        columns: &[
            Column::id("case_id"),
            Column::count(VERSION),
            Column::count(LINE),
            Column::text("kind", 16),
            Column::count("hearing").optional(),
            Column::integer("starts_at_us").optional(),
            Column::integer("occurred_at_us"),
        ],
    };

    fn cells(&self) -> Vec<Cell> {
        vec![
            self.case_id.stream_id().into(),
            self.version.into(),
            self.line.into(),
            self.kind.as_str().into(),
            self.hearing.map(|hearing| u64::from(hearing.0)).into(),
            self.starts_at.into(),
            self.occurred_at.into(),
        ]
    }

    fn read(cells: &Cells) -> Result<Self, CellError> {
        let unreadable =
            |error: std::num::TryFromIntError| CellError::Unreadable { column: "hearing", reason: error.to_string() };
        let hearing = cells.if_any("hearing", Cells::count)?.map(u32::try_from).transpose().map_err(unreadable)?;
        Ok(Self {
            case_id: CaseId::from_stream(cells.id("case_id")?),
            version: cells.count(VERSION)?,
            line: cells.count(LINE)?,
            kind: cells.parsed("kind")?,
            hearing: hearing.map(HearingNumber),
            starts_at: cells.if_any("starts_at_us", Cells::time)?,
            occurred_at: cells.time("occurred_at_us")?,
        })
    }
}
