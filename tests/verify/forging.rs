use cqrs::{
    AggregateRoot, Commit, CommitDraft, Digest, DomainEvent as _, Idempotency, Opening, SealedPersonalData, Timestamp,
};
use serde_json::json;
use uuid::Uuid;

use crate::contract::Dice;

/// The members of the commit, and of its content, that get another value. The hash stays.
pub const FIELDS: &[&str] = &[
    "aggregate_type",
    "events: one less or one more",
    "event_id",
    "event_type",
    "schema_version",
    "amount_minor",
    "currency",
    "reference or owner",
    "a member more",
    "sealed name",
    "occurred_at",
    "caller",
    "correlation_id",
    "causation_id",
    "idempotency",
    "idempotency_key",
    "request_fingerprint",
    "state_version",
    "state",
    "previous_hash",
];

/// The draft with that field changed.
pub fn edited(draft: &CommitDraft, field: &str, dice: &mut Dice) -> CommitDraft {
    let mut draft = draft.clone();
    let index = dice.below(draft.events.len());
    let event = &mut draft.events[index];
    let some = Idempotency { key: Digest::of(b"key"), request_fingerprint: Digest::of(b"content") };
    match field {
        "aggregate_type" => "Account".clone_into(&mut draft.aggregate_type),
        "events: one less or one more" => {
            if draft.events.len() > 1 {
                draft.events.remove(index);
            } else {
                let again = draft.events[0].clone();
                draft.events.push(again);
            }
        }
        "event_id" => event.event_id = Uuid::now_v7(),
        "event_type" => {
            let types = ["FundsDeposited", "FundsWithdrawn"];
            let other = if event.event_type == types[0] { types[1] } else { types[0] };
            other.clone_into(&mut event.event_type);
        }
        "schema_version" => event.schema_version += 1,
        "amount_minor" => {
            let member = if event.event_type == "AccountOpened" { "opening_balance_minor" } else { "amount_minor" };
            event.data[member] = json!(event.data[member].as_i64().expect("an amount") + 1);
        }
        "currency" => event.data["currency"] = json!("USD"),
        "reference or owner" => {
            let member = if event.event_type == "AccountOpened" { "owner" } else { "reference" };
            event.data[member] = json!("bob");
        }
        "a member more" => event.data["more"] = json!(1),
        "sealed name" => match &mut event.personal {
            Some(sealed) => {
                let first = if sealed.ciphertext.starts_with('A') { "B" } else { "A" };
                sealed.ciphertext.replace_range(..1, first);
            }
            none => {
                let members = vec!["holder".to_owned()];
                *none = Some(SealedPersonalData { members, ciphertext: "QUJD".to_owned(), opening: Opening::Sealed });
            }
        },
        "occurred_at" => {
            draft.occurred_at = Timestamp::from_unix_micros(draft.occurred_at.unix_micros() + 1).expect("a time");
        }
        "caller" => "bob".clone_into(&mut draft.caller),
        "correlation_id" => draft.correlation_id.push('x'),
        "causation_id" => draft.causation_id.push('x'),
        "idempotency" => draft.idempotency = if draft.idempotency.is_some() { None } else { Some(some) },
        "idempotency_key" => {
            let before = draft.idempotency.unwrap_or(some);
            draft.idempotency = Some(Idempotency { key: Digest::of(b"another"), ..before });
        }
        "request_fingerprint" => {
            let before = draft.idempotency.unwrap_or(some);
            draft.idempotency = Some(Idempotency { request_fingerprint: Digest::of(b"another"), ..before });
        }
        "state_version" => draft.state.state_version += 1,
        "state" => {
            let balance = &mut draft.state.data["opened"]["balance_minor"];
            *balance = json!(balance.as_i64().expect("a balance") + 1);
        }
        // The first commit of a stream has no previous hash, and a table may require that. Then another member is
        // changed.
        "previous_hash" if draft.previous_hash.is_some() => draft.previous_hash = Some(Digest::of(b"another")),
        "previous_hash" => "bob".clone_into(&mut draft.caller),
        _ => panic!("no field {field}"),
    }
    draft
}

/// A whole stream's commits with versions, states and hashes as their events give them. Its own writer would have
/// written them so.
pub fn rewritten<A: AggregateRoot>(stream: &[Commit]) -> Vec<Commit> {
    let mut aggregate = A::default();
    let mut next_version = 1;
    let mut previous_hash = None;
    stream
        .iter()
        .map(|commit| {
            for event in &commit.draft.events {
                let decoded = A::Event::from_data(&event.event_type, event.schema_version, &event.readable_data());
                aggregate.apply(&decoded.expect("an event"));
            }
            let mut draft = CommitDraft { first_version: next_version, previous_hash, ..commit.draft.clone() };
            draft.state.data = serde_json::to_value(&aggregate).expect("plain JSON");
            let commit = draft.seal();
            next_version = commit.last_version() + 1;
            previous_hash = Some(commit.hash);
            commit
        })
        .collect()
}
