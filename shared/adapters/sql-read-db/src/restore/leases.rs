use async_trait::async_trait;
use projection::ColumnKind;
use restore::{Lease, LeaseAnswer, RestoreId, RestoreLeases, RestoreStoreError};

use super::ShadowDatabase;
use super::records::{RESTORES, id_of, is_renewed, lease_us, record_from, renewal};
use crate::{SqlReadDb, Statement, columns_of, kinds_of};

#[async_trait]
impl<D: ShadowDatabase> RestoreLeases for SqlReadDb<D> {
    async fn take_lease(&self, lease: &Lease) -> Result<LeaseAnswer, RestoreStoreError> {
        let sql = self.sql.dialect();
        let running = format!(
            "SELECT lease_until_us > {}, {} FROM restores AS record WHERE status = 'running'",
            sql.now_us(),
            columns_of(sql, "record", &RESTORES)
        );
        let kinds: Vec<ColumnKind> = [ColumnKind::Integer].into_iter().chain(kinds_of(&RESTORES)).collect();
        // Mostly no restore runs, and this query shows it without a lock.
        if self.sql.read(Statement::new(&*running), &kinds).await?.is_empty() {
            return Ok(LeaseAnswer::NothingToDo);
        }
        let mut transaction = self.sql.begin().await?;
        let locking = Statement::new(format!("{running}{}", sql.for_update()));
        let Some(row) = transaction.fetch(locking, &kinds).await?.into_iter().next() else {
            return Ok(LeaseAnswer::NothingToDo);
        };
        let is_held = row.integer(0)? != 0;
        let cells = row.into_cells(&RESTORES, 1)?;
        let record = record_from(&cells)?;
        if is_held && cells.text("lease_holder")? != lease.holder {
            return Ok(LeaseAnswer::HeldByAnother(record));
        }
        let take =
            format!("UPDATE restores SET lease_holder = ?, lease_until_us = {} + ? WHERE restore_id = ?", sql.now_us());
        transaction
            .execute(Statement::new(take).with(&*lease.holder).with(lease_us(lease)).with(id_of(record.id)))
            .await?;
        transaction.commit().await?;
        Ok(LeaseAnswer::Taken(record))
    }

    async fn renew_lease(&self, id: RestoreId, lease: &Lease) -> Result<(), RestoreStoreError> {
        is_renewed(self.sql.write(renewal(self.sql.dialect(), id, lease, 0)).await?)
    }

    async fn release_lease(&self, id: RestoreId, lease: &Lease) -> Result<(), RestoreStoreError> {
        let release =
            Statement::new("UPDATE restores SET lease_until_us = 0 WHERE restore_id = ? AND lease_holder = ?");
        self.sql.write(release.with(id_of(id)).with(&*lease.holder)).await?;
        Ok(())
    }
}
