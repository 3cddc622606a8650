use std::collections::HashMap;
use std::path::Path;

use async_trait::async_trait;
use cqrs::{StreamId, Timestamp};
use personal_data::{KeyStore, KeyStoreError, StoredKey, WrappedKey};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteRow, SqliteSynchronous};

use crate::OpenError;
use crate::open_database::Database;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../../migrations/sqlite/key_store");

/// The keys of personal data in one SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteKeyStore {
    database: Database,
}

impl SqliteKeyStore {
    /// Opens the file, makes it if it is missing, and brings its tables up to date.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        Database::open(path, SqliteSynchronous::Full, &MIGRATIONS).await.map(|database| Self { database })
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.database.close().await;
    }

    async fn get(&self, stream_id: StreamId) -> Result<Option<StoredKey>, KeyStoreError> {
        let row = sqlx::query("SELECT wrapping, key FROM keys WHERE stream_id = ?")
            .bind(stream_id.to_string())
            .fetch_optional(&self.database.readers)
            .await
            .map_err(unavailable)?;
        Ok(row.map(|row| stored_key(&row)))
    }
}

#[async_trait]
impl KeyStore for SqliteKeyStore {
    async fn create_or_get(&self, stream_id: StreamId, new_key: &WrappedKey) -> Result<StoredKey, KeyStoreError> {
        sqlx::query("INSERT INTO keys (stream_id, wrapping, key) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
            .bind(stream_id.to_string())
            .bind(new_key.wrapping.as_str())
            .bind(&new_key.bytes)
            .execute(&self.database.writer)
            .await
            .map_err(unavailable)?;
        // Rows are never deleted.
        let vanished = || KeyStoreError::Unavailable { source: "the key vanished as soon as it was stored".into() };
        self.get(stream_id).await?.ok_or_else(vanished)
    }

    async fn get_many(&self, stream_ids: &[StreamId]) -> Result<HashMap<StreamId, StoredKey>, KeyStoreError> {
        let mut keys_by_stream = HashMap::with_capacity(stream_ids.len());
        // The keys are read one by one, because SQLite needs no round trip.
        for &stream_id in stream_ids {
            keys_by_stream.extend(self.get(stream_id).await?.map(|key| (stream_id, key)));
        }
        Ok(keys_by_stream)
    }

    async fn destroy(&self, stream_id: StreamId) -> Result<(), KeyStoreError> {
        sqlx::query(
            "INSERT INTO keys (stream_id, destroyed_at_us) VALUES (?, ?) ON CONFLICT (stream_id) DO UPDATE \
             SET wrapping = NULL, key = NULL, destroyed_at_us = excluded.destroyed_at_us WHERE key IS NOT NULL",
        )
        .bind(stream_id.to_string())
        .bind(Timestamp::now().unix_micros())
        .execute(&self.database.writer)
        .await
        .map_err(unavailable)?;
        // The key's page is also in the write-ahead log, since the time when the key was made. So the log is folded
        // into the file and cut off. Otherwise the key could still be found there.
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&self.database.writer)
            .await
            .map_err(unavailable)?;
        let is_busy: i64 = row.try_get(0).map_err(unavailable)?;
        if is_busy == 0 {
            Ok(())
        } else {
            let reason = "the write-ahead log could not be cut off, because another process reads";
            Err(KeyStoreError::Unavailable { source: reason.into() })
        }
    }

    async fn ping(&self) -> Result<(), KeyStoreError> {
        sqlx::query("SELECT 1 FROM keys LIMIT 1")
            .fetch_optional(&self.database.readers)
            .await
            .map(drop)
            .map_err(unavailable)
    }
}

fn stored_key(row: &SqliteRow) -> StoredKey {
    let damaged = |reason: &str| StoredKey::Damaged { reason: reason.to_owned() };
    let wrapping: Result<Option<String>, _> = row.try_get("wrapping");
    let bytes: Result<Option<Vec<u8>>, _> = row.try_get("key");
    match (wrapping, bytes) {
        (Ok(None), Ok(None)) => StoredKey::Destroyed,
        (Ok(Some(wrapping)), Ok(Some(bytes))) => match wrapping.parse() {
            Ok(wrapping) => StoredKey::Wrapped(WrappedKey { wrapping, bytes }),
            Err(_) => damaged("the name of its wrapping is unknown"),
        },
        _ => damaged("the stored data is neither a key nor the mark of a destroyed key"),
    }
}

fn unavailable(error: sqlx::Error) -> KeyStoreError {
    KeyStoreError::Unavailable { source: error.into() }
}
