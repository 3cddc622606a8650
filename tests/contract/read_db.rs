use std::sync::Arc;

use async_trait::async_trait;
use bank::{AccountId, AccountKind, MAX_AMOUNT_MINOR, TransferEvent, TransferId, TransferParty, TransferStatus};
use bank_read_model::{
    AccountFilter, AccountPosition, AccountsPage, BankAccountEntity, BankAccountRepository, StatementFilter,
    StatementLine, StatementPage, TransferEntity, TransferFilter, TransferPosition, TransferRepository, TransfersPage,
};
use cqrs::{EventEnvelope, EventHandler, EventHandlerError, HandledBatch, StreamId};
use futures::future::join_all;
use projection::{
    Cell, Column, ColumnKind, Comparison, Order, ProjectionRecord, ProjectionRegister, Projections, RowReader,
    Selection, Table,
};
use serde_json::json;
use uuid::Uuid;

use super::account_history::{AccountHistory, Opening, at, money};
use super::dice::Dice;

/// A read database as opened by one process.
#[derive(Clone)]
pub struct ReadDb {
    /// The port that writes it.
    pub event_handler: Arc<dyn EventHandler>,
    /// The port that reads it.
    pub repository: BankAccountRepository,
    /// The port that reads transfers.
    pub transfers: TransferRepository,
    /// What knows of which version its rows are.
    pub register: Arc<dyn ProjectionRegister>,
}

impl ReadDb {
    /// Of one database, and of what writes it.
    pub fn new<D: RowReader + ProjectionRegister + 'static>(read_db: D, event_handler: Arc<dyn EventHandler>) -> Self {
        let read_db = Arc::new(read_db);
        Self {
            event_handler,
            repository: BankAccountRepository::new(read_db.clone()),
            transfers: TransferRepository::new(read_db.clone()),
            register: read_db,
        }
    }
}

/// A type of aggregate that the projectors of these suites ignore on purpose.
const IGNORED_TYPE: &str = "ignored on purpose";

/// The bank's projections, and a type of aggregate that is ignored.
pub const PROJECTIONS: Projections = Projections::new(bank_read_model::PROJECTIONS.all(), &[IGNORED_TYPE]);

/// What the database records of a projection that was there before its first event.
fn built_from_the_start() -> Vec<ProjectionRecord> {
    let record = |projection: &&dyn projection::AnyProjection| ProjectionRecord {
        name: projection.name().to_owned(),
        built_version: Some(projection.version()),
    };
    PROJECTIONS.all().iter().map(record).collect()
}

/// Selections that together have every column in every comparison and every order that a table allows.
pub fn every_kind_of_selection(table: &'static Table) -> Vec<Selection> {
    let value = |column: &Column| match column.kind {
        ColumnKind::Id => Cell::Id(StreamId(Uuid::nil())),
        ColumnKind::Text { .. } | ColumnKind::LongText => Cell::Text("a text".to_owned()),
        ColumnKind::Integer => Cell::Integer(-1),
        ColumnKind::Count => Cell::Count(1),
    };
    let mut selections = Vec::new();
    for column in table.columns {
        let others = [Comparison::AtLeast, Comparison::AtMost, Comparison::Below];
        let is_number = matches!(column.kind, ColumnKind::Integer | ColumnKind::Count);
        let comparisons = [Comparison::Is].into_iter().chain(others.into_iter().filter(|_| is_number));
        let by = [column.name, table.stream_column()];
        let after = [value(column), Cell::Id(StreamId(Uuid::nil()))];
        let orders = [
            Order::Ascending { by, after: None },
            Order::Ascending { by, after: Some(after.clone()) },
            Order::DescendingByTwo { by, after: None },
            Order::DescendingByTwo { by, after: Some(after) },
            Order::Descending { by: column.name },
        ];
        for order in orders {
            let all = Selection { table, criteria: Vec::new(), order, limit: 10 };
            let compared = |comparison| all.clone().and(column.name, comparison, value(column));
            selections.extend(comparisons.clone().map(compared));
            selections.push(all);
        }
    }
    selections
}

/// Records the projections as `passbook prepare` does while the event store is empty.
pub async fn record_projections(register: &dyn ProjectionRegister) {
    for record in built_from_the_start() {
        register.record_projection(&record).await.expect("records");
    }
}

/// The subject of this suite: one read database of an adapter, empty at first.
#[async_trait]
pub trait ReadDbUnderTest: Send + Sync {
    /// Opens the database, as a further process would.
    async fn open(&self) -> ReadDb;

    /// Ends all processes that have the database open.
    async fn close_all(&self);

    /// The number of events that the database keeps until their turn. No port gives this number.
    async fn kept_early(&self) -> u64;
}

