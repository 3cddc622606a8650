//! A commit as a document. In a shell:
//!
//! ```text
//! {
//!   _id: { stream_id: UUID('0191…'), first_version: Long('2') },
//!   aggregate_type: 'account',
//!   last_version: Long('2'),
//!   occurred_at: ISODate('2026-11-24T13:06:22.123Z'),   // for people; cut to milliseconds
//!   occurred_at_us: Long('1795525582123456'),           // the exact time
//!   caller: 'alice', correlation_id: '…', causation_id: '…',
//!   idempotency: { key: '…64 hex digits…', request_fingerprint: '…' },   // only with a key
//!   events: [ { event_id: UUID('…'), event_type: 'FundsDeposited', schema_version: Long('1'), data: { … },
//!               personal: { members: [ 'holder' ], ciphertext: '…base64…' } } ],   // only with personal data
//!   state: { state_version: Long('1'), data: { … } },
//!   previous_hash: '…',                                 // not in a stream's first commit
//!   hash: '…',
//!   undelivered: true                                   // removed once the bus has the commit
//! }
//! ```
//!
//! `data` is a document that a shell can show and a query can search. If BSON cannot hold it (see
//! [`json_in_bson`](super::json_in_bson)), JSON text in `data_json` takes its place.

use cqrs::{
    Commit, CommitDraft, Digest, Idempotency, Opening, RecordedEvent, RecordedState, SealedPersonalData, StreamId,
    Timestamp,
};
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, RawDocument, RawDocumentBuf, doc};
use serde_json::Value;
use uuid::Uuid;

use super::json_in_bson::{to_bson, to_json};

/// The mark of a commit that the bus may not have.
pub(crate) const UNDELIVERED: &str = "undelivered";

/// The reason why a document is not a commit. It ends up in [`ReadError::Corrupt`](cqrs::ReadError::Corrupt).
type Misfit = Box<dyn std::error::Error + Send + Sync>;

/// The document of a commit.
pub(crate) fn to_document(commit: &Commit) -> RawDocumentBuf {
    let draft = &commit.draft;
    let mut document = doc! {
        "_id": commit_id(draft.stream_id, version_to_bson(draft.first_version)),
        "aggregate_type": &draft.aggregate_type,
        "last_version": version_to_bson(commit.last_version()),
        "occurred_at": DateTime::from_millis(draft.occurred_at.unix_millis()),
        "occurred_at_us": draft.occurred_at.unix_micros(),
        "caller": &draft.caller,
        "correlation_id": &draft.correlation_id,
        "causation_id": &draft.causation_id,
    };
    if let Some(idempotency) = draft.idempotency {
        let request_fingerprint = idempotency.request_fingerprint.to_string();
        document.insert(
            "idempotency",
            doc! { "key": idempotency.key.to_string(), "request_fingerprint": request_fingerprint },
        );
    }
    document.insert("events", draft.events.iter().map(event_to_document).collect::<Vec<_>>());
    let mut state = doc! { "state_version": i64::from(draft.state.state_version) };
    insert_data(&mut state, &draft.state.data);
    document.insert("state", state);
    if let Some(hash) = draft.previous_hash {
        document.insert("previous_hash", hash.to_string());
    }
    document.insert("hash", commit.hash.to_string());
    document.insert(UNDELIVERED, true);
    // The document is written by this code and not by serde, which takes a member named `$oid` for an object id.
    RawDocumentBuf::try_from(&document).expect("no name in it holds NUL")
}

fn event_to_document(event: &RecordedEvent) -> Document {
    let mut document = doc! {
        "event_id": uuid_to_bson(event.event_id),
        "event_type": &event.event_type,
        "schema_version": i64::from(event.schema_version),
    };
    insert_data(&mut document, &event.data);
    if let Some(personal) = &event.personal {
        document.insert("personal", doc! { "members": &personal.members, "ciphertext": &personal.ciphertext });
    }
    document
}

fn insert_data(document: &mut Document, data: &Value) {
    match to_bson(data) {
        Some(data) => document.insert("data", data),
        None => document.insert("data_json", data.to_string()),
    };
}

/// The commit in a document. If the document is not a commit, the error names its stream and the reason.
pub(crate) fn from_document(raw: &RawDocument) -> Result<Commit, (StreamId, String)> {
    let nowhere = StreamId(Uuid::nil());
    let document = Document::try_from(raw).map_err(|error| (nowhere, error.to_string()))?;
    let id = document.get_document("_id").map_err(|error| (nowhere, error.to_string()))?;
    let stream_id = uuid_from(id, "stream_id").map(StreamId).map_err(|error| (nowhere, error.to_string()))?;
    read_commit(stream_id, id, &document).map_err(|error| (stream_id, error.to_string()))
}

/// The faults that no hash covers: members that only repeat the commit, and members that no program writes. The stored
/// document is compared with the document of the commit. The mark may be there or not.
pub(crate) fn misfits(raw: &RawDocument, commit: &Commit) -> Vec<String> {
    let (Ok(stored), Ok(expected)) = (Document::try_from(raw), Document::try_from(&*to_document(commit))) else {
        return vec!["the document cannot be read as a whole".to_owned()];
    };
    let mut names: Vec<&String> =
        stored.keys().chain(expected.keys().filter(|name| !stored.contains_key(name))).collect();
    names.retain(|name| {
        let is_as_expected = match (stored.get(name), expected.get(name)) {
            (Some(stored), Some(expected)) => is_same(stored, expected),
            // The commit has been published. The validator does not require the time that is written for people.
            (None, Some(_)) => name.as_str() == UNDELIVERED || name.as_str() == "occurred_at",
            _ => false,
        };
        !is_as_expected
    });
    names.into_iter().map(|name| format!("the member {name} is not as this program writes it")).collect()
}

