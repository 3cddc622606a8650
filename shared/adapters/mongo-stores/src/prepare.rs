use mongodb::Database;
use mongodb::bson::{Document, doc};
use mongodb::error::ErrorKind;

/// The server's error code for a collection that exists already.
const NAMESPACE_EXISTS: i32 = 48;

/// The reason why a database could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The server refused or could not be reached. Handling: if it reports an index of the same name with other
    /// options, a person must drop that index. If it reports missing rights, prepare as an administrator. Otherwise
    /// prepare again: no step is done twice.
    #[error("the database {database} could not be prepared")]
    Refused {
        /// The database's name.
        database: String,
        /// The driver's error.
        #[source]
        source: mongodb::error::Error,
    },
}

impl PrepareError {
    pub(crate) fn refused(database: &Database, source: mongodb::error::Error) -> Self {
        Self::Refused { database: database.name().to_owned(), source }
    }
}

/// Makes the collection. If it exists, brings its validator up to date.
pub(crate) async fn prepare_collection(
    database: &Database,
    name: &str,
    validator: Document,
) -> Result<(), PrepareError> {
    let create = doc! { "create": name, "validator": validator.clone(), "writeConcern": majority() };
    let result = match database.run_command(create).await {
        Err(error) if matches!(&*error.kind, ErrorKind::Command(error) if error.code == NAMESPACE_EXISTS) => {
            let change = doc! { "collMod": name, "validator": validator, "writeConcern": majority() };
            database.run_command(change).await
        }
        result => result,
    };
    result.map(drop).map_err(|source| PrepareError::refused(database, source))
}

/// The write concern of a command that prepares: a majority of the replica set has the change before the answer comes.
pub(crate) fn majority() -> Document {
    doc! { "w": "majority" }
}
