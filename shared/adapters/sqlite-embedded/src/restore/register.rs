use async_trait::async_trait;
use cqrs::Timestamp;
use restore::{Requested, RestoreId, RestoreKind, RestoreRecord, RestoreRegister, RestoreStoreError};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::{corrupt, now_us, unavailable};
use crate::SqliteReadDb;

/// The number of tries. A restore that ends at this moment can refuse an insert and then be missing from the search.
const MAX_TRIES: u32 = 3;

#[async_trait]
impl RestoreRegister for SqliteReadDb {
    async fn request(
        &self,
        id: RestoreId,
        kind: RestoreKind,
        projection: Option<&str>,
    ) -> Result<Requested, RestoreStoreError> {
        for _ in 0..MAX_TRIES {
            let inserted = sqlx::query(
                "INSERT INTO restores (restore_id, kind, projection, status, started_at_us) \
                 VALUES (?, ?, ?, 'running', ?)",
            )
            .bind(id.to_string())
            .bind(kind.as_str())
            .bind(projection)
            .bind(now_us())
            .execute(&self.database.writer)
            .await;
            match inserted {
                Ok(_) => return Ok(Requested::Recorded),
                Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {}
                Err(error) => return Err(unavailable(error)),
            }
            if let Some(record) = self.find(id).await? {
                return Ok(Requested::Known(record));
            }
            if let Some(record) = self.running_restore().await? {
                return Ok(Requested::OtherRuns(record));
            }
        }
        Err(RestoreStoreError::Busy)
    }

    async fn find(&self, id: RestoreId) -> Result<Option<RestoreRecord>, RestoreStoreError> {
        let row = sqlx::query("SELECT * FROM restores WHERE restore_id = ?")
            .bind(id.to_string())
            .fetch_optional(&self.database.readers)
            .await
            .map_err(unavailable)?;
        row.as_ref().map(record_from).transpose()
    }
}

impl SqliteReadDb {
    async fn running_restore(&self) -> Result<Option<RestoreRecord>, RestoreStoreError> {
        let row = sqlx::query("SELECT * FROM restores WHERE status = 'running'")
            .fetch_optional(&self.database.readers)
            .await
            .map_err(unavailable)?;
        row.as_ref().map(record_from).transpose()
    }
}

pub(super) fn record_from(row: &SqliteRow) -> Result<RestoreRecord, RestoreStoreError> {
    let count = |column: &str| row.try_get::<i64, _>(column).map(i64::cast_unsigned).map_err(corrupt);
    let text = |column: &str| row.try_get::<&str, _>(column).map_err(corrupt);
    let time = |us: i64| Timestamp::from_unix_micros(us).map_err(corrupt);
    let id = Uuid::try_parse(text("restore_id")?).map_err(corrupt)?;
    Ok(RestoreRecord {
        id: RestoreId::try_from(id).map_err(corrupt)?,
        kind: text("kind")?.parse().map_err(corrupt)?,
        projection: row.try_get("projection").map_err(corrupt)?,
        status: text("status")?.parse().map_err(corrupt)?,
        events_replayed: count("events_replayed")?,
        events_total: count("events_total")?,
        streams_repaired: count("streams_repaired")?,
        failure: row.try_get("failure").map_err(corrupt)?,
        started_at: time(row.try_get("started_at_us").map_err(corrupt)?)?,
        finished_at: row.try_get::<Option<i64>, _>("finished_at_us").map_err(corrupt)?.map(time).transpose()?,
    })
}
