use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};

use super::commit_document::UNDELIVERED;
use crate::PrepareError;
use crate::prepare::{majority, prepare_collection};

pub(crate) const COMMITS: &str = "commits";
/// Finds a stream's commit by its key, and refuses a second one.
pub(crate) const BY_IDEMPOTENCY_KEY: &str = "by_idempotency_key";
/// Finds what the bus may not have, oldest first; small, since it holds nothing else.
pub(crate) const UNDELIVERED_BY_TIME: &str = "undelivered_by_time";

/// Makes the collection and its indexes, or brings its validator up to date where they are there.
pub(crate) async fn prepare(database: &Database) -> Result<(), PrepareError> {
    prepare_collection(database, COMMITS, validator()).await?;
    let indexes = vec![
        doc! {
            "name": BY_IDEMPOTENCY_KEY,
            "key": { "_id.stream_id": 1, "idempotency.key": 1 },
            "unique": true,
            "partialFilterExpression": { "idempotency.key": { "$exists": true } },
        },
        doc! {
            "name": UNDELIVERED_BY_TIME,
            "key": { "occurred_at_us": 1, "_id.first_version": 1 },
            "partialFilterExpression": { UNDELIVERED: true },
        },
    ];
    let create = doc! { "createIndexes": COMMITS, "indexes": indexes, "writeConcern": majority() };
    database.run_command(create).await.map(drop).map_err(|source| PrepareError::refused(database, source))
}

/// What every document must hold. Whoever writes by hand is told at once, rather than the next command.
fn validator() -> Document {
    let integer = || doc! { "bsonType": "long" };
    let text = || doc! { "bsonType": "string" };
    let digest = || doc! { "bsonType": "string", "minLength": 64, "maxLength": 64 };
    // `data` may be of any type, and may be `data_json`.
    let event = doc! {
        "bsonType": "object",
        "required": ["event_id", "event_type", "schema_version"],
        "properties": {
            "event_id": { "bsonType": "binData" },
            "event_type": text(),
            "schema_version": integer(),
            "personal": {
                "bsonType": "object",
                "required": ["members", "ciphertext"],
                "additionalProperties": false,
                "properties": { "members": { "bsonType": "array", "items": text() }, "ciphertext": text() },
            },
        },
    };
    let required: Vec<Bson> = [
        "_id",
        "aggregate_type",
        "last_version",
        "occurred_at_us",
        "caller",
        "correlation_id",
        "causation_id",
        "events",
        "state",
        "hash",
    ]
    .map(Bson::from)
    .to_vec();
    doc! { "$jsonSchema": {
        "bsonType": "object",
        "required": required,
        "properties": {
            "_id": {
                "bsonType": "object",
                "required": ["stream_id", "first_version"],
                "additionalProperties": false,
                "properties": { "stream_id": { "bsonType": "binData" }, "first_version": { "bsonType": "long", "minimum": 1 } },
            },
            "aggregate_type": text(),
            "last_version": integer(),
            "occurred_at": { "bsonType": "date" },
            "occurred_at_us": integer(),
            "caller": text(),
            "correlation_id": text(),
            "causation_id": text(),
            "idempotency": {
                "bsonType": "object",
                "required": ["key", "request_fingerprint"],
                "properties": { "key": digest(), "request_fingerprint": digest() },
            },
            "events": { "bsonType": "array", "minItems": 1, "items": event },
            "state": {
                "bsonType": "object",
                "required": ["state_version"],
                "properties": { "state_version": integer() },
            },
            "previous_hash": digest(),
            "hash": digest(),
            UNDELIVERED: { "bsonType": "bool", "enum": [true] },
        },
    } }
}
