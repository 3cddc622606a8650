//! How events become a case's row and the entries of its docket: given, when, then.

use cqrs::EventEnvelope;
use projection::Projection as _;
use projection::spec::{MemoryRows, ProjectionSpec, Then, occurred_at, stream};
use serde_json::json;

use super::case::{CaseEvent, CaseId, HearingNumber, HearingStatus, Verdict};
use super::case_entity::{CaseEntity, HearingEntity};
use super::case_projection::CaseProjection;
use super::court::{at, docket_number};
use super::docket_entry::{DocketEntry, DocketEntryKind};

type Cases = ProjectionSpec<CaseProjection>;

fn id() -> CaseId {
    CaseId::of(&docket_number("2 O 131/26"))
}

fn filed() -> CaseEvent {
    CaseEvent::CaseFiled {
        docket_number: docket_number("2 O 131/26"),
        plaintiff: "Ann Lee".parse().expect("a name"),
        defendant: "Bob Roe".parse().expect("a name"),
    }
}

fn scheduled(hearing: u32, hour: u32) -> CaseEvent {
    let room = Some("Room 5".parse().expect("a name"));
    CaseEvent::HearingScheduled { hearing: HearingNumber(hearing), starts_at: at(hour), room }
}

fn adjourned(hearing: u32) -> CaseEvent {
    CaseEvent::HearingAdjourned { hearing: HearingNumber(hearing) }
}

/// The case's stream with these events.
fn case(events: &[CaseEvent]) -> Vec<EventEnvelope> {
    stream("case", id().stream_id(), events)
}

/// The given events, and the next one.
fn given(given: &[CaseEvent], next: CaseEvent) -> (Cases, EventEnvelope) {
    let mut events = case(&[given, &[next]].concat());
    let next = events.pop().expect("one event at least");
    (Cases::given(events), next)
}

fn hearing(hearing: u32, hour: u32, status: HearingStatus) -> HearingEntity {
    let room = Some("Room 5".parse().expect("a name"));
    HearingEntity { hearing: HearingNumber(hearing), starts_at: at(hour), room, status }
}

#[test]
fn given_nothing_when_a_case_is_filed_then_it_has_a_row_and_a_first_entry() {
    let (cases, next) = given(&[], filed());
    let row = CaseEntity {
        case_id: id(),
        docket_number: docket_number("2 O 131/26"),
        plaintiff: "Ann Lee".parse().expect("a name"),
        defendant: "Bob Roe".parse().expect("a name"),
        hearings: vec![],
        verdict: None,
        version: 1,
        updated_at: occurred_at(1),
    };
    let entry = DocketEntry {
        case_id: id(),
        version: 1,
        line: 0,
        kind: DocketEntryKind::Filed,
        hearing: None,
        starts_at: None,
        occurred_at: occurred_at(1),
    };
    assert_eq!(cases.when(&next), Then::Applied { row, lines: vec![entry] });
}

#[test]
fn given_a_hearing_when_it_is_adjourned_then_the_docket_has_two_entries() {
    let (cases, next) = given(&[filed(), scheduled(1, 9)], adjourned(1));
    let Then::Applied { row, lines } = cases.when(&next) else { panic!("the adjournment is applied") };
    assert_eq!((row.version, row.hearings), (3, vec![hearing(1, 9, HearingStatus::Adjourned)]));
    let entries: Vec<_> = lines.iter().map(|entry| (entry.version, entry.line, entry.kind)).collect();
    assert_eq!(entries, [(3, 0, DocketEntryKind::Adjourned), (3, 1, DocketEntryKind::TimeFree)]);
    assert_eq!(lines[1].starts_at, Some(at(9)));
}

#[test]
fn given_hearings_when_one_is_held_and_one_is_called_off_then_each_keeps_its_place_in_the_row() {
    let held = CaseEvent::HearingHeld { hearing: HearingNumber(1) };
    let cancelled = CaseEvent::HearingCancelled { hearing: HearingNumber(2) };
    let (cases, next) = given(&[filed(), scheduled(1, 9), scheduled(2, 10), held], cancelled);
    let Then::Applied { row, lines } = cases.when(&next) else { panic!("it is applied") };
    assert_eq!(row.hearings, [hearing(1, 9, HearingStatus::Held), hearing(2, 10, HearingStatus::Cancelled)]);
    assert_eq!(lines.iter().map(|entry| entry.kind).collect::<Vec<_>>(), [DocketEntryKind::Cancelled]);
}

#[test]
fn given_a_case_when_it_is_decided_then_the_row_has_the_verdict_and_later_events_meet_an_objection() {
    let (cases, next) = given(&[filed()], CaseEvent::CaseDecided { verdict: Verdict::Plaintiff });
    let Then::Applied { row, .. } = cases.when(&next) else { panic!("the verdict is applied") };
    assert_eq!(row.verdict, Some(Verdict::Plaintiff));
    assert_eq!(CaseProjection::objection(&row, &scheduled(1, 9)), Some("the case has been decided"));
    let undecided = CaseEntity { verdict: None, ..row };
    assert_eq!(CaseProjection::objection(&undecided, &scheduled(1, 9)), None);
}

#[test]
fn given_events_that_cannot_follow_then_each_is_rejected_with_its_reason() {
    for (before, next, reason) in [
        (vec![], scheduled(1, 9), "the first event of a case must be CaseFiled"),
        (vec![filed()], filed(), "the case has been filed already"),
        (vec![filed()], adjourned(7), "the case has no hearing 7"),
    ] {
        let (cases, next) = given(&before, next);
        assert_eq!(cases.when(&next), Then::Rejected { reason: reason.to_owned() });
    }
}

#[test]
fn given_a_hearing_of_the_first_schema_version_then_its_row_has_no_room() {
    let mut events = case(&[filed(), scheduled(1, 9)]);
    events[1].schema_version = 1;
    events[1].data = json!({"hearing": 1, "starts_at": at(9)});
    let mut rows = MemoryRows::<CaseProjection>::default();
    assert_eq!(rows.deliver(&events).applied, 2);
    assert_eq!(rows.row(id().stream_id()).expect("a row").hearings[0].room, None);
}

#[test]
fn given_any_order_repeats_and_poison_then_the_rows_are_those_of_the_stream_in_order() {
    let held = CaseEvent::HearingHeld { hearing: HearingNumber(2) };
    let decided = CaseEvent::CaseDecided { verdict: Verdict::Defendant };
    let cases = Cases::given(case(&[filed(), scheduled(1, 9), adjourned(1), scheduled(2, 10), held, decided]));
    cases.holds_in_any_order_and_with_repeats();
    cases.holds_with_each_event_poisoned_and_mended();
}
