use async_trait::async_trait;
use cqrs::{StreamId, StreamRange};
use projection::{
    Cell, ColumnKind, GroupTotals, LinePlace, ReadDbError, RowScan, ScannedLine, ScannedRow, Table, Totals,
};
use uuid::Uuid;

use crate::table_sql::{self, sum_of};
use crate::{SqlDatabase, SqlError, SqlReadDb, SqlRow, Statement, kinds_of};

#[async_trait]
impl<D: SqlDatabase> RowScan for SqlReadDb<D> {
    async fn rows(
        &self,
        table: &'static Table,
        range: StreamRange,
        after: Option<StreamId>,
        limit: u32,
    ) -> Result<Vec<ScannedRow>, ReadDbError> {
        let select = Statement::new(table_sql::rows(self.sql.dialect(), table, after.is_none()));
        let select = select.with_all(ends_of(range)).with_all(after.map(Cell::from)).with(u64::from(limit));
        let kinds: Vec<ColumnKind> = [ColumnKind::Id].into_iter().chain(kinds_of(table)).collect();
        let scanned = |row: SqlRow| {
            let stream_id = id_in(&row)?;
            Ok(ScannedRow { stream_id, row: row.into_cells(table, 1).map_err(reason) })
        };
        self.sql.read(select, &kinds).await?.into_iter().map(scanned).collect()
    }

    async fn lines(
        &self,
        table: &'static Table,
        range: StreamRange,
        after: Option<LinePlace>,
        limit: u32,
    ) -> Result<Vec<ScannedLine>, ReadDbError> {
        let mut select =
            Statement::new(table_sql::lines(self.sql.dialect(), table, after.is_none())).with_all(ends_of(range));
        if let Some(LinePlace { stream_id, version, line }) = after {
            select = select.with(stream_id).with(stream_id).with(version);
            if table.has_line_numbers() {
                select = select.with(version).with(line);
            }
        }
        let place_columns = table.line_key().count();
        let place_kinds = [ColumnKind::Id, ColumnKind::Count, ColumnKind::Count].into_iter().take(place_columns);
        let kinds: Vec<ColumnKind> = place_kinds.chain(kinds_of(table)).collect();
        let scanned = |row: SqlRow| {
            let count = |place: usize| match (place < place_columns).then(|| row.cell(place)).transpose()? {
                Some(Cell::Count(count)) => Ok(*count),
                _ => Ok::<u64, SqlError>(0),
            };
            let place = LinePlace { stream_id: id_in(&row)?, version: count(1)?, line: count(2)? };
            Ok(ScannedLine { place, line: row.into_cells(table, place_columns).map_err(reason) })
        };
        self.sql.read(select.with(u64::from(limit)), &kinds).await?.into_iter().map(scanned).collect()
    }

    /// The totals come from one statement, and so from one moment.
    async fn totals(
        &self,
        rows: &'static Table,
        lines: &'static Table,
        totals: &Totals,
    ) -> Result<Vec<GroupTotals>, ReadDbError> {
        let select = Statement::new(table_sql::totals(self.sql.dialect(), rows, lines, totals));
        let mut kinds = [ColumnKind::Integer; 5];
        kinds[0] = ColumnKind::LongText;
        let totals = |row: &SqlRow| {
            Ok::<_, SqlError>(GroupTotals {
                group: row.cell(0)?.to_string(),
                rows_sum: sum_of(row.integer(1)?, row.integer(2)?),
                lines_sum: sum_of(row.integer(3)?, row.integer(4)?),
            })
        };
        self.sql.read(select, &kinds).await?.iter().map(|row| Ok(totals(row)?)).collect()
    }

    async fn misplaced(&self, table: &'static Table, limit: u32) -> Result<Vec<String>, ReadDbError> {
        let Some(select) = self.sql.dialect().misplaced(table) else { return Ok(Vec::new()) };
        let rows = self.sql.read(Statement::new(select).with(u64::from(limit)), &[ColumnKind::LongText]).await?;
        rows.iter().map(|row| Ok(row.cell(0)?.to_string())).collect()
    }
}

/// The first and the last id of a range, both in the range.
pub(crate) fn ends_of(range: StreamRange) -> [Cell; 2] {
    let from = range.from.unwrap_or(StreamId(Uuid::nil()));
    let last = range.before.map_or(Uuid::max(), |before| Uuid::from_u128(before.0.as_u128().saturating_sub(1)));
    [from.into(), StreamId(last).into()]
}

/// The id in the first column.
fn id_in(row: &SqlRow) -> Result<StreamId, SqlError> {
    match row.cell(0)? {
        Cell::Id(stream_id) => Ok(*stream_id),
        other => Err(SqlError::Corrupt(format!("{other:?} is no id of a stream"))),
    }
}

fn reason(error: SqlError) -> String {
    match error {
        SqlError::Corrupt(reason) => reason,
        error => error.to_string(),
    }
}
