//! Tests of the data that a commit's hash covers, and of the chain of a stream's commits.

use std::collections::HashMap;
use std::sync::Arc;

use cqrs::{
    Commit, CommitDraft, Digest, EventSourcingHandler, Idempotency, Loaded, OpenedCommit, Opening, RecordedEvent,
    RecordedState, SealedPersonalData, StreamId,
};
use serde_json::json;
use uuid::Uuid;

use crate::counter::{CountBy, Counted, Counter, at, counters, stream_id, time};
use crate::memory::MemoryEventStore;

fn event(number: u128, data: serde_json::Value) -> RecordedEvent {
    RecordedEvent {
        event_id: Uuid::from_u128(number),
        event_type: "Counted".to_owned(),
        schema_version: 1,
        data,
        personal: None,
    }
}

fn personal(ciphertext: &str, member: &str) -> SealedPersonalData {
    let opening = Opening::Sealed;
    SealedPersonalData { members: vec![member.to_owned()], ciphertext: ciphertext.to_owned(), opening }
}

fn draft() -> CommitDraft {
    CommitDraft {
        stream_id: stream_id(),
        aggregate_type: "counter".to_owned(),
        first_version: 3,
        events: vec![event(1, json!({"by": 1})), event(2, json!({"by": 2}))],
        occurred_at: time("2026-11-24T12:00:00Z"),
        caller: "ann".to_owned(),
        correlation_id: "request-1".to_owned(),
        causation_id: "request-2".to_owned(),
        idempotency: Some(Idempotency { key: Digest::of(b"key"), request_fingerprint: Digest::of(b"content") }),
        state: RecordedState { state_version: 1, data: json!({"count": 3}) },
        previous_hash: Some(Digest::of(b"before")),
    }
}

/// The hashed form, letter by letter. Hashes are stored for ever: a change here makes every stored commit look damaged.
#[test]
fn the_hash_is_that_of_the_draft_as_canonical_json() {
    let canonical = concat!(
        r#"{"aggregate_type":"counter","caller":"ann","causation_id":"request-2","correlation_id":"request-1","#,
        r#""events":[{"data":{"by":1},"event_id":"00000000-0000-0000-0000-000000000001","event_type":"Counted","#,
        r#""schema_version":1}],"first_version":1,"idempotency":null,"occurred_at":"2026-11-24T12:00:00.000000Z","#,
        r#""previous_hash":null,"state":{"data":{"count":1},"state_version":1},"#,
        r#""stream_id":"00000000-0000-0000-0000-000000000007"}"#,
    );
    let draft = CommitDraft {
        first_version: 1,
        events: vec![event(1, json!({"by": 1}))],
        idempotency: None,
        state: RecordedState { state_version: 1, data: json!({"count": 1}) },
        previous_hash: None,
        ..draft()
    };
    assert_eq!(draft.hash(), Digest::of(canonical.as_bytes()));
    assert_eq!(draft.clone().seal(), Commit { hash: draft.hash(), draft });
}