/// Makes one test of each case, on the database that the expression gives.
macro_rules! read_db_suite {
    ($new_read_db:expr) => {
        $crate::contract::read_db::read_db_suite! { $new_read_db;
            // --- EventHandler
            events_in_order_become_rows_and_statement_lines
            an_empty_batch_changes_nothing
            repeated_events_are_applied_once
            events_in_reverse_wait_for_their_turn_and_end_in_the_same_rows
            a_gap_holds_back_what_is_behind_it_until_it_closes
            shuffled_and_repeated_events_of_many_accounts_in_any_batches_end_in_the_same_rows
            a_batch_of_500_accounts_is_applied_whole
            a_batch_of_1500_early_events_is_kept_whole
            a_poison_event_is_rejected_others_go_on_and_once_mended_nothing_is_missing
            a_poison_event_and_its_mended_form_in_one_batch_lose_nothing
            an_event_that_waited_and_does_not_fit_gives_way_to_its_mended_form
            events_that_are_not_this_databases_are_told_apart_and_left_out
            four_tasks_with_overlapping_batches_end_in_the_same_rows
            two_processes_with_overlapping_batches_end_in_the_same_rows
            what_was_applied_is_there_after_every_process_has_ended
            balances_reach_from_nothing_to_the_limit
            // --- BankAccountRepository
            an_account_that_was_not_opened_has_no_row_and_no_statement
            texts_and_times_come_back_as_they_were
            each_filter_and_all_of_them_together_choose_the_accounts_that_they_describe
            a_holder_or_owner_is_matched_to_the_letter
            balance_bounds_include_the_bound
            accounts_come_by_opening_time_then_id_and_pages_hold_each_once
            pages_hold_each_account_once_while_new_ones_are_opened
            a_statement_is_cut_by_time_version_and_limit_newest_first
            // --- TransferRepository
            transfers_come_newest_first_by_either_leg_and_pages_hold_each_once
            // --- ProjectionRegister
            a_database_tells_of_which_version_its_rows_are
        }
    };
    ($new_read_db:expr; $($case:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::contract::read_db::$case(&$new_read_db).await;
        }
    )* };
}
pub(crate) use read_db_suite;

// --- EventHandler

pub async fn events_in_order_become_rows_and_statement_lines(under_test: &dyn ReadDbUnderTest) {
    let read_db = under_test.open().await;
    let mut history = AccountHistory::open(&Opening { balance_minor: 100, ..Opening::default() });
    history.deposit(25, Some("wages")).withdraw(125, None).close();
    let mut dice = Dice::seeded(1);
    let mut histories = vec![history];
    histories.extend((0..20).map(|number| AccountHistory::random(&mut dice, 1 + number)));
    for history in &histories {
        let outcome = handled(&read_db, &history.events).await;
        let applied = count(&history.events);
        assert_eq!(outcome, HandledBatch { applied, ..HandledBatch::default() });
    }
    assert_rows(under_test, &read_db, &histories).await;
}

pub async fn an_empty_batch_changes_nothing(under_test: &dyn ReadDbUnderTest) {
    let read_db = under_test.open().await;
    assert_eq!(handled(&read_db, &[]).await, HandledBatch::default());
    assert_rows(under_test, &read_db, &[]).await;
}

pub async fn repeated_events_are_applied_once(under_test: &dyn ReadDbUnderTest) {
    let read_db = under_test.open().await;
    let history = AccountHistory::random(&mut Dice::seeded(2), 10);
    // The repeats come within a batch, and in a later batch.
    let twice = [history.events.clone(), history.events.clone()].concat();
    let outcome = handled(&read_db, &twice).await;
    assert_eq!(outcome, HandledBatch { applied: 10, repeated: 10, ..HandledBatch::default() });
    for batch in [&history.events[..], &history.events[3..5], &history.events[9..]] {
        let outcome = handled(&read_db, batch).await;
        assert_eq!(outcome, HandledBatch { repeated: count(batch), ..HandledBatch::default() });
    }
    assert_rows(under_test, &read_db, &[history]).await;
}

pub async fn events_in_reverse_wait_for_their_turn_and_end_in_the_same_rows(under_test: &dyn ReadDbUnderTest) {
    let read_db = under_test.open().await;
    let history = AccountHistory::random(&mut Dice::seeded(3), 10);
    for event in history.events[1..].iter().rev() {
        let outcome = handled(&read_db, std::slice::from_ref(event)).await;
        assert_eq!(outcome, HandledBatch { kept_early: 1, ..HandledBatch::default() });
    }
    assert_eq!(under_test.kept_early().await, 9);
    assert_eq!(read_db.repository.account(history.account_id).await.expect("reads"), None);
    // Events that wait already count as repeats.
    let outcome = handled(&read_db, &history.events[1..]).await;
    assert_eq!(outcome, HandledBatch { repeated: 9, ..HandledBatch::default() });
    assert_eq!(under_test.kept_early().await, 9);

    let outcome = handled(&read_db, &history.events[..1]).await;
    assert_eq!(outcome, HandledBatch { applied: 10, ..HandledBatch::default() });
    assert_rows(under_test, &read_db, &[history]).await;
}

pub async fn a_gap_holds_back_what_is_behind_it_until_it_closes(under_test: &dyn ReadDbUnderTest) {
    let read_db = under_test.open().await;
    let history = AccountHistory::random(&mut Dice::seeded(4), 8);
    let version = async || read_db.repository.account(history.account_id).await.expect("reads").map(|row| row.version);
    let events = |versions: &[usize]| -> Vec<EventEnvelope> {
        versions.iter().map(|version| history.events[version - 1].clone()).collect()
    };
    // There are two gaps, closed one after the other.
    let outcome = handled(&read_db, &events(&[1, 2, 4, 5, 7, 8])).await;
    assert_eq!(outcome, HandledBatch { applied: 2, kept_early: 4, ..HandledBatch::default() });
    assert_eq!((version().await, under_test.kept_early().await), (Some(2), 4));
    let outcome = handled(&read_db, &events(&[3])).await;
    assert_eq!(outcome, HandledBatch { applied: 3, ..HandledBatch::default() });
    assert_eq!((version().await, under_test.kept_early().await), (Some(5), 2));
    let outcome = handled(&read_db, &events(&[6])).await;
    assert_eq!(outcome, HandledBatch { applied: 3, ..HandledBatch::default() });
    assert_rows(under_test, &read_db, std::slice::from_ref(&history)).await;
}

