use async_trait::async_trait;
use restore::{Requested, RestoreId, RestoreKind, RestoreRecord, RestoreRegister, RestoreStoreError};

use super::records::{RESTORES, id_of, record_from, select};
use crate::{SqlDatabase, SqlError, SqlReadDb, Statement, kinds_of};

/// The number of tries. A restore that ends at this moment can refuse an insert and then be missing from the search.
const MAX_TRIES: u32 = 3;

#[async_trait]
impl<D: SqlDatabase> RestoreRegister for SqlReadDb<D> {
    async fn request(
        &self,
        id: RestoreId,
        kind: RestoreKind,
        projection: Option<&str>,
    ) -> Result<Requested, RestoreStoreError> {
        for _ in 0..MAX_TRIES {
            let insert = Statement::new(format!(
                "INSERT INTO restores (restore_id, kind, projection, status, started_at_us) \
                 VALUES (?, ?, ?, 'running', {})",
                self.sql.dialect().now_us()
            ));
            match self.sql.write(insert.with(id_of(id)).with(kind.as_str()).with(projection)).await {
                Ok(_) => return Ok(Requested::Recorded),
                Err(SqlError::Repeated(_)) => {}
                Err(error) => return Err(error.into()),
            }
            if let Some(record) = self.find(id).await? {
                return Ok(Requested::Known(record));
            }
            if let Some(record) = self.record(select(self.sql.dialect(), &RESTORES, "status = 'running'")).await? {
                return Ok(Requested::OtherRuns(record));
            }
        }
        Err(RestoreStoreError::Busy)
    }

    async fn find(&self, id: RestoreId) -> Result<Option<RestoreRecord>, RestoreStoreError> {
        self.record(select(self.sql.dialect(), &RESTORES, "restore_id = ?").with(id_of(id))).await
    }
}

impl<D: SqlDatabase> SqlReadDb<D> {
    async fn record(&self, select: Statement) -> Result<Option<RestoreRecord>, RestoreStoreError> {
        let rows = self.sql.read(select, &kinds_of(&RESTORES)).await?;
        rows.into_iter().next().map(|row| record_from(&row.into_cells(&RESTORES, 0)?)).transpose()
    }
}
