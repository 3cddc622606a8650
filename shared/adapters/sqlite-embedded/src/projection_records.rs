use async_trait::async_trait;
use projection::{ProjectionRecord, ProjectionRegister, ReadDbError};

use crate::SqliteReadDb;
use crate::sqlite_read_db::read_error;

#[async_trait]
impl ProjectionRegister for SqliteReadDb {
    async fn projection_records(&self) -> Result<Vec<ProjectionRecord>, ReadDbError> {
        let records: Vec<(String, Option<u32>)> =
            sqlx::query_as("SELECT name, built_version FROM projections ORDER BY name")
                .fetch_all(&self.database.readers)
                .await
                .map_err(read_error)?;
        Ok(records.into_iter().map(|(name, built_version)| ProjectionRecord { name, built_version }).collect())
    }

    async fn record_projection(&self, record: &ProjectionRecord) -> Result<(), ReadDbError> {
        sqlx::query("INSERT INTO projections (name, built_version) VALUES (?, ?) ON CONFLICT (name) DO NOTHING")
            .bind(&record.name)
            .bind(record.built_version)
            .execute(&self.database.writer)
            .await
            .map(drop)
            .map_err(read_error)
    }
}
