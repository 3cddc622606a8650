//! A case's row in the read database.

use cqrs::Timestamp;
use projection::{Cell, CellError, Cells, Column, Table, TableRow, VERSION, VersionedRow};
use serde::{Deserialize, Serialize};

use super::case::{CaseId, DocketNumber, HearingNumber, HearingStatus, Name, Verdict};

/// A case as queries ask for it. It is not the state that decisions need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseEntity {
    /// The key.
    pub case_id: CaseId,
    /// The court's number of the case.
    pub docket_number: DocketNumber,
    /// The party that filed the case.
    pub plaintiff: Name,
    /// The party that the case is against.
    pub defendant: Name,
    /// The hearings by number, including those that are over.
    pub hearings: Vec<HearingEntity>,
    /// The verdict, once there is one.
    pub verdict: Option<Verdict>,
    /// The number of the stream's events in this row: all of the first ones, up to this number.
    pub version: u64,
    /// The time of the newest event in this row.
    pub updated_at: Timestamp,
}

/// A hearing in its case's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HearingEntity {
    /// Its number.
    pub hearing: HearingNumber,
    /// The time at which it begins or began, or was to begin.
    pub starts_at: Timestamp,
    /// The room, if it was recorded.
    pub room: Option<Name>,
    /// How the hearing stands.
    pub status: HearingStatus,
}

impl VersionedRow for CaseEntity {
    fn version(&self) -> u64 {
        self.version
    }
}

impl TableRow for CaseEntity {
    const TABLE: &'static Table = &Table {
        name: "cases",
        columns: &[
            Column::id("case_id"),
            Column::text("docket_number", 140),
            Column::text("plaintiff", 140),
            Column::text("defendant", 140),
            // As JSON: no query looks into it.
            Column::long_text("hearings").changing(),
            Column::text("verdict", 16).optional().changing(),
            Column::count(VERSION).changing(),
            Column::integer("updated_at_us").changing(),
        ],
    };

    fn cells(&self) -> Vec<Cell> {
        vec![
            self.case_id.stream_id().into(),
            self.docket_number.as_str().into(),
            self.plaintiff.as_str().into(),
            self.defendant.as_str().into(),
            serde_json::to_string(&self.hearings).expect("texts and integers are plain JSON").as_str().into(),
            self.verdict.map(Verdict::as_str).into(),
            self.version.into(),
            self.updated_at.into(),
        ]
    }

    fn read(cells: &Cells) -> Result<Self, CellError> {
        let unreadable =
            |error: serde_json::Error| CellError::Unreadable { column: "hearings", reason: error.to_string() };
        Ok(Self {
            case_id: CaseId::from_stream(cells.id("case_id")?),
            docket_number: cells.parsed("docket_number")?,
            plaintiff: cells.parsed("plaintiff")?,
            defendant: cells.parsed("defendant")?,
            hearings: serde_json::from_str(cells.text("hearings")?).map_err(unreadable)?,
            verdict: cells.if_any("verdict", Cells::parsed)?,
            version: cells.count(VERSION)?,
            updated_at: cells.time("updated_at_us")?,
        })
    }
}