pub async fn shuffled_and_repeated_events_of_many_accounts_in_any_batches_end_in_the_same_rows(
    under_test: &dyn ReadDbUnderTest,
) {
    let read_db = under_test.open().await;
    let mut histories = Vec::new();
    for seed in 10..16 {
        let mut dice = Dice::seeded(seed);
        let of_this_seed: Vec<AccountHistory> = (0..20)
            .map(|_| {
                let events = 1 + dice.below(12);
                AccountHistory::random(&mut dice, events)
            })
            .collect();
        let events = shuffled_with_repeats(&mut dice, &of_this_seed);
        let mut applied = 0;
        for batch in dice.cut(&events, 40) {
            let outcome = handled(&read_db, &batch).await;
            assert_eq!((&outcome.rejected[..], outcome.foreign), (&[][..], 0), "seed {seed}");
            applied += outcome.applied;
        }
        let expected: u64 = of_this_seed.iter().map(|history| count(&history.events)).sum();
        assert_eq!(applied, expected, "seed {seed}");
        histories.extend(of_this_seed);
        assert_rows(under_test, &read_db, &histories).await;
    }
}

pub async fn a_batch_of_500_accounts_is_applied_whole(under_test: &dyn ReadDbUnderTest) {
    let read_db = under_test.open().await;
    let mut dice = Dice::seeded(5);
    let histories: Vec<AccountHistory> = (0..500).map(|_| AccountHistory::random(&mut dice, 4)).collect();
    let opened: Vec<EventEnvelope> = histories.iter().map(|history| history.events[0].clone()).collect();
    assert_eq!(handled(&read_db, &opened).await, HandledBatch { applied: 500, ..HandledBatch::default() });
    let mut moved: Vec<EventEnvelope> = histories.iter().flat_map(|history| history.events[1..].to_vec()).collect();
    dice.shuffle(&mut moved);
    assert_eq!(handled(&read_db, &moved).await, HandledBatch { applied: 1_500, ..HandledBatch::default() });
    assert_rows(under_test, &read_db, &histories).await;
}

pub async fn a_batch_of_1500_early_events_is_kept_whole(under_test: &dyn ReadDbUnderTest) {
    let read_db = under_test.open().await;
    let mut dice = Dice::seeded(6);
    let histories: Vec<AccountHistory> = (0..500).map(|_| AccountHistory::random(&mut dice, 4)).collect();
    let moved: Vec<EventEnvelope> = histories.iter().flat_map(|history| history.events[1..].to_vec()).collect();
    assert_eq!(handled(&read_db, &moved).await, HandledBatch { kept_early: 1_500, ..HandledBatch::default() });
    assert_eq!(under_test.kept_early().await, 1_500);
    let opened: Vec<EventEnvelope> = histories.iter().map(|history| history.events[0].clone()).collect();
    assert_eq!(handled(&read_db, &opened).await, HandledBatch { applied: 2_000, ..HandledBatch::default() });
    assert_rows(under_test, &read_db, &histories).await;
}

pub async fn a_poison_event_is_rejected_others_go_on_and_once_mended_nothing_is_missing(
    under_test: &dyn ReadDbUnderTest,
) {
    let read_db = under_test.open().await;
    let mut dice = Dice::seeded(7);
    let mut histories = Vec::new();
    for poison in POISONS {
        let (poisoned, healthy) = (AccountHistory::random(&mut dice, 10), AccountHistory::random(&mut dice, 10));
        let mut events = poisoned.events.clone();
        poison(&mut events[3]);
        let outcome = handled(&read_db, &[events.clone(), healthy.events.clone()].concat()).await;
        assert_eq!((outcome.applied, outcome.kept_early), (3 + 10, 6), "{:?}", events[3]);
        assert_rejected(&outcome, &[3]);
        let row = read_db.repository.account(poisoned.account_id).await.expect("reads").expect("a row");
        assert_eq!(row.version, 3);
        // The event is rejected each time it comes.
        let outcome = handled(&read_db, &events[3..4]).await;
        assert_eq!(outcome.applied, 0);
        assert_rejected(&outcome, &[0]);

        let outcome = handled(&read_db, &poisoned.events[3..4]).await;
        assert_eq!(outcome, HandledBatch { applied: 7, ..HandledBatch::default() });
        histories.extend([poisoned, healthy]);
        assert_rows(under_test, &read_db, &histories).await;
    }
}

pub async fn a_poison_event_and_its_mended_form_in_one_batch_lose_nothing(under_test: &dyn ReadDbUnderTest) {
    let read_db = under_test.open().await;
    let mut dice = Dice::seeded(8);
    let mut histories = Vec::new();
    for poison in POISONS {
        // Both orders are tried: the order does not show which form is good.
        for mended_first in [false, true] {
            let history = AccountHistory::random(&mut dice, 6);
            let mut poisoned = history.events[2].clone();
            poison(&mut poisoned);
            let mut events = history.events.clone();
            events.insert(if mended_first { 3 } else { 2 }, poisoned);
            assert_eq!(handled(&read_db, &events).await.applied, 6, "{events:?}");
            histories.push(history);
            assert_rows(under_test, &read_db, &histories).await;
        }
    }
}

