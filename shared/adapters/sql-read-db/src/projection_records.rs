use async_trait::async_trait;
use projection::{Cell, Column, ProjectionRecord, ProjectionRegister, ReadDbError, Table};

use crate::{SqlDatabase, SqlError, SqlReadDb, SqlRow, Statement, kinds_of};

/// The records of the projections. They are no projection's rows, but are read in the same way.
static PROJECTIONS: Table =
    Table { name: "projections", columns: &[Column::text("name", 64), Column::count("built_version").optional()] };

#[async_trait]
impl<D: SqlDatabase> ProjectionRegister for SqlReadDb<D> {
    async fn projection_records(&self) -> Result<Vec<ProjectionRecord>, ReadDbError> {
        let select = Statement::new("SELECT name, built_version FROM projections ORDER BY name");
        let rows = self.sql.read(select, &kinds_of(&PROJECTIONS)).await?;
        let record = |row: SqlRow| {
            let cells = row.into_cells(&PROJECTIONS, 0)?;
            let built_version = match cells.cell("built_version")? {
                Cell::Count(version) => u32::try_from(*version).ok(),
                _ => None,
            };
            Ok::<_, SqlError>(ProjectionRecord { name: cells.text("name")?.to_owned(), built_version })
        };
        rows.into_iter().map(|row| Ok(record(row)?)).collect()
    }

    async fn record_projection(&self, record: &ProjectionRecord) -> Result<(), ReadDbError> {
        let insert = Statement::new("INSERT INTO projections (name, built_version) VALUES (?, ?)");
        match self.sql.write(insert.with(&*record.name).with(record.built_version.map(u64::from))).await {
            // A record that exists stays as it is.
            Ok(_) | Err(SqlError::Repeated(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
