use std::collections::HashMap;

use async_trait::async_trait;
use cqrs::StreamId;
use futures::TryStreamExt as _;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::options::ReturnDocument;
use mongodb::{Collection, Database};
use personal_data::{KeyStore, KeyStoreError, StoredKey, WrappedKey};

use super::key_document::{from_document, key_id, to_members};
use super::prepare::{self, KEYS};
use crate::bounded::{OPERATION_TIMEOUT, bounded};
use crate::connection::{RequestsAtOnce, connect, durable_collection};
use crate::{ConnectError, OperationError, PrepareError};

const EVENT_STORE_URL: &str = "EVENT_STORE_URL";
const KEY_STORE_URL: &str = "KEY_STORE_URL";
/// The suffix of the keys' database, after the name of the event store's database. It is used if the keys have no URL
/// of their own.
const KEYS_DATABASE_SUFFIX: &str = "_keys";

/// The keys in one collection of a MongoDB replica set. Reads and writes have the event store's guarantees: a key that
/// was made or destroyed stays so through any change of primary.
#[derive(Debug, Clone)]
pub struct MongoKeyStore {
    database: Database,
    keys: Collection<Document>,
}

impl MongoKeyStore {
    /// A client for `KEY_STORE_URL`.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect(key_store_url: &str) -> Result<Self, ConnectError> {
        Ok(Self::on(connect(key_store_url, KEY_STORE_URL, RequestsAtOnce::One).await?))
    }

    /// A client for the server of `EVENT_STORE_URL`. The keys are there in a database named after the event store's.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect_beside(event_store_url: &str) -> Result<Self, ConnectError> {
        let event_store_database = connect(event_store_url, EVENT_STORE_URL, RequestsAtOnce::One).await?;
        Ok(Self::on(
            event_store_database.client().database(&format!("{}{KEYS_DATABASE_SUFFIX}", event_store_database.name())),
        ))
    }

    fn on(database: Database) -> Self {
        let keys = durable_collection(&database, KEYS);
        Self { database, keys }
    }

    /// Makes the collection and its validator, or brings them up to date. See the event store's `prepare`.
    ///
    /// # Errors
    /// See [`PrepareError`].
    pub async fn prepare(&self) -> Result<(), PrepareError> {
        prepare::prepare(&self.database).await
    }
}

#[async_trait]
impl KeyStore for MongoKeyStore {
    async fn create_or_get(&self, stream_id: StreamId, new_key: &WrappedKey) -> Result<StoredKey, KeyStoreError> {
        let keys = self.keys.clone();
        let members = to_members(new_key);
        let created = async move {
            keys.find_one_and_update(key_id(stream_id), doc! { "$setOnInsert": members })
                .upsert(true)
                .return_document(ReturnDocument::After)
                .await
        };
        let document = bounded(Box::pin(created)).await.map_err(unavailable)?;
        let document =
            document.ok_or_else(|| KeyStoreError::Unavailable { source: "an upsert has a document".into() })?;
        let (_, key) = from_document(&document)
            .ok_or_else(|| KeyStoreError::Unavailable { source: "the document has another id".into() })?;
        Ok(key)
    }

    async fn get_many(&self, stream_ids: &[StreamId]) -> Result<HashMap<StreamId, StoredKey>, KeyStoreError> {
        let ids: Vec<Bson> = stream_ids.iter().filter_map(|&stream_id| key_id(stream_id).remove("_id")).collect();
        let keys = self.keys.clone();
        let reading = async move {
            let find = keys.find(doc! { "_id": { "$in": ids } }).max_time(OPERATION_TIMEOUT);
            find.await?.try_collect::<Vec<Document>>().await
        };
        let documents = bounded(Box::pin(reading)).await.map_err(unavailable)?;
        Ok(documents.iter().filter_map(from_document).collect())
    }

    /// Replaces the whole document except its id. A repeated call keeps the time of the first destruction.
    async fn destroy(&self, stream_id: StreamId) -> Result<(), KeyStoreError> {
        let keys = self.keys.clone();
        let mark = doc! { "_id": "$_id", "destroyed_at": { "$ifNull": ["$destroyed_at", DateTime::now()] } };
        let destroyed =
            async move { keys.update_one(key_id(stream_id), vec![doc! { "$replaceWith": mark }]).upsert(true).await };
        bounded(Box::pin(destroyed)).await.map(drop).map_err(unavailable)
    }

    async fn ping(&self) -> Result<(), KeyStoreError> {
        let keys = self.keys.clone();
        let reading = async move { keys.find_one(doc! {}).max_time(OPERATION_TIMEOUT).await };
        bounded(Box::pin(reading)).await.map(drop).map_err(unavailable)
    }
}

fn unavailable(error: OperationError) -> KeyStoreError {
    KeyStoreError::Unavailable { source: error.into() }
}
