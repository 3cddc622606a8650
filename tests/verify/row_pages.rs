use bank_read_model::{BankAccountEntity, BankAccountProjection, StatementLine};
use cqrs::{EventHandler, StreamId, StreamRange};
use projection::{Cells, GroupTotals, Projection as _, RowScan, ScannedLine, ScannedRow, TableRow, Totals};

use crate::contract::{AccountHistory, Dice};

/// Projects accounts of all kinds into a read database, and reads all of its rows back in pages of every size.
pub async fn pages_of_any_size_give_every_row_and_line_once_and_in_order(
    projector: &dyn EventHandler,
    rows: &dyn RowScan,
) {
    assert_eq!(all_rows(rows, StreamRange::default(), 3).await, []);
    assert_eq!(all_totals(rows).await, []);
    let mut dice = Dice::seeded(5);
    let mut histories: Vec<AccountHistory> = (1..=30).map(|events| AccountHistory::random(&mut dice, events)).collect();
    for history in &histories {
        projector.handle(&history.events).await.expect("projects");
    }
    histories.sort_by_key(|history| history.account_id);
    let expected_rows: Vec<ScannedRow> = histories
        .iter()
        .map(|history| ScannedRow {
            stream_id: StreamId(history.account_id.as_uuid()),
            row: Ok(cells_of(&history.row)),
        })
        .collect();
    let expected_lines: Vec<_> =
        histories.iter().flat_map(|history| history.statement.iter().rev().map(cells_of).map(Ok)).collect();
    for limit in [1, 2, 7, 30, 10_000] {
        assert_eq!(all_rows(rows, StreamRange::default(), limit).await, expected_rows, "pages of {limit}");
        let lines = all_lines(rows, StreamRange::default(), limit).await;
        assert!(lines.iter().is_sorted_by_key(|line| line.place), "pages of {limit}");
        let lines: Vec<_> = lines.into_iter().map(|line| line.line).collect();
        assert_eq!(lines, expected_lines, "pages of {limit}");
    }
    // The ranges are one account, and the accounts between two.
    let (from, before) = (expected_rows[4].stream_id, expected_rows[9].stream_id);
    let of_one = StreamRange::of_stream(from);
    assert_eq!(all_rows(rows, of_one, 2).await, expected_rows[4..5]);
    assert!(all_lines(rows, of_one, 2).await.iter().all(|line| line.place.stream_id == from));
    assert_eq!(all_rows(rows, StreamRange { from: Some(from), before: Some(before) }, 2).await, expected_rows[4..9]);
    for totals in all_totals(rows).await {
        let of_currency = histories.iter().filter(|history| history.row.balance.currency().code() == totals.group);
        let sum: i128 = of_currency.map(|history| i128::from(history.row.balance.amount_minor())).sum();
        assert_eq!((totals.rows_sum, totals.lines_sum), (sum, sum), "{}", totals.group);
    }
    for table in [BankAccountEntity::TABLE, StatementLine::TABLE] {
        assert_eq!(rows.misplaced(table, 10).await.expect("looks"), Vec::<String>::new());
    }
}

fn cells_of<R: TableRow>(row: &R) -> Cells {
    Cells::new(R::TABLE, row.cells())
}

async fn all_totals(rows: &dyn RowScan) -> Vec<GroupTotals> {
    const TOTALS: Totals = BankAccountProjection::TOTALS.expect("the bank's sums");
    rows.totals(BankAccountEntity::TABLE, StatementLine::TABLE, &TOTALS).await.expect("adds up")
}

async fn all_rows(rows: &dyn RowScan, range: StreamRange, limit: u32) -> Vec<ScannedRow> {
    let mut all: Vec<ScannedRow> = Vec::new();
    loop {
        let page = rows
            .rows(BankAccountEntity::TABLE, range, all.last().map(|last| last.stream_id), limit)
            .await
            .expect("reads");
        let is_last = page.len() < limit as usize;
        all.extend(page);
        if is_last {
            return all;
        }
    }
}

async fn all_lines(rows: &dyn RowScan, range: StreamRange, limit: u32) -> Vec<ScannedLine> {
    let mut all: Vec<ScannedLine> = Vec::new();
    loop {
        let page =
            rows.lines(StatementLine::TABLE, range, all.last().map(|last| last.place), limit).await.expect("reads");
        let is_last = page.len() < limit as usize;
        all.extend(page);
        if is_last {
            return all;
        }
    }
}
