use mongodb::Database;
use mongodb::bson::{Document, doc};

use crate::PrepareError;
use crate::prepare::prepare_collection;

pub(crate) const KEYS: &str = "keys";

/// Makes the collection. If it exists, brings its validator up to date.
pub(crate) async fn prepare(database: &Database) -> Result<(), PrepareError> {
    prepare_collection(database, KEYS, validator()).await
}

/// The rule for a document: it is either a key or the mark of a destroyed key, and never both.
fn validator() -> Document {
    let id = doc! { "bsonType": "binData" };
    doc! { "$jsonSchema": {
        "bsonType": "object",
        "oneOf": [
            {
                "required": ["_id", "wrapping", "key", "created_at"],
                "additionalProperties": false,
                "properties": {
                    "_id": id.clone(),
                    "wrapping": { "enum": ["unwrapped", "master-key", "kms"] },
                    "key": { "bsonType": "binData" },
                    "created_at": { "bsonType": "date" },
                },
            },
            {
                "required": ["_id", "destroyed_at"],
                "additionalProperties": false,
                "properties": { "_id": id, "destroyed_at": { "bsonType": "date" } },
            },
        ],
    } }
}
