//! How a case's events become its row and the entries of its docket. All else follows from this declaration.

use cqrs::{AggregateRoot as _, DomainEvent as _, EventDecodeError, EventEnvelope};
use projection::{EventPlace, Projected, Projection};

use super::case::{Case, CaseEvent, CaseId, HearingNumber, HearingStatus};
use super::case_entity::{CaseEntity, HearingEntity};
use super::docket_entry::{DocketEntry, DocketEntryKind};

/// The rows of cases and the entries of their dockets.
pub struct CaseProjection;

/// Why an event cannot follow on a case's row. Handling: the event is kept aside; the event store or the row is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseProjectionError {
    /// Something happened to a case that is not there.
    #[error("the first event of a case must be CaseFiled")]
    NotFiled,
    /// A case was filed that is there.
    #[error("the case has been filed already")]
    FiledTwice,
    /// Something happened to a hearing that is not there.
    #[error("the case has no hearing {hearing}")]
    NoSuchHearing {
        /// The number.
        hearing: HearingNumber,
    },
}

impl Projection for CaseProjection {
    const NAME: &'static str = "cases";
    const VERSION: u32 = 1;
    const AGGREGATE_TYPES: &'static [&'static str] = &[Case::AGGREGATE_TYPE];

    type Event = CaseEvent;
    type Row = CaseEntity;
    type Line = DocketEntry;
    type Error = CaseProjectionError;

    fn decode(event: &EventEnvelope) -> Result<CaseEvent, EventDecodeError> {
        CaseEvent::from_data(&event.event_type, event.schema_version, &event.data)
    }

    fn after(
        row: Option<&CaseEntity>,
        at: EventPlace,
        event: &CaseEvent,
    ) -> Result<Projected<CaseEntity, DocketEntry>, CaseProjectionError> {
        if let CaseEvent::CaseFiled { docket_number, plaintiff, defendant } = event {
            if row.is_some() {
                return Err(CaseProjectionError::FiledTwice);
            }
            let filed = CaseEntity {
                case_id: CaseId::from_stream(at.stream_id),
                docket_number: docket_number.clone(),
                plaintiff: plaintiff.clone(),
                defendant: defendant.clone(),
                hearings: Vec::new(),
                verdict: None,
                version: at.version,
                updated_at: at.occurred_at,
            };
            return Ok(Projected { row: filed, lines: vec![entry(at, 0, DocketEntryKind::Filed, None)] });
        }
        let before = row.ok_or(CaseProjectionError::NotFiled)?;
        let mut after = CaseEntity { version: at.version, updated_at: at.occurred_at, ..before.clone() };
        let lines = match event {
            // The event is handled above.
            CaseEvent::CaseFiled { .. } => vec![],
            CaseEvent::HearingScheduled { hearing, starts_at, room } => {
                let scheduled = HearingEntity {
                    hearing: *hearing,
                    starts_at: *starts_at,
                    room: room.clone(),
                    status: HearingStatus::Scheduled,
                };
                after.hearings.push(scheduled.clone());
                vec![entry(at, 0, DocketEntryKind::Scheduled, Some(&scheduled))]
            }
            CaseEvent::HearingAdjourned { hearing } => {
                let ended = after.end_hearing(*hearing, HearingStatus::Adjourned)?;
                // Two entries: the second one tells the clerk who plans the rooms that the old time is free.
                vec![
                    entry(at, 0, DocketEntryKind::Adjourned, Some(ended)),
                    entry(at, 1, DocketEntryKind::TimeFree, Some(ended)),
                ]
            }
            CaseEvent::HearingHeld { hearing } => {
                let ended = after.end_hearing(*hearing, HearingStatus::Held)?;
                vec![entry(at, 0, DocketEntryKind::Held, Some(ended))]
            }
            CaseEvent::HearingCancelled { hearing } => {
                let ended = after.end_hearing(*hearing, HearingStatus::Cancelled)?;
                vec![entry(at, 0, DocketEntryKind::Cancelled, Some(ended))]
            }
            CaseEvent::CaseDecided { verdict } => {
                after.verdict = Some(*verdict);
                vec![entry(at, 0, DocketEntryKind::Decided, None)]
            }
        };
        Ok(Projected { row: after, lines })
    }

    fn objection(row: &CaseEntity, _event: &CaseEvent) -> Option<&'static str> {
        row.verdict.map(|_| "the case has been decided")
    }
}

impl CaseEntity {
    fn end_hearing(
        &mut self,
        hearing: HearingNumber,
        status: HearingStatus,
    ) -> Result<&HearingEntity, CaseProjectionError> {
        let ended = self.hearings.iter_mut().find(|entity| entity.hearing == hearing);
        let ended = ended.ok_or(CaseProjectionError::NoSuchHearing { hearing })?;
        ended.status = status;
        Ok(ended)
    }
}

fn entry(at: EventPlace, line: u64, kind: DocketEntryKind, hearing: Option<&HearingEntity>) -> DocketEntry {
    DocketEntry {
        case_id: CaseId::from_stream(at.stream_id),
        version: at.version,
        line,
        kind,
        hearing: hearing.map(|hearing| hearing.hearing),
        starts_at: hearing.map(|hearing| hearing.starts_at),
        occurred_at: at.occurred_at,
    }
}