/// Compares two values. The order of members is ignored, and an `int` is equal to a `long`: tools that copy by way of
/// JSON change both.
fn is_same(stored: &Bson, expected: &Bson) -> bool {
    match (stored, expected) {
        (Bson::Int32(stored), Bson::Int64(expected)) => i64::from(*stored) == *expected,
        (Bson::Array(stored), Bson::Array(expected)) => {
            stored.len() == expected.len() && stored.iter().zip(expected).all(|(one, other)| is_same(one, other))
        }
        (Bson::Document(stored), Bson::Document(expected)) => {
            stored.len() == expected.len()
                && expected.iter().all(|(name, expected)| stored.get(name).is_some_and(|one| is_same(one, expected)))
        }
        _ => stored == expected,
    }
}

fn read_commit(stream_id: StreamId, id: &Document, document: &Document) -> Result<Commit, Misfit> {
    let idempotency = match document.get("idempotency") {
        None => None,
        Some(Bson::Document(idempotency)) => Some(Idempotency {
            key: text(idempotency, "key")?.parse()?,
            request_fingerprint: text(idempotency, "request_fingerprint")?.parse()?,
        }),
        Some(_) => return Err("idempotency is not a document".into()),
    };
    let previous_hash: Option<Digest> = document
        .contains_key("previous_hash")
        .then(|| text(document, "previous_hash")?.parse().map_err(Misfit::from))
        .transpose()?;
    let state = document.get_document("state")?;
    Ok(Commit {
        draft: CommitDraft {
            stream_id,
            aggregate_type: text(document, "aggregate_type")?,
            first_version: u64::try_from(integer(id, "first_version")?)?,
            events: document.get_array("events")?.iter().map(read_event).collect::<Result<_, _>>()?,
            occurred_at: Timestamp::from_unix_micros(integer(document, "occurred_at_us")?)?,
            caller: text(document, "caller")?,
            correlation_id: text(document, "correlation_id")?,
            causation_id: text(document, "causation_id")?,
            idempotency,
            state: RecordedState {
                state_version: integer(state, "state_version")?.try_into()?,
                data: data_from(state)?,
            },
            previous_hash,
        },
        hash: text(document, "hash")?.parse()?,
    })
}

fn read_event(event: &Bson) -> Result<RecordedEvent, Misfit> {
    let event = event.as_document().ok_or("an event is not a document")?;
    Ok(RecordedEvent {
        event_id: uuid_from(event, "event_id")?,
        event_type: text(event, "event_type")?,
        schema_version: integer(event, "schema_version")?.try_into()?,
        data: data_from(event)?,
        personal: match event.get("personal") {
            None => None,
            Some(Bson::Document(personal)) => Some(read_personal(personal)?),
            Some(_) => return Err("personal is not a document".into()),
        },
    })
}

fn read_personal(personal: &Document) -> Result<SealedPersonalData, Misfit> {
    let name = |member: &Bson| member.as_str().map(str::to_owned).ok_or("a member's name is not a text");
    Ok(SealedPersonalData {
        members: personal.get_array("members")?.iter().map(name).collect::<Result<_, _>>()?,
        ciphertext: text(personal, "ciphertext")?,
        opening: Opening::Sealed,
    })
}

fn data_from(document: &Document) -> Result<Value, Misfit> {
    match (document.get("data"), document.get("data_json")) {
        (Some(data), None) => Ok(to_json(data)?),
        (None, Some(Bson::String(text))) => Ok(serde_json::from_str(text)?),
        _ => Err("it must have either data or data_json".into()),
    }
}

fn text(document: &Document, name: &str) -> Result<String, Misfit> {
    document.get_str(name).map(str::to_owned).map_err(|error| format!("{name}: {error}").into())
}

/// An integer: a `long`, or the `int` that tools make of it when they copy by way of JSON.
fn integer(document: &Document, name: &str) -> Result<i64, Misfit> {
    match document.get(name) {
        Some(Bson::Int64(integer)) => Ok(*integer),
        Some(Bson::Int32(integer)) => Ok(i64::from(*integer)),
        _ => Err(format!("{name} is not an integer").into()),
    }
}

fn uuid_from(document: &Document, name: &str) -> Result<Uuid, Misfit> {
    match document.get(name) {
        Some(Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes })) => Ok(Uuid::from_slice(bytes)?),
        _ => Err(format!("{name} is not a UUID").into()),
    }
}

/// The id of a commit: its stream and the version of its first event. The two are always in this order, because MongoDB
/// compares documents member by member.
pub(crate) fn commit_id(stream_id: StreamId, first_version: i64) -> Document {
    doc! { "stream_id": uuid_to_bson(stream_id.0), "first_version": first_version }
}

/// The UUID as a binary of subtype 4, which shells show as `UUID('…')`.
pub(crate) fn uuid_to_bson(uuid: Uuid) -> Binary {
    Binary { subtype: BinarySubtype::Uuid, bytes: uuid.as_bytes().to_vec() }
}

/// The version as a signed integer, the only kind that MongoDB has. No stream comes near the limit. Beyond the limit, a
/// search finds nothing.
pub(crate) fn version_to_bson(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}
