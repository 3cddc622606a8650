use cqrs::{CommitPlace, StreamId, StreamRange};
use projection::{Cell, CellError, Cells, Column, Table};
use restore::{Lease, RangeProgress, RestoreId, RestoreJob, RestoreRecord, RestoreStoreError, RowsChecksum};

use crate::{Dialect, SqlConnection, SqlError, Statement, columns_of};

/// The records of the restores. They are no projection's rows, but are read in the same way.
pub(super) static RESTORES: Table = Table {
    name: "restores",
    columns: &[
        Column::id("restore_id"),
        Column::text("kind", 16),
        Column::text("projection", 64).optional(),
        Column::text("status", 16),
        Column::count("events_replayed"),
        Column::count("events_total"),
        Column::count("streams_repaired"),
        Column::long_text("failure").optional(),
        Column::integer("started_at_us"),
        Column::integer("finished_at_us").optional(),
        Column::text("lease_holder", 100),
        Column::integer("is_prepared"),
    ],
};

/// The progress of a restore's ranges.
pub(super) static RANGES: Table = Table {
    name: "restore_ranges",
    columns: &[
        Column::id("restore_id"),
        Column::count("range_number"),
        Column::id("from_stream").optional(),
        Column::id("before_stream").optional(),
        Column::id("at_stream").optional(),
        Column::count("at_version").optional(),
        Column::integer("is_built"),
        Column::integer("is_verified"),
        Column::count("row_count"),
        Column::count("rows_sum"),
        Column::count("line_count"),
        Column::count("lines_sum"),
    ],
};

/// A restore's id as a cell.
pub(super) fn id_of(id: RestoreId) -> Cell {
    Cell::Id(StreamId(id.as_uuid()))
}

/// Selects the records that meet this condition.
pub(super) fn select(sql: &dyn Dialect, table: &Table, condition: &str) -> Statement {
    Statement::new(format!(
        "SELECT {} FROM {} AS record WHERE {condition}",
        columns_of(sql, "record", table),
        table.name
    ))
}

pub(super) fn record_from(cells: &Cells) -> Result<RestoreRecord, RestoreStoreError> {
    let corrupt = |error: restore::RestoreIdError| RestoreStoreError::Corrupt { reason: error.to_string() };
    Ok(RestoreRecord {
        id: RestoreId::try_from(cells.id("restore_id")?.0).map_err(corrupt)?,
        kind: cells.parsed("kind")?,
        projection: cells.text_if_any("projection")?.map(str::to_owned),
        status: cells.parsed("status")?,
        events_replayed: cells.count("events_replayed")?,
        events_total: cells.count("events_total")?,
        streams_repaired: cells.count("streams_repaired")?,
        failure: cells.text_if_any("failure")?.map(str::to_owned),
        started_at: cells.time("started_at_us")?,
        finished_at: cells.if_any("finished_at_us", Cells::time)?,
    })
}

pub(super) fn range_from(cells: &Cells) -> Result<RangeProgress, CellError> {
    let at_stream = cells.if_any("at_stream", Cells::id)?;
    let at_version = cells.if_any("at_version", Cells::count)?;
    Ok(RangeProgress {
        number: u32::try_from(cells.count("range_number")?).unwrap_or(u32::MAX),
        range: StreamRange {
            from: cells.if_any("from_stream", Cells::id)?,
            before: cells.if_any("before_stream", Cells::id)?,
        },
        at: at_stream.zip(at_version).map(|(stream_id, first_version)| CommitPlace { stream_id, first_version }),
        is_built: cells.integer("is_built")? != 0,
        is_verified: cells.integer("is_verified")? != 0,
        folded: RowsChecksum {
            rows: cells.count("row_count")?,
            rows_sum: cells.count("rows_sum")?,
            lines: cells.count("line_count")?,
            lines_sum: cells.count("lines_sum")?,
        },
    })
}

/// Records a range's progress.
pub(super) fn record_range(job: &RestoreJob, range: &RangeProgress) -> Statement {
    Statement::new(
        "UPDATE restore_ranges SET at_stream = ?, at_version = ?, is_built = ?, row_count = ?, rows_sum = ?, \
         line_count = ?, lines_sum = ? WHERE restore_id = ? AND range_number = ?",
    )
    .with(range.at.map(|at| at.stream_id))
    .with(range.at.map(|at| at.first_version))
    .with(i64::from(range.is_built))
    .with(range.folded.rows)
    .with(range.folded.rows_sum)
    .with(range.folded.lines)
    .with(range.folded.lines_sum)
    .with(id_of(job.id))
    .with(u64::from(range.number))
}

pub(super) fn lease_us(lease: &Lease) -> i64 {
    i64::try_from(lease.duration.as_micros()).unwrap_or(i64::MAX / 2)
}

/// Moves the lease's end and counts these events. Fails if another worker has the lease, or if the restore has ended. In a
/// transaction, no worker can take the lease over from here to its end. So a worker that was thought dead writes nothing more.
pub(super) async fn renew(
    connection: &mut dyn SqlConnection,
    sql: &dyn Dialect,
    job: &RestoreJob,
    events: u64,
) -> Result<(), RestoreStoreError> {
    let renewed = connection.execute(renewal(sql, job.id, &job.lease, events)).await?;
    is_renewed(renewed)
}

pub(super) fn renewal(sql: &dyn Dialect, id: RestoreId, lease: &Lease, events: u64) -> Statement {
    Statement::new(format!(
        "UPDATE restores SET lease_until_us = {} + ?, events_replayed = events_replayed + ? \
         WHERE restore_id = ? AND lease_holder = ? AND status = 'running'",
        sql.now_us()
    ))
    .with(lease_us(lease))
    .with(events)
    .with(id_of(id))
    .with(&*lease.holder)
}

pub(super) fn is_renewed(rows: u64) -> Result<(), RestoreStoreError> {
    if rows == 1 { Ok(()) } else { Err(RestoreStoreError::LeaseLost) }
}

/// The one record that a statement selects.
pub(super) async fn fetch_one(
    connection: &mut dyn SqlConnection,
    statement: Statement,
    table: &'static Table,
) -> Result<Cells, SqlError> {
    let rows = connection.fetch(statement, &crate::kinds_of(table)).await?;
    let row =
        rows.into_iter().next().ok_or_else(|| SqlError::Corrupt(format!("a record of {} is missing", table.name)))?;
    row.into_cells(table, 0)
}
