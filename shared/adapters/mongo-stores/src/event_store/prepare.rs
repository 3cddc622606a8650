use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};

use super::commit_document::UNDELIVERED;
use crate::PrepareError;
use crate::prepare::{majority, prepare_collection};

pub(crate) const COMMITS: &str = "commits";
/// The index that finds a stream's commit by its idempotency key, and refuses a second commit with the key.
pub(crate) const BY_IDEMPOTENCY_KEY: &str = "by_idempotency_key";
/// The index that finds the commits that the bus may not have, oldest first. It holds no other commits, so it is small.
pub(crate) const UNDELIVERED_BY_TIME: &str = "undelivered_by_time";

/// Makes the collection and its indexes. If they exist, brings the validator up to date.
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

/// The members that every document must have. An error in a document written by hand shows at once, and not only at the
/// next command.
fn validator() -> Document {
    let integer = || doc! { "bsonType": "long" };
    let text = || doc! { "bsonType": "string" };
    let digest = || doc! { "bsonType": "string", "minLength": 64, "maxLength": 64 };
    // `data` may have any type. `data_json` may stand in its place.
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