pub async fn an_event_that_waited_and_does_not_fit_gives_way_to_its_mended_form(under_test: &dyn ReadDbUnderTest) {
    let read_db = under_test.open().await;
    let mut dice = Dice::seeded(9);
    let mut histories = Vec::new();
    for also_mended_while_it_waits in [false, true] {
        let history = AccountHistory::random(&mut dice, 6);
        // The event can be read, so it is kept. Only at its turn it shows that it does not fit.
        let mut poisoned = history.events[3].clone();
        withdraws_more_than_there_is(&mut poisoned);
        let outcome = handled(&read_db, &[poisoned, history.events[4].clone()]).await;
        assert_eq!(outcome, HandledBatch { kept_early: 2, ..HandledBatch::default() });
        if also_mended_while_it_waits {
            // It is not known yet which form is right. One form waits here, so the bus must keep the other.
            assert_rejected(&handled(&read_db, &history.events[3..4]).await, &[0]);
        }
        assert_eq!(handled(&read_db, &history.events[..3]).await.applied, 3);
        assert_eq!(handled(&read_db, &history.events[3..4]).await.applied, 2);
        assert_eq!(handled(&read_db, &history.events[5..]).await.applied, 1);
        histories.push(history);
        assert_rows(under_test, &read_db, &histories).await;
    }
}

pub async fn events_that_are_not_this_databases_are_told_apart_and_left_out(under_test: &dyn ReadDbUnderTest) {
    let read_db = under_test.open().await;
    let history = AccountHistory::random(&mut Dice::seeded(20), 3);
    let of_type = |name: &str| EventEnvelope { aggregate_type: name.to_owned(), ..history.events[0].clone() };
    let (ignored, unknown) = (of_type(IGNORED_TYPE), of_type("case"));
    let no_account = EventEnvelope { stream_id: StreamId(Uuid::nil()), ..history.events[0].clone() };
    let before = vec![ignored.clone(), no_account, unknown.clone(), ignored, unknown];
    let outcome = handled(&read_db, &[before, history.events.clone()].concat()).await;
    assert_eq!((outcome.foreign, outcome.applied), (2, 3));
    assert_rejected(&outcome, &[1, 2, 4]);
    let reason = "no projection of this build reads events of the type \"case\"";
    assert_eq!((&*outcome.rejected[1].reason, &*outcome.rejected[2].reason), (reason, reason));
    // Also where nothing of the batch is of these projections.
    let outcome = handled(&read_db, &[of_type("case"), of_type(IGNORED_TYPE)]).await;
    assert_eq!((outcome.foreign, outcome.applied), (1, 0));
    assert_rejected(&outcome, &[0]);
    assert_rows(under_test, &read_db, &[history]).await;
}

pub async fn four_tasks_with_overlapping_batches_end_in_the_same_rows(under_test: &dyn ReadDbUnderTest) {
    let read_db = under_test.open().await;
    overlapping_batches_end_in_the_same_rows(under_test, &vec![read_db; 4]).await;
}

pub async fn two_processes_with_overlapping_batches_end_in_the_same_rows(under_test: &dyn ReadDbUnderTest) {
    let processes = [under_test.open().await, under_test.open().await];
    overlapping_batches_end_in_the_same_rows(under_test, &processes).await;
}

/// Each deliverer delivers every event, in an order and in batches of its own.
async fn overlapping_batches_end_in_the_same_rows(under_test: &dyn ReadDbUnderTest, deliverers: &[ReadDb]) {
    let mut dice = Dice::seeded(30);
    let histories: Vec<AccountHistory> = (0..30).map(|_| AccountHistory::random(&mut dice, 10)).collect();
    let applied = join_all(deliverers.iter().map(|read_db| {
        let (read_db, events) = (read_db.clone(), shuffled_with_repeats(&mut dice, &histories));
        let batches = dice.cut(&events, 12);
        async move {
            let deliver = tokio::spawn(async move {
                let mut applied = 0;
                for batch in batches {
                    applied += delivered(&read_db, &batch).await.applied;
                }
                applied
            });
            deliver.await.expect("does not panic")
        }
    }))
    .await;
    // Each event was applied once, by one of them.
    assert_eq!(applied.iter().sum::<u64>(), 300, "{applied:?}");
    assert_rows(under_test, &deliverers[0], &histories).await;
}

pub async fn what_was_applied_is_there_after_every_process_has_ended(under_test: &dyn ReadDbUnderTest) {
    let read_db = under_test.open().await;
    let mut dice = Dice::seeded(21);
    let histories = vec![AccountHistory::random(&mut dice, 9), AccountHistory::random(&mut dice, 9)];
    handled(&read_db, &histories[0].events).await;
    handled(&read_db, &histories[1].events[..4]).await;
    handled(&read_db, &histories[1].events[5..]).await;
    drop(read_db);
    under_test.close_all().await;

    let read_db = under_test.open().await;
    assert_eq!(under_test.kept_early().await, 4);
    let outcome = handled(&read_db, &histories[1].events[4..5]).await;
    assert_eq!(outcome, HandledBatch { applied: 5, ..HandledBatch::default() });
    assert_rows(under_test, &read_db, &histories).await;
}

pub async fn balances_reach_from_nothing_to_the_limit(under_test: &dyn ReadDbUnderTest) {
    let read_db = under_test.open().await;
    let opening = |balance_minor, currency| Opening { balance_minor, currency, ..Opening::default() };
    let mut histories = Vec::new();
    for currency in ["EUR", "JPY", "KWD", "CLF"] {
        histories.push(AccountHistory::open(&opening(0, currency)));
        histories.push(AccountHistory::open(&opening(MAX_AMOUNT_MINOR, currency)));
        let mut there_and_back = AccountHistory::open(&opening(0, currency));
        there_and_back.deposit(MAX_AMOUNT_MINOR, None).withdraw(MAX_AMOUNT_MINOR, None).deposit(1, None);
        histories.push(there_and_back);
        let mut to_the_limit = AccountHistory::open(&opening(MAX_AMOUNT_MINOR - 1, currency));
        histories.push(to_the_limit.deposit(1, None).clone());
    }
    for history in &histories {
        assert_eq!(handled(&read_db, &history.events).await.applied, count(&history.events));
    }
    assert_rows(under_test, &read_db, &histories).await;
}

