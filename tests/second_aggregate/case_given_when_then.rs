//! Given these events, when this command, then these events or this refusal.

use cqrs::{AggregateRoot as _, Timestamp};

use super::case::{
    CancelHearing, Case, CaseError, CaseEvent, CaseId, DecideCase, HearingNumber, Name, ScheduleHearing, Verdict,
};
use super::court::{adjourning, at, docket_number, filing, holding, scheduling};

const NUMBER: &str = "2 O 131/26";

fn id() -> CaseId {
    CaseId::of(&docket_number(NUMBER))
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn given(events: &[CaseEvent]) -> Case {
    let mut case = Case::default();
    for event in events {
        case.apply(event);
    }
    case
}

fn filed() -> CaseEvent {
    CaseEvent::CaseFiled {
        docket_number: docket_number(NUMBER),
        plaintiff: name("Ann Lee"),
        defendant: name("Bob Roe"),
    }
}

fn scheduled(hearing: u32, starts_at: Timestamp, room: &str) -> CaseEvent {
    CaseEvent::HearingScheduled { hearing: HearingNumber(hearing), starts_at, room: Some(name(room)) }
}

fn adjourned(hearing: u32) -> CaseEvent {
    CaseEvent::HearingAdjourned { hearing: HearingNumber(hearing) }
}

fn held(hearing: u32) -> CaseEvent {
    CaseEvent::HearingHeld { hearing: HearingNumber(hearing) }
}

fn cancelled(hearing: u32) -> CaseEvent {
    CaseEvent::HearingCancelled { hearing: HearingNumber(hearing) }
}

fn decided() -> CaseEvent {
    CaseEvent::CaseDecided { verdict: Verdict::Plaintiff }
}

fn cancel(hearing: u32) -> CancelHearing {
    CancelHearing { case_id: id(), hearing: HearingNumber(hearing) }
}

fn decide() -> DecideCase {
    DecideCase { case_id: id(), verdict: Verdict::Plaintiff }
}

#[test]
fn given_nothing_when_a_case_is_filed_then_it_is() {
    assert_eq!(given(&[]).file_case(&filing(NUMBER)), Ok(vec![filed()]));
}

#[test]
fn given_a_case_when_it_is_filed_again_then_it_refuses() {
    assert_eq!(given(&[filed()]).file_case(&filing(NUMBER)), Err(CaseError::AlreadyFiled));
}

#[test]
fn given_no_case_when_it_is_used_then_it_is_not_found() {
    let nothing = given(&[]);
    assert_eq!(nothing.schedule_hearing(&scheduling(id(), 9)), Err(CaseError::NotFound));
    assert_eq!(nothing.adjourn_hearing(&adjourning(id(), 1, 9)), Err(CaseError::NotFound));
    assert_eq!(nothing.hold_hearing(&holding(id(), 1)), Err(CaseError::NotFound));
    assert_eq!(nothing.cancel_hearing(&cancel(1)), Err(CaseError::NotFound));
    assert_eq!(nothing.decide_case(&decide()), Err(CaseError::NotFound));
}

#[test]
fn given_a_hearing_when_another_is_scheduled_for_the_same_time_then_it_refuses_in_any_room() {
    let case = given(&[filed(), scheduled(1, at(9), "Room 5")]);
    let elsewhere = ScheduleHearing { room: name("Room 6"), ..scheduling(id(), 9) };
    assert_eq!(case.schedule_hearing(&elsewhere), Err(CaseError::SameTime { hearing: HearingNumber(1) }));
    assert_eq!(case.schedule_hearing(&scheduling(id(), 10)), Ok(vec![scheduled(2, at(10), "Room 5")]));
}

#[test]
fn given_a_hearing_that_was_held_when_another_is_scheduled_for_its_time_then_it_refuses() {
    let case = given(&[filed(), scheduled(1, at(9), "Room 5"), held(1)]);
    let refusal = CaseError::SameTime { hearing: HearingNumber(1) };
    assert_eq!(case.schedule_hearing(&scheduling(id(), 9)), Err(refusal));
}

#[test]
fn given_a_hearing_that_was_called_off_or_put_off_when_another_is_scheduled_for_its_time_then_it_is() {
    let called_off = given(&[filed(), scheduled(1, at(9), "Room 5"), cancelled(1)]);
    assert_eq!(called_off.schedule_hearing(&scheduling(id(), 9)), Ok(vec![scheduled(2, at(9), "Room 5")]));
    let put_off = given(&[filed(), scheduled(1, at(9), "Room 5"), adjourned(1), scheduled(2, at(10), "Room 7")]);
    assert_eq!(put_off.schedule_hearing(&scheduling(id(), 9)), Ok(vec![scheduled(3, at(9), "Room 5")]));
}

#[test]
fn given_a_hearing_when_it_is_adjourned_then_it_is_over_and_another_is_in_its_place() {
    let case = given(&[filed(), scheduled(1, at(9), "Room 5")]);
    assert_eq!(case.adjourn_hearing(&adjourning(id(), 1, 10)), Ok(vec![adjourned(1), scheduled(2, at(10), "Room 7")]));
    // Its own time is free again, so that it may also only change the room.
    assert_eq!(case.adjourn_hearing(&adjourning(id(), 1, 9)), Ok(vec![adjourned(1), scheduled(2, at(9), "Room 7")]));
}

#[test]
fn given_two_hearings_when_one_is_adjourned_to_the_others_time_then_neither_event_is_raised() {
    let case = given(&[filed(), scheduled(1, at(9), "Room 5"), scheduled(2, at(10), "Room 5")]);
    let refusal = CaseError::SameTime { hearing: HearingNumber(2) };
    assert_eq!(case.adjourn_hearing(&adjourning(id(), 1, 10)), Err(refusal));
}

#[test]
fn given_a_hearing_that_is_over_when_it_is_used_then_it_refuses() {
    let scheduled = scheduled(1, at(9), "Room 5");
    for over in [held(1), cancelled(1), adjourned(1)] {
        let case = given(&[filed(), scheduled.clone(), over]);
        let refusal = CaseError::HearingOver { hearing: HearingNumber(1) };
        assert_eq!(case.hold_hearing(&holding(id(), 1)), Err(refusal.clone()));
        assert_eq!(case.cancel_hearing(&cancel(1)), Err(refusal.clone()));
        assert_eq!(case.adjourn_hearing(&adjourning(id(), 1, 10)), Err(refusal));
    }
}

#[test]
fn given_a_case_when_a_hearing_is_used_that_it_does_not_have_then_it_refuses() {
    let case = given(&[filed(), scheduled(1, at(9), "Room 5")]);
    let refusal = CaseError::NoSuchHearing { hearing: HearingNumber(2) };
    assert_eq!(case.hold_hearing(&holding(id(), 2)), Err(refusal.clone()));
    assert_eq!(case.cancel_hearing(&cancel(2)), Err(refusal.clone()));
    assert_eq!(case.adjourn_hearing(&adjourning(id(), 2, 10)), Err(refusal));
}

#[test]
fn given_a_hearing_to_come_when_the_case_is_decided_then_it_refuses() {
    let case = given(&[filed(), scheduled(1, at(9), "Room 5"), held(1), scheduled(2, at(10), "Room 5")]);
    assert_eq!(case.decide_case(&decide()), Err(CaseError::HearingOpen { hearing: HearingNumber(2) }));
}

#[test]
fn given_no_hearing_to_come_when_the_case_is_decided_then_it_is_and_takes_nothing_more() {
    let events = [filed(), scheduled(1, at(9), "Room 5"), held(1), scheduled(2, at(10), "Room 5"), cancelled(2)];
    assert_eq!(given(&events).decide_case(&decide()), Ok(vec![decided()]));
    // Without a single hearing, too.
    assert_eq!(given(&[filed()]).decide_case(&decide()), Ok(vec![decided()]));
    let case = given(&[events.as_slice(), &[decided()]].concat());
    assert_eq!(case.schedule_hearing(&scheduling(id(), 11)), Err(CaseError::Decided));
    assert_eq!(case.adjourn_hearing(&adjourning(id(), 1, 11)), Err(CaseError::Decided));
    assert_eq!(case.hold_hearing(&holding(id(), 1)), Err(CaseError::Decided));
    assert_eq!(case.cancel_hearing(&cancel(1)), Err(CaseError::Decided));
    assert_eq!(case.decide_case(&decide()), Err(CaseError::Decided));
}

#[test]
fn a_docket_number_always_names_the_same_case_and_blank_ones_name_none() {
    assert_eq!(CaseId::of(&docket_number(" 2 O 131/26 ")), id());
    assert_ne!(CaseId::of(&docket_number("2 O 132/26")), id());
    for text in ["", "  ", &"9".repeat(141)] {
        assert!(text.parse::<super::case::DocketNumber>().is_err(), "{text:?}");
    }
}
