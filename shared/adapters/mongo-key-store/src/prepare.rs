use mongodb::Database;
use mongodb::bson::{Document, doc};
use mongodb::error::ErrorKind;

pub(crate) const KEYS: &str = "keys";

/// Why the database could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The server refused or could not be reached. Handling: where it says that rights are missing, prepare as an
    /// administrator; else prepare again, nothing is done twice.
    #[error("the database {database} could not be prepared")]
    Refused {
        /// Its name.
        database: String,
        /// The driver's error.
        #[source]
        source: mongodb::error::Error,
    },
}

/// The server's code for a collection that is there already.
const NAMESPACE_EXISTS: i32 = 48;

/// Makes the collection, or brings its validator up to date where it is there.
pub(crate) async fn prepare(database: &Database) -> Result<(), PrepareError> {
    let write_concern = doc! { "w": "majority" };
    let create = doc! { "create": KEYS, "validator": validator(), "writeConcern": write_concern.clone() };
    let result = match database.run_command(create).await {
        Err(error) if matches!(&*error.kind, ErrorKind::Command(error) if error.code == NAMESPACE_EXISTS) => {
            let change = doc! { "collMod": KEYS, "validator": validator(), "writeConcern": write_concern };
            database.run_command(change).await
        }
        result => result,
    };
    result.map(drop).map_err(|source| PrepareError::Refused { database: database.name().to_owned(), source })
}

/// A key, or the mark of a destroyed one, and never both.
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