// --- BankAccountRepository

pub async fn an_account_that_was_not_opened_has_no_row_and_no_statement(under_test: &dyn ReadDbUnderTest) {
    let read_db = under_test.open().await;
    // The case runs once in an empty database, and once beside another account.
    for _ in 0..2 {
        let account_id = AccountId::generate();
        assert_eq!(read_db.repository.account(account_id).await.expect("reads"), None);
        assert_eq!(statement(&read_db, account_id, StatementFilter::default(), None, 10).await, []);
        handled(&read_db, &AccountHistory::open(&Opening::default()).events).await;
    }
}

pub async fn texts_and_times_come_back_as_they_were(under_test: &dyn ReadDbUnderTest) {
    let read_db = under_test.open().await;
    let longest = "é".repeat(140);
    let mut histories = Vec::new();
    for (holder, reference) in [
        ("Ann L\u{e9}e", ""),
        ("Ann Le\u{301}e", " blanks stay "),
        ("👩‍👩‍👧 עברית", "'a' \"b\" `c` \\ % _ ? $1 \\0"),
        (longest.as_str(), longest.as_str()),
    ] {
        for opened_at in ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.000001Z"] {
            let mut history = AccountHistory::open(&Opening {
                owner: format!("the owner of {holder}"),
                holder: holder.to_owned(),
                opened_at: opened_at.parse().expect("a time"),
                ..Opening::default()
            });
            history.deposit(1, Some(reference)).deposit(1, None);
            handled(&read_db, &history.events).await;
            histories.push(history);
        }
    }
    assert_rows(under_test, &read_db, &histories).await;
}

pub async fn each_filter_and_all_of_them_together_choose_the_accounts_that_they_describe(
    under_test: &dyn ReadDbUnderTest,
) {
    let read_db = under_test.open().await;
    let mut dice = Dice::seeded(40);
    let mut histories = Vec::new();
    for number in 0..120 {
        let mut history = AccountHistory::open(&Opening {
            owner: dice.pick(&["ann", "bob"]).to_owned(),
            holder: dice.pick(&["Ann Lee", "Bob Ray"]).to_owned(),
            kind: dice.pick(&[AccountKind::Checking, AccountKind::Savings]),
            currency: dice.pick(&["EUR", "JPY"]),
            balance_minor: dice.pick(&[0, 0, 50, 100]),
            opened_at: at(number / 3),
        });
        if history.row.balance.amount_minor() == 0 && dice.once_in(2) {
            history.close();
        }
        histories.push(history);
    }
    let events: Vec<EventEnvelope> = histories.iter().flat_map(|history| history.events.clone()).collect();
    handled(&read_db, &events).await;
    let rows = in_list_order(&histories);

    // Every choice of criteria is tried, for some accounts that fit all of them.
    for row in rows.iter().step_by(30) {
        for choice in 0_u8..128 {
            let chosen = |criterion: u8| choice & (1 << criterion) != 0;
            let filter = AccountFilter {
                owner: chosen(0).then(|| row.owner.clone()),
                holder: chosen(1).then(|| row.holder.clone()),
                currency: chosen(2).then(|| row.balance.currency()),
                kind: chosen(3).then_some(row.kind),
                status: chosen(4).then_some(row.status),
                // Bounds require a currency.
                balance_at_least_minor: (chosen(2) && chosen(5)).then(|| row.balance.amount_minor()),
                balance_at_most_minor: (chosen(2) && chosen(6)).then(|| row.balance.amount_minor()),
            };
            let expected: Vec<BankAccountEntity> = rows.iter().filter(|row| fits(&filter, row)).cloned().collect();
            assert!(expected.contains(row));
            assert_eq!(accounts(&read_db, &filter, None, 1_000).await, expected, "{filter:?}");
            // The same result comes page by page.
            assert_eq!(all_pages(&read_db, &filter, 7).await, expected, "{filter:?}");
        }
    }
    for filter in [
        AccountFilter { owner: Some("nobody".to_owned()), ..AccountFilter::default() },
        AccountFilter { holder: Some("Nobody".to_owned()), ..AccountFilter::default() },
        AccountFilter { currency: Some("KWD".parse().expect("a code")), ..AccountFilter::default() },
    ] {
        assert_eq!(accounts(&read_db, &filter, None, 1_000).await, [], "{filter:?}");
    }
}

pub async fn a_holder_or_owner_is_matched_to_the_letter(under_test: &dyn ReadDbUnderTest) {
    let read_db = under_test.open().await;
    // A database may take some of these names for the same: by case, accents, two ways to write one letter, white
    // space, width, letters that sort alike, or patterns.
    let names = [
        "Ann Lee",
        "ann lee",
        "ANN LEE",
        "Ann L\u{e9}e",
        "Ann Le\u{301}e",
        "Ann  Lee",
        "Ann\u{a0}Lee",
        "Ann",
        "Ann L_e",
        "Ann%",
        "Ａｎｎ Lee",
        "Straße",
        "Strasse",
        "STRASSE",
        "İstanbul",
        "Istanbul",
        "ıstanbul",
        "李安",
        "李 安",
        "😀",
        "😁",
        "Ann Lee'",
        "Ann Lee\\",
    ];
    let mut histories = Vec::new();
    for name in names {
        histories.push(AccountHistory::open(&Opening { holder: name.to_owned(), ..Opening::default() }));
        histories.push(AccountHistory::open(&Opening { owner: name.to_owned(), ..Opening::default() }));
    }
    let events: Vec<EventEnvelope> = histories.iter().flat_map(|history| history.events.clone()).collect();
    handled(&read_db, &events).await;
    let rows = in_list_order(&histories);
    for name in names.into_iter().chain(["", "ann", "Ann Lee ", " Ann Lee", "%", "_", "*"]) {
        for filter in [
            AccountFilter { holder: Some(name.to_owned()), ..AccountFilter::default() },
            AccountFilter { owner: Some(name.to_owned()), ..AccountFilter::default() },
        ] {
            let expected: Vec<BankAccountEntity> = rows.iter().filter(|row| fits(&filter, row)).cloned().collect();
            assert_eq!(accounts(&read_db, &filter, None, 1_000).await, expected, "{filter:?}");
        }
    }
}

