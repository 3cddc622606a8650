use async_trait::async_trait;
use projection::{ProjectionRecord, ProjectionRegister, ReadDbError};
use tokio::time::timeout_at;

use crate::MySqlReadDb;
use crate::mysql_read_db::in_time;
use crate::row_reading::read_error;

#[async_trait]
impl ProjectionRegister for MySqlReadDb {
    async fn projection_records(&self) -> Result<Vec<ProjectionRecord>, ReadDbError> {
        let mut connection = self.pool.acquire().await.map_err(read_error)?;
        let select = sqlx::query_as("SELECT name, built_version FROM projections ORDER BY name");
        let answer = timeout_at(self.query_deadline(), select.fetch_all(&mut *connection)).await;
        let records: Vec<(String, Option<u32>)> = in_time(&mut connection, answer).map_err(read_error)?;
        Ok(records.into_iter().map(|(name, built_version)| ProjectionRecord { name, built_version }).collect())
    }

    async fn record_projection(&self, record: &ProjectionRecord) -> Result<(), ReadDbError> {
        let mut connection = self.pool.acquire().await.map_err(read_error)?;
        let statement = "INSERT INTO projections (name, built_version) VALUES (?, ?) \
                         ON DUPLICATE KEY UPDATE name = projections.name";
        let insert = sqlx::query(statement).bind(&record.name).bind(record.built_version);
        let answer = timeout_at(self.query_deadline(), insert.execute(&mut *connection)).await;
        in_time(&mut connection, answer).map(drop).map_err(read_error)
    }
}
