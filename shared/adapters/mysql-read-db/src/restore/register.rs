use async_trait::async_trait;
use cqrs::Timestamp;
use restore::{Requested, RestoreId, RestoreKind, RestoreRecord, RestoreRegister, RestoreStoreError};
use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, Row as _};
use uuid::Uuid;

use super::restoring_connection::RestoringConnection;
use super::{NOW_US, corrupt};
use crate::MySqlReadDb;

/// The number of tries. A restore that ends at this moment can refuse an insert and then be missing from the search.
const MAX_TRIES: u32 = 3;

#[async_trait]
impl RestoreRegister for MySqlReadDb {
    async fn request(
        &self,
        id: RestoreId,
        kind: RestoreKind,
        projection: Option<&str>,
    ) -> Result<Requested, RestoreStoreError> {
        for _ in 0..MAX_TRIES {
            let statement = format!(
                "INSERT INTO restores (restore_id, kind, projection, status, started_at_us) \
                 VALUES (?, ?, ?, 'running', {NOW_US})"
            );
            let insert = sqlx::query(AssertSqlSafe(statement)).bind(id.as_uuid()).bind(kind.as_str()).bind(projection);
            let mut connection = RestoringConnection::of(&self.pool).await?;
            match insert.execute(&mut *connection).await {
                Err(sqlx::Error::Database(error)) if error.is_unique_violation() => connection.answered(Ok(()))?,
                inserted => return connection.answered(inserted.map(|_| Requested::Recorded)),
            }
            if let Some(record) = self.find(id).await? {
                return Ok(Requested::Known(record));
            }
            let mut connection = RestoringConnection::of(&self.pool).await?;
            let running =
                sqlx::query("SELECT * FROM restores WHERE is_running = 1").fetch_optional(&mut *connection).await;
            if let Some(row) = connection.answered(running)? {
                return Ok(Requested::OtherRuns(record_from(&row)?));
            }
        }
        Err(RestoreStoreError::Busy)
    }

    async fn find(&self, id: RestoreId) -> Result<Option<RestoreRecord>, RestoreStoreError> {
        let mut connection = RestoringConnection::of(&self.pool).await?;
        let row = sqlx::query("SELECT * FROM restores WHERE restore_id = ?")
            .bind(id.as_uuid())
            .fetch_optional(&mut *connection)
            .await;
        connection.answered(row)?.as_ref().map(record_from).transpose()
    }
}

pub(super) fn record_from(row: &MySqlRow) -> Result<RestoreRecord, RestoreStoreError> {
    let text = |column: &str| row.try_get::<&str, _>(column).map_err(corrupt);
    let time = |us: i64| Timestamp::from_unix_micros(us).map_err(corrupt);
    let id: Uuid = row.try_get("restore_id").map_err(corrupt)?;
    Ok(RestoreRecord {
        id: RestoreId::try_from(id).map_err(corrupt)?,
        kind: text("kind")?.parse().map_err(corrupt)?,
        projection: row.try_get("projection").map_err(corrupt)?,
        status: text("status")?.parse().map_err(corrupt)?,
        events_replayed: row.try_get("events_replayed").map_err(corrupt)?,
        events_total: row.try_get("events_total").map_err(corrupt)?,
        streams_repaired: row.try_get("streams_repaired").map_err(corrupt)?,
        failure: row.try_get("failure").map_err(corrupt)?,
        started_at: time(row.try_get("started_at_us").map_err(corrupt)?)?,
        finished_at: row.try_get::<Option<i64>, _>("finished_at_us").map_err(corrupt)?.map(time).transpose()?,
    })
}