pub async fn balance_bounds_include_the_bound(under_test: &dyn ReadDbUnderTest) {
    let read_db = under_test.open().await;
    let balances_minor = [0, 1, 2, 99, 100, 101, MAX_AMOUNT_MINOR - 1, MAX_AMOUNT_MINOR];
    let mut histories = Vec::new();
    for balance_minor in balances_minor {
        for currency in ["EUR", "JPY"] {
            histories.push(AccountHistory::open(&Opening { balance_minor, currency, ..Opening::default() }));
        }
    }
    let events: Vec<EventEnvelope> = histories.iter().flat_map(|history| history.events.clone()).collect();
    handled(&read_db, &events).await;
    let rows = in_list_order(&histories);
    let bounds = [None, Some(0), Some(1), Some(50), Some(100), Some(MAX_AMOUNT_MINOR), Some(i64::MAX), Some(-1)];
    for balance_at_least_minor in bounds {
        for balance_at_most_minor in bounds {
            let currency = Some(money(0, "EUR").currency());
            let filter =
                AccountFilter { currency, balance_at_least_minor, balance_at_most_minor, ..AccountFilter::default() };
            let expected: Vec<BankAccountEntity> = rows.iter().filter(|row| fits(&filter, row)).cloned().collect();
            assert_eq!(accounts(&read_db, &filter, None, 1_000).await, expected, "{filter:?}");
        }
    }
}

pub async fn accounts_come_by_opening_time_then_id_and_pages_hold_each_once(under_test: &dyn ReadDbUnderTest) {
    let read_db = under_test.open().await;
    let mut dice = Dice::seeded(41);
    let mut histories: Vec<AccountHistory> = (0..60)
        .map(|number| AccountHistory::open(&Opening { opened_at: at(number / 6), ..Opening::default() }))
        .collect();
    // Neither the order of arrival nor later events change the order.
    dice.shuffle(&mut histories);
    for history in histories.iter_mut().step_by(2) {
        history.deposit(1, None);
    }
    for history in &histories {
        handled(&read_db, &history.events).await;
    }
    let rows = in_list_order(&histories);
    for page_size in [1, 6, 7, 59, 60, 61, u32::MAX] {
        assert_eq!(all_pages(&read_db, &AccountFilter::default(), page_size).await, rows, "pages of {page_size}");
    }
    assert_eq!(accounts(&read_db, &AccountFilter::default(), None, 0).await, []);
    // A place without an account is a valid place.
    let nowhere = AccountPosition { opened_at: at(4), account_id: AccountId::derived_from(&[0; 32]) };
    let behind: Vec<BankAccountEntity> = rows.iter().filter(|row| row.opened_at >= at(4)).cloned().collect();
    assert_eq!(accounts(&read_db, &AccountFilter::default(), Some(nowhere), 1_000).await, behind);
}

pub async fn pages_hold_each_account_once_while_new_ones_are_opened(under_test: &dyn ReadDbUnderTest) {
    let read_db = under_test.open().await;
    let open_at = async |micros: i64| {
        let history = AccountHistory::open(&Opening { opened_at: at(micros), ..Opening::default() });
        handled(&read_db, &history.events).await;
        history.row
    };
    let mut must_be_seen = Vec::new();
    for number in 0..40 {
        must_be_seen.push(open_at(number / 4 * 10).await);
    }
    let mut seen: Vec<BankAccountEntity> = Vec::new();
    for page_number in 0.. {
        let page = accounts(&read_db, &AccountFilter::default(), seen.last().map(position), 3).await;
        let Some(last) = page.last().cloned() else { break };
        assert!(page.iter().all(|row| !seen.contains(row)), "an account twice");
        seen.extend(page);
        if page_number < 15 {
            // One account comes before this place, one after it, and one at the same time, which may be on either side.
            let here = last.opened_at.unix_micros() - at(0).unix_micros();
            open_at(here - 1).await;
            must_be_seen.push(open_at(here + 1).await);
            let tied = open_at(here).await;
            if tied.account_id > last.account_id {
                must_be_seen.push(tied);
            }
        }
    }
    for row in &must_be_seen {
        assert!(seen.contains(row), "passed over: {row:?}");
    }
}

