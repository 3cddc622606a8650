//! A stream's key as a document, and the document that remains after the key's destruction. In a shell:
//!
//! ```text
//! { _id: UUID('0191…'), wrapping: 'kms', key: Binary('…'), created_at: ISODate('2026-11-24T13:06:22.123Z') }
//! { _id: UUID('0191…'), destroyed_at: ISODate('2026-11-25T08:12:01.007Z') }
//! ```

use cqrs::StreamId;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, doc};
use personal_data::{StoredKey, WrappedKey};
use uuid::Uuid;

/// The id of a stream's key.
pub(crate) fn key_id(stream_id: StreamId) -> Document {
    doc! { "_id": Binary { subtype: BinarySubtype::Uuid, bytes: stream_id.0.as_bytes().to_vec() } }
}

/// A key's members beside its id.
pub(crate) fn to_members(key: &WrappedKey) -> Document {
    let bytes = Binary { subtype: BinarySubtype::Generic, bytes: key.bytes.clone() };
    doc! { "wrapping": key.wrapping.as_str(), "key": bytes, "created_at": DateTime::now() }
}

/// The content of a document, and its stream. It is `None` for a document whose id is not a stream's id: no reader asks
/// for such a document.
pub(crate) fn from_document(document: &Document) -> Option<(StreamId, StoredKey)> {
    let stream_id = match document.get("_id") {
        Some(Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes })) => {
            Uuid::from_slice(bytes).ok().map(StreamId)
        }
        _ => None,
    };
    let damaged = |reason: &str| StoredKey::Damaged { reason: reason.to_owned() };
    let stored = match (document.get("destroyed_at"), document.get("wrapping"), document.get("key")) {
        (Some(_), None, None) => StoredKey::Destroyed,
        (None, Some(Bson::String(wrapping)), Some(Bson::Binary(key))) => match wrapping.parse() {
            Ok(wrapping) => StoredKey::Wrapped(WrappedKey { wrapping, bytes: key.bytes.clone() }),
            Err(_) => damaged("the name of its wrapping is unknown"),
        },
        _ => damaged("the stored data is neither a key nor the mark of a destroyed key"),
    };
    Some((stream_id?, stored))
}