/// One changed draft for each field, and one for each part of a field that has parts.
fn changed_drafts() -> Vec<(&'static str, CommitDraft)> {
    let draft = draft();
    // All fields are named, so that a new field does not compile here until it has its changes below.
    let CommitDraft {
        stream_id: _,
        aggregate_type: _,
        first_version: _,
        events,
        occurred_at: _,
        caller: _,
        correlation_id: _,
        causation_id: _,
        idempotency,
        state,
        previous_hash: _,
    } = draft.clone();
    let idempotency = idempotency.expect("it has one");
    let with_event = |event: RecordedEvent| CommitDraft { events: vec![event, events[1].clone()], ..draft.clone() };
    vec![
        ("stream_id", CommitDraft { stream_id: StreamId(Uuid::from_u128(8)), ..draft.clone() }),
        ("aggregate_type", CommitDraft { aggregate_type: "account".to_owned(), ..draft.clone() }),
        ("first_version", CommitDraft { first_version: 4, ..draft.clone() }),
        ("events: one less", CommitDraft { events: vec![events[0].clone()], ..draft.clone() }),
        ("events: their order", CommitDraft { events: events.iter().rev().cloned().collect(), ..draft.clone() }),
        ("events: event_id", with_event(RecordedEvent { event_id: Uuid::from_u128(9), ..events[0].clone() })),
        ("events: event_type", with_event(RecordedEvent { event_type: "Reset".to_owned(), ..events[0].clone() })),
        ("events: schema_version", with_event(RecordedEvent { schema_version: 2, ..events[0].clone() })),
        ("events: data", with_event(RecordedEvent { data: json!({"by": 7}), ..events[0].clone() })),
        ("events: data's type", with_event(RecordedEvent { data: json!({"by": "1"}), ..events[0].clone() })),
        (
            "events: personal",
            with_event(RecordedEvent { personal: Some(personal("AQ==", "name")), ..events[0].clone() }),
        ),
        (
            "events: personal's ciphertext",
            with_event(RecordedEvent { personal: Some(personal("Ag==", "name")), ..events[0].clone() }),
        ),
        (
            "events: personal's members",
            with_event(RecordedEvent { personal: Some(personal("AQ==", "address")), ..events[0].clone() }),
        ),
        ("occurred_at", CommitDraft { occurred_at: time("2026-11-24T12:00:00.000001Z"), ..draft.clone() }),
        ("caller", CommitDraft { caller: "bob".to_owned(), ..draft.clone() }),
        ("correlation_id", CommitDraft { correlation_id: "request-9".to_owned(), ..draft.clone() }),
        ("causation_id", CommitDraft { causation_id: "request-9".to_owned(), ..draft.clone() }),
        (
            "correlation_id and causation_id, swapped",
            CommitDraft {
                correlation_id: draft.causation_id.clone(),
                causation_id: draft.correlation_id.clone(),
                ..draft.clone()
            },
        ),
        ("idempotency: none", CommitDraft { idempotency: None, ..draft.clone() }),
        (
            "idempotency: key",
            CommitDraft {
                idempotency: Some(Idempotency { key: Digest::of(b"other"), ..idempotency }),
                ..draft.clone()
            },
        ),
        (
            "idempotency: request_fingerprint",
            CommitDraft {
                idempotency: Some(Idempotency { request_fingerprint: Digest::of(b"other"), ..idempotency }),
                ..draft.clone()
            },
        ),
        (
            "state: state_version",
            CommitDraft { state: RecordedState { state_version: 2, ..state.clone() }, ..draft.clone() },
        ),
        ("state: data", CommitDraft { state: RecordedState { data: json!({"count": 4}), ..state }, ..draft.clone() }),
        ("previous_hash: none", CommitDraft { previous_hash: None, ..draft.clone() }),
        ("previous_hash", CommitDraft { previous_hash: Some(Digest::of(b"other")), ..draft }),
    ]
}

#[test]
fn the_hash_changes_with_every_field() {
    let mut fields_by_hash = HashMap::from([(draft().hash(), "nothing")]);
    for (field, changed) in changed_drafts() {
        if let Some(other) = fields_by_hash.insert(changed.hash(), field) {
            panic!("a change of {field} has the hash of a change of {other}");
        }
    }
}

#[test]
fn a_commit_that_went_through_json_has_the_hash_it_was_sealed_with() {
    let commit = draft().seal();
    let text = serde_json::to_string(&commit).expect("plain JSON");
    let read: Commit = serde_json::from_str(&text).expect("a commit");
    assert_eq!(read, commit);
    assert_eq!(read.draft.hash(), commit.hash);
}

#[tokio::test]
async fn given_commits_of_several_events_then_each_carries_the_hash_of_the_one_before_and_versions_have_no_gaps() {
    let event_store = Arc::new(MemoryEventStore::default());
    let counters: EventSourcingHandler<Counter> = counters(event_store.clone());
    for events in [vec![1], vec![2, 3], vec![4, 5, 6], vec![7]] {
        let envelope = at("2026-11-24T12:00:00Z", CountBy(events));
        let decide = |_: &Loaded<'_, Counter>| Ok(envelope.command.0.iter().copied().map(Counted).collect());
        counters.execute(stream_id(), &envelope.context, decide).await.expect("done");
    }
    let commits = event_store.commits();
    let versions: Vec<_> = commits.iter().map(|commit| (commit.draft.first_version, commit.last_version())).collect();
    assert_eq!(versions, [(1, 1), (2, 3), (4, 6), (7, 7)]);
    let mut previous_hash = None;
    for commit in commits.iter() {
        assert_eq!(commit.draft.previous_hash, previous_hash);
        assert_eq!(commit.draft.hash(), commit.hash);
        previous_hash = Some(commit.hash);
    }
    let opened: Vec<OpenedCommit> =
        commits.iter().cloned().map(Commit::into_opened).collect::<Result<_, _>>().expect("opened");
    let numbered: Vec<u64> = opened.iter().flat_map(OpenedCommit::envelopes).map(|event| event.version).collect();
    assert_eq!(numbered, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(commits[3].draft.state.data, json!({"count": 28}));
}