pub async fn a_statement_is_cut_by_time_version_and_limit_newest_first(under_test: &dyn ReadDbUnderTest) {
    let read_db = under_test.open().await;
    // There are three movements at each time, and another account that must not show.
    let mut history = AccountHistory::open(&Opening { balance_minor: 5, ..Opening::default() });
    for number in 0..30 {
        history.deposit_at(1 + number, None, at(number / 3 * 10));
    }
    handled(&read_db, &history.events).await;
    handled(&read_db, &AccountHistory::random(&mut Dice::seeded(42), 20).events).await;

    let times = [None, Some(at(-1)), Some(at(0)), Some(at(1)), Some(at(50)), Some(at(90)), Some(at(91))];
    for from in times {
        for to in times {
            for before_version in [None, Some(0), Some(1), Some(2), Some(17), Some(31), Some(1_000), Some(u64::MAX)] {
                for limit in [0, 1, 7, 1_000] {
                    let expected: Vec<StatementLine> = history
                        .statement
                        .iter()
                        .filter(|line| from.is_none_or(|from| line.occurred_at >= from))
                        .filter(|line| to.is_none_or(|to| line.occurred_at < to))
                        .filter(|line| before_version.is_none_or(|version| line.version < version))
                        .take(usize::try_from(limit).expect("small"))
                        .cloned()
                        .collect();
                    let filter = StatementFilter { from, to };
                    let lines = statement(&read_db, history.account_id, filter, before_version, limit).await;
                    assert_eq!(lines, expected, "{filter:?} {before_version:?} {limit}");
                }
            }
        }
    }
}

// --- TransferRepository

/// Sixty transfers between four accounts. Several of them are of one time, and every third has been reversed.
pub async fn transfers_come_newest_first_by_either_leg_and_pages_hold_each_once(under_test: &dyn ReadDbUnderTest) {
    let read_db = under_test.open().await;
    let mut dice = Dice::seeded(61);
    let accounts: Vec<AccountId> = (0..4).map(|_| AccountId::generate()).collect();
    let mut expected = Vec::new();
    for number in 0..60_i64 {
        let from = dice.below(4);
        let (from, to) = (accounts[from], accounts[(from + 1 + dice.below(3)) % 4]);
        let transfer_id = TransferId::generate();
        let amount = money(dice.amount_up_to(1_000), "EUR");
        let party = |account_id, owner: &str| TransferParty { account_id, owner: owner.to_owned(), version: 2 };
        let (from_owner, to_owner) = ("ann", "李安");
        let made = TransferEvent::TransferMade {
            from: party(from, from_owner),
            to: party(to, to_owner),
            amount,
            reference: Some("rent".parse().expect("a reference")),
        };
        let mut events = vec![made];
        let is_reversed = number % 3 == 0;
        if is_reversed {
            events.push(TransferEvent::TransferReversed { from_version: 3, to_version: 3, reason: None });
        }
        let mut envelopes = projection::spec::stream("transfer", StreamId(transfer_id.as_uuid()), &events);
        let occurred_at = at(number / 4);
        envelopes.iter_mut().for_each(|event| event.occurred_at = occurred_at);
        assert_eq!(read_db.event_handler.handle(&envelopes).await.expect("handles").applied, events.len() as u64);
        expected.push(TransferEntity {
            transfer_id,
            from,
            from_owner: from_owner.to_owned(),
            to,
            to_owner: to_owner.to_owned(),
            amount,
            reference: Some("rent".to_owned()),
            status: if is_reversed { TransferStatus::Reversed } else { TransferStatus::Completed },
            version: events.len() as u64,
            occurred_at,
            reversed_at: is_reversed.then_some(occurred_at),
            reversal_reason: None,
        });
    }
    expected.sort_by_key(|transfer| std::cmp::Reverse((transfer.occurred_at, transfer.transfer_id)));
    let of_id = read_db.transfers.transfer(expected[7].transfer_id).await.expect("reads");
    assert_eq!(of_id.as_ref(), Some(&expected[7]));
    for account in [None, Some(accounts[0]), Some(AccountId::generate())] {
        for status in [None, Some(TransferStatus::Completed), Some(TransferStatus::Reversed)] {
            for (since, until) in [(None, None), (Some(at(3)), None), (None, Some(at(11))), (Some(at(3)), Some(at(11)))]
            {
                let filter = TransferFilter { account, status, since, until };
                let fits = |transfer: &&TransferEntity| {
                    account.is_none_or(|account| transfer.from == account || transfer.to == account)
                        && status.is_none_or(|status| transfer.status == status)
                        && since.is_none_or(|since| transfer.occurred_at >= since)
                        && until.is_none_or(|until| transfer.occurred_at < until)
                };
                let expected: Vec<&TransferEntity> = expected.iter().filter(fits).collect();
                for limit in [1, 7, 100] {
                    let (mut visited, mut after) = (Vec::new(), None);
                    loop {
                        let page = TransfersPage { after, limit };
                        let page = read_db.transfers.transfers(&filter, page).await.expect("reads");
                        let Some(last) = page.last() else { break };
                        assert!(page.len() <= limit as usize);
                        let (occurred_at, transfer_id) = (last.occurred_at, last.transfer_id);
                        after = Some(TransferPosition { occurred_at, transfer_id });
                        visited.extend(page);
                    }
                    assert_eq!(visited.iter().collect::<Vec<_>>(), expected, "{filter:?} in pages of {limit}");
                }
            }
        }
    }
}

// --- ProjectionRegister

pub async fn a_database_tells_of_which_version_its_rows_are(under_test: &dyn ReadDbUnderTest) {
    let read_db = under_test.open().await;
    let records = async || read_db.register.projection_records().await.expect("answers");
    assert_eq!(records().await, built_from_the_start());
    handled(&read_db, &AccountHistory::open(&Opening::default()).events).await;
    assert_eq!(records().await, built_from_the_start());
    // Another is recorded beside them, and a record that is there stays as it is.
    let of_version = |built_version| ProjectionRecord { name: "zebras".to_owned(), built_version };
    for built_version in [None, Some(7)] {
        read_db.register.record_projection(&of_version(built_version)).await.expect("records");
        assert_eq!(records().await, [built_from_the_start(), vec![of_version(None)]].concat());
    }
}

// --- shared parts of the cases

