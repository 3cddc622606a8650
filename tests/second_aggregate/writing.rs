//! The write side of a second domain, without code of its own: concurrency, idempotency, If-Match, and commits of
//! more than one event.

use std::sync::Arc;

use cqrs::{CommandError, CommandErrorOf, CommandOutcome, Digest, EventStoreRepository as _, Refusal};
use futures::future::join_all;

use super::case::{Case, CaseError, DecideCase, HearingNumber, Verdict};
use super::court::{
    CaseCommands, Court, adjourning, by_a_clerk, docket_number, filing, holding, if_at_version, scheduling, with_key,
};
use super::race_track::RaceTrack;
use crate::contract::opened;

const NUMBER: &str = "2 O 131/26";

type CaseResult = Result<CommandOutcome<Case>, CommandErrorOf<Case>>;

/// Asserts that a result is a refusal, and gives the refusal.
#[track_caller]
fn refusal(result: CaseResult) -> Refusal<CaseError> {
    match result {
        Err(CommandError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// The court's commands on a track where this number of writers meets. Each writer has a process of its own: within one
/// process, the commands on one case wait in line and do not race.
fn racing<const RACERS: usize>(court: &Court) -> (Arc<RaceTrack>, [CaseCommands; RACERS]) {
    let track = Arc::new(RaceTrack::new(court.event_store.clone(), RACERS));
    let commands = std::array::from_fn(|_| CaseCommands::new(track.clone(), Arc::new(court.bus.clone())));
    (track, commands)
}

// --- writers at once

#[tokio::test]
async fn given_two_clerks_when_both_schedule_the_same_time_at_once_then_one_wins_and_the_case_refuses_the_other() {
    let court = Court::open().await;
    let case_id = court.file(NUMBER).await;
    let (track, [one_clerk, other_clerk]) = racing(&court);
    let command = by_a_clerk(scheduling(case_id, 9));
    let (one, other) =
        tokio::join!(one_clerk.schedule.dispatch(command.clone()), other_clerk.schedule.dispatch(command));
    let (winner, loser) = if one.is_ok() { (one, other) } else { (other, one) };
    assert_eq!(winner.expect("one of the two").version, 2);
    // The loser gets no conflict. It loaded the case again, saw the winner's hearing, and decided anew.
    assert_eq!(refusal(loser), Refusal::Domain(CaseError::SameTime { hearing: HearingNumber(1) }));
    assert_eq!(track.tried_and_lost(), (2, 1));
}

#[tokio::test]
async fn given_two_clerks_when_they_schedule_different_times_at_once_then_both_are_done() {
    let court = Court::open().await;
    let case_id = court.file(NUMBER).await;
    let (track, [one_clerk, other_clerk]) = racing(&court);
    let (one, other) = tokio::join!(
        one_clerk.schedule.dispatch(by_a_clerk(scheduling(case_id, 9))),
        other_clerk.schedule.dispatch(by_a_clerk(scheduling(case_id, 10)))
    );
    let mut versions = [one.expect("done").version, other.expect("done").version];
    versions.sort_unstable();
    assert_eq!(versions, [2, 3]);
    assert_eq!(track.tried_and_lost(), (3, 1));
}

#[tokio::test]
async fn given_eight_clerks_when_all_file_the_same_docket_number_at_once_then_it_is_filed_once() {
    let court = Court::open().await;
    let (_, clerks) = racing::<8>(&court);
    let results = join_all(clerks.iter().map(|clerk| clerk.file.dispatch(by_a_clerk(filing(NUMBER))))).await;
    let (filed, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!((filed.len(), refused.len()), (1, 7));
    for result in refused {
        assert_eq!(refusal(result), Refusal::Domain(CaseError::AlreadyFiled));
    }
}

// --- two events, one commit

#[tokio::test]
async fn given_a_hearing_when_it_is_adjourned_then_both_events_are_one_commit() {
    let court = Court::open().await;
    let case_id = court.file(NUMBER).await;
    court.commands.schedule.dispatch(by_a_clerk(scheduling(case_id, 9))).await.expect("done");
    let adjourned = court.commands.adjourn.dispatch(by_a_clerk(adjourning(case_id, 1, 10))).await.expect("done");
    assert_eq!(adjourned.version, 4);
    let held = court.commands.hold.dispatch(by_a_clerk(holding(case_id, 2))).await.expect("done");
    assert_eq!(held.version, 5);

    let commits = court.event_store.commits_from(case_id.stream_id(), 1, 10).await.expect("read");
    let versions: Vec<_> = commits.iter().map(|commit| (commit.draft.first_version, commit.last_version())).collect();
    assert_eq!(versions, [(1, 1), (2, 2), (3, 4), (5, 5)]);
    // Each commit carries the hash of the commit before it, for any number of events.
    let hashes: Vec<Option<Digest>> = commits.iter().map(|commit| Some(commit.hash)).collect();
    let previous: Vec<Option<Digest>> = commits.iter().map(|commit| commit.draft.previous_hash).collect();
    assert_eq!(previous, [&[None], &hashes[..3]].concat());
    for commit in &commits {
        assert_eq!(commit.draft.hash(), commit.hash, "what is read is what was sealed");
    }

    let envelopes: Vec<_> = opened(&commits[2]).envelopes().collect();
    let events: Vec<_> = envelopes.iter().map(|event| (event.version, event.event_type.as_str())).collect();
    assert_eq!(events, [(3, "HearingAdjourned"), (4, "HearingScheduled")]);
    assert_ne!(envelopes[0].event_id, envelopes[1].event_id);
    assert_eq!(envelopes[0].occurred_at, envelopes[1].occurred_at);
    assert!(envelopes.iter().all(|event| event.stream_id == case_id.stream_id() && event.aggregate_type == "case"));
}

#[tokio::test]
async fn given_a_commit_of_two_events_when_reading_from_its_second_then_the_whole_commit_is_read() {
    let court = Court::open().await;
    let case_id = court.file(NUMBER).await;
    court.commands.schedule.dispatch(by_a_clerk(scheduling(case_id, 9))).await.expect("done");
    court.commands.adjourn.dispatch(by_a_clerk(adjourning(case_id, 1, 10))).await.expect("done");
    court.commands.hold.dispatch(by_a_clerk(holding(case_id, 2))).await.expect("done");
    for (from_version, limit, first_versions) in [
        (3, 10, vec![3, 5]),
        (4, 10, vec![3, 5]),
        (4, 1, vec![3]),
        (5, 10, vec![5]),
        (6, 10, vec![]),
        (2, 2, vec![2, 3]),
    ] {
        let commits = court.event_store.commits_from(case_id.stream_id(), from_version, limit).await.expect("read");
        let read: Vec<_> = commits.iter().map(|commit| commit.draft.first_version).collect();
        assert_eq!(read, first_versions, "from {from_version}, at most {limit}");
    }
}

// --- the idempotency key

#[tokio::test]
async fn given_a_command_that_was_done_when_it_comes_again_with_its_key_then_the_first_answer_is_given() {
    let court = Court::open().await;
    let case_id = court.file(NUMBER).await;
    let command = with_key(by_a_clerk(scheduling(case_id, 9)), "key-1");
    let first = court.commands.schedule.dispatch(command.clone()).await.expect("done");
    assert!(!first.replayed);
    court.commands.schedule.dispatch(by_a_clerk(scheduling(case_id, 10))).await.expect("done");

    let again = court.commands.schedule.dispatch(command).await.expect("the first answer");
    // The answer shows the case at version 2, with one hearing.
    assert_eq!(again, CommandOutcome { replayed: true, ..first });
    let newest = court.event_store.last_commit(case_id.stream_id()).await.expect("read").expect("a commit");
    assert_eq!(newest.last_version(), 3, "nothing more was stored");
}

#[tokio::test]
async fn given_a_retry_whose_decision_would_now_be_refused_then_it_still_gets_the_first_answer() {
    let court = Court::open().await;
    let case_id = court.file(NUMBER).await;
    court.commands.schedule.dispatch(by_a_clerk(scheduling(case_id, 9))).await.expect("done");
    let adjourn = with_key(by_a_clerk(adjourning(case_id, 1, 10)), "key-1");
    let first = court.commands.adjourn.dispatch(adjourn.clone()).await.expect("done");

    // Hearing 1 has ended because the first try adjourned it.
    let without_key = court.commands.adjourn.dispatch(by_a_clerk(adjourning(case_id, 1, 10))).await;
    assert_eq!(refusal(without_key), Refusal::Domain(CaseError::HearingOver { hearing: HearingNumber(1) }));
    let again = court.commands.adjourn.dispatch(adjourn.clone()).await.expect("the first answer");
    assert_eq!(again, CommandOutcome { replayed: true, ..first.clone() });

    // The answer stays the same when the case is decided and takes no more commands.
    court.commands.hold.dispatch(by_a_clerk(holding(case_id, 2))).await.expect("done");
    let decision = DecideCase { case_id, verdict: Verdict::Defendant };
    court.commands.decide.dispatch(by_a_clerk(decision)).await.expect("done");
    let again = court.commands.adjourn.dispatch(adjourn).await.expect("the first answer");
    assert_eq!(again, CommandOutcome { replayed: true, ..first });
}

#[tokio::test]
async fn given_a_key_when_it_comes_with_another_request_then_that_is_refused_whatever_the_case_says_to_it() {
    let court = Court::open().await;
    let case_id = court.file(NUMBER).await;
    let command = with_key(by_a_clerk(scheduling(case_id, 9)), "key-1");
    court.commands.schedule.dispatch(command).await.expect("done");

    let welcome = court.commands.schedule.dispatch(with_key(by_a_clerk(scheduling(case_id, 10)), "key-1")).await;
    assert!(matches!(welcome, Err(CommandError::IdempotencyKeyReused)), "{welcome:?}");
    let refused_anyway = court.commands.hold.dispatch(with_key(by_a_clerk(holding(case_id, 7)), "key-1")).await;
    assert!(matches!(refused_anyway, Err(CommandError::IdempotencyKeyReused)), "{refused_anyway:?}");
    let newest = court.event_store.last_commit(case_id.stream_id()).await.expect("read").expect("a commit");
    assert_eq!(newest.last_version(), 2, "nothing more was stored");
}

#[tokio::test]
async fn given_one_request_sent_twice_at_once_with_its_key_then_it_is_done_once_and_both_get_the_answer() {
    let court = Court::open().await;
    let case_id = court.file(NUMBER).await;
    court.commands.schedule.dispatch(by_a_clerk(scheduling(case_id, 9))).await.expect("done");
    let (track, [one_clerk, other_clerk]) = racing(&court);
    let command = with_key(by_a_clerk(adjourning(case_id, 1, 10)), "key-1");
    let (one, other) = tokio::join!(one_clerk.adjourn.dispatch(command.clone()), other_clerk.adjourn.dispatch(command));
    let (one, other) = (one.expect("an answer"), other.expect("an answer"));
    assert_ne!(one.replayed, other.replayed);
    assert_eq!((one.version, other.version), (4, 4));
    assert_eq!(one.aggregate, other.aggregate);
    assert_eq!(track.tried_and_lost(), (2, 1));
}

#[tokio::test]
async fn given_a_refusal_when_what_it_was_about_has_changed_then_the_same_key_is_judged_anew() {
    let court = Court::open().await;
    let command = with_key(by_a_clerk(scheduling(super::case::CaseId::of(&docket_number(NUMBER)), 9)), "key-1");
    let early = court.commands.schedule.dispatch(command.clone()).await;
    assert_eq!(refusal(early), Refusal::Domain(CaseError::NotFound));
    court.file(NUMBER).await;
    let done = court.commands.schedule.dispatch(command).await.expect("done");
    assert!(!done.replayed);
}

// --- If-Match

#[tokio::test]
async fn given_a_version_that_the_stream_is_not_at_then_the_command_is_refused_and_at_its_version_it_is_done() {
    let court = Court::open().await;
    let case_id = court.file(NUMBER).await;
    let behind = court.commands.schedule.dispatch(if_at_version(by_a_clerk(scheduling(case_id, 9)), 0)).await;
    assert_eq!(refusal(behind), Refusal::VersionMismatch { expected: 0, actual: 1 });
    let ahead = court.commands.schedule.dispatch(if_at_version(by_a_clerk(scheduling(case_id, 9)), 2)).await;
    assert_eq!(refusal(ahead), Refusal::VersionMismatch { expected: 2, actual: 1 });
    let done = court.commands.schedule.dispatch(if_at_version(by_a_clerk(scheduling(case_id, 9)), 1)).await;
    assert_eq!(done.expect("done").version, 2);
    // A stream that does not exist yet has version 0.
    let filed = court.commands.file.dispatch(if_at_version(by_a_clerk(filing("2 O 132/26")), 0)).await;
    assert_eq!(filed.expect("done").version, 1);
}

#[tokio::test]
async fn given_two_clerks_who_both_decided_on_the_same_version_then_only_one_is_done_though_the_case_would_take_both() {
    let court = Court::open().await;
    let case_id = court.file(NUMBER).await;
    let (_, [one_clerk, other_clerk]) = racing(&court);
    let (one, other) = tokio::join!(
        one_clerk.schedule.dispatch(if_at_version(by_a_clerk(scheduling(case_id, 9)), 1)),
        other_clerk.schedule.dispatch(if_at_version(by_a_clerk(scheduling(case_id, 10)), 1))
    );
    let (winner, loser) = if one.is_ok() { (one, other) } else { (other, one) };
    assert_eq!(winner.expect("one of the two").version, 2);
    assert_eq!(refusal(loser), Refusal::VersionMismatch { expected: 1, actual: 2 });
}

#[tokio::test]
async fn given_a_retry_with_its_key_and_its_version_then_the_version_that_it_moved_itself_is_no_mismatch() {
    let court = Court::open().await;
    let case_id = court.file(NUMBER).await;
    let command = with_key(if_at_version(by_a_clerk(scheduling(case_id, 9)), 1), "key-1");
    let first = court.commands.schedule.dispatch(command.clone()).await.expect("done");
    let again = court.commands.schedule.dispatch(command).await.expect("the first answer");
    assert_eq!(again, CommandOutcome { replayed: true, ..first });
}