/// The ways in which an event cannot be applied.
const POISONS: [fn(&mut EventEnvelope); 5] = [
    |event| event.event_type = "FundsConjured".to_owned(),
    |event| event.schema_version = 99,
    |event| event.data = json!({ "amount_minor": "1" }),
    |event| event.data = json!(null),
    withdraws_more_than_there_is,
];

fn withdraws_more_than_there_is(event: &mut EventEnvelope) {
    event.event_type = "FundsWithdrawn".to_owned();
    event.schema_version = 1;
    // No account of these tests has this currency, so the event never fits.
    event.data = json!({ "amount_minor": MAX_AMOUNT_MINOR, "currency": "CZK", "reference": null });
}

#[track_caller]
fn assert_rejected(outcome: &HandledBatch, indexes: &[usize]) {
    let rejected: Vec<usize> = outcome.rejected.iter().map(|rejected| rejected.index).collect();
    assert_eq!(rejected, indexes);
    assert!(outcome.rejected.iter().all(|rejected| !rejected.reason.is_empty()));
}

fn count(events: &[EventEnvelope]) -> u64 {
    u64::try_from(events.len()).expect("a count")
}

/// All of their events in random order, some of them twice.
fn shuffled_with_repeats(dice: &mut Dice, histories: &[AccountHistory]) -> Vec<EventEnvelope> {
    let mut events: Vec<EventEnvelope> = histories.iter().flat_map(|history| history.events.clone()).collect();
    let repeats: Vec<EventEnvelope> = events.iter().filter(|_| dice.once_in(4)).cloned().collect();
    events.extend(repeats);
    dice.shuffle(&mut events);
    events
}

async fn handled(read_db: &ReadDb, batch: &[EventEnvelope]) -> HandledBatch {
    read_db.event_handler.handle(batch).await.expect("handles")
}

/// Delivers like a bus: again, when the database ended the transaction.
async fn delivered(read_db: &ReadDb, batch: &[EventEnvelope]) -> HandledBatch {
    for _ in 0..20 {
        match read_db.event_handler.handle(batch).await {
            Ok(outcome) => return outcome,
            Err(EventHandlerError::Unavailable { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("given up on, every time")
}

/// Asserts that the rows, the lines and the list belong exactly to these accounts, and that no event waits.
pub async fn assert_rows(under_test: &dyn ReadDbUnderTest, read_db: &ReadDb, histories: &[AccountHistory]) {
    for history in histories {
        assert_same_account(&read_db.repository, history).await;
    }
    assert_eq!(accounts(read_db, &AccountFilter::default(), None, 10_000).await, in_list_order(histories));
    assert_eq!(under_test.kept_early().await, 0);
}

/// Asserts that the account's row and lines match its history.
pub async fn assert_same_account(repository: &BankAccountRepository, history: &AccountHistory) {
    let row = repository.account(history.account_id).await.expect("reads");
    assert_eq!(row.as_ref(), Some(&history.row));
    let page = StatementPage { before_version: None, limit: 10_000 };
    let lines = repository.statement(history.account_id, StatementFilter::default(), page).await;
    assert_eq!(lines.expect("reads"), history.statement);
}

fn in_list_order(histories: &[AccountHistory]) -> Vec<BankAccountEntity> {
    let mut rows: Vec<BankAccountEntity> = histories.iter().map(|history| history.row.clone()).collect();
    rows.sort_by_key(|row| (row.opened_at, row.account_id));
    rows
}

/// The meaning of a filter, in plain code.
fn fits(filter: &AccountFilter, row: &BankAccountEntity) -> bool {
    let AccountFilter { owner, holder, currency, kind, status, balance_at_least_minor, balance_at_most_minor } = filter;
    let balance_minor = row.balance.amount_minor();
    owner.as_ref().is_none_or(|owner| row.owner == *owner)
        && holder.as_ref().is_none_or(|holder| row.holder == *holder)
        && currency.is_none_or(|currency| row.balance.currency() == currency)
        && kind.is_none_or(|kind| row.kind == kind)
        && status.is_none_or(|status| row.status == status)
        && balance_at_least_minor.is_none_or(|bound| balance_minor >= bound)
        && balance_at_most_minor.is_none_or(|bound| balance_minor <= bound)
}

fn position(row: &BankAccountEntity) -> AccountPosition {
    AccountPosition { opened_at: row.opened_at, account_id: row.account_id }
}

async fn accounts(
    read_db: &ReadDb,
    filter: &AccountFilter,
    after: Option<AccountPosition>,
    limit: u32,
) -> Vec<BankAccountEntity> {
    read_db.repository.accounts(filter, AccountsPage { after, limit }).await.expect("reads")
}

/// Reads page after page until a page is not full.
async fn all_pages(read_db: &ReadDb, filter: &AccountFilter, page_size: u32) -> Vec<BankAccountEntity> {
    let mut rows: Vec<BankAccountEntity> = Vec::new();
    loop {
        let page = accounts(read_db, filter, rows.last().map(position), page_size).await;
        // Otherwise a page that begins with its own end would be read for ever.
        assert!(page.iter().all(|row| !rows.contains(row)), "an account twice");
        let is_last = page.len() < usize::try_from(page_size).expect("a count");
        rows.extend(page);
        if is_last {
            return rows;
        }
    }
}

async fn statement(
    read_db: &ReadDb,
    account_id: AccountId,
    filter: StatementFilter,
    before_version: Option<u64>,
    limit: u32,
) -> Vec<StatementLine> {
    let page = StatementPage { before_version, limit };
    read_db.repository.statement(account_id, filter, page).await.expect("reads")
}
