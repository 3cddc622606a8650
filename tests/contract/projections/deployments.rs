//! A read model that is deployed after its first events, a raised version, and two read models of one aggregate.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bank_read_model::BankAccountProjection;
use cqrs::{EventDecodeError, EventEnvelope};
use projection::{BuildDue, Declared, DueReason, EventPlace, Projected, Projection, Projections, TableRow as _};
use restore::{Requested, RestoreId, RestoreKind, RestoreStatus, RunOutcome};
use verify::Damage;

use super::Bench;
use super::databases::{ReadDatabase, Tables};
use super::read_models::{ReadModel, lists_of};
use super::streams::{Expected, Stream, events_of};
use crate::contract::Dice;
use crate::read_models::{BalancesByCurrencyProjection, totals_by_currency};
use crate::second_aggregate::CaseProjection;

/// Makes one test of each case, on the databases that the expression gives.
macro_rules! deployments_suite {
    ($new_database:expr) => {
        $crate::contract::projections::deployments::deployments_suite! { $new_database;
            given_a_projection_that_comes_after_its_first_events_then_it_is_built_while_events_go_on
            given_a_raised_version_then_a_build_is_due_and_its_way_back_makes_it_due_again
            given_two_projections_of_one_aggregate_when_one_is_restored_then_the_other_stays_at_its_versions
            given_balances_in_several_currencies_then_their_sums_are_read_from_the_rows
        }
    };
    ($new_database:expr; $($case:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::contract::projections::deployments::$case(&$new_database).await;
        }
    )* };
}
pub(crate) use deployments_suite;

/// The program before the court came.
const WITHOUT_CASES: Projections = BankAccountProjection::ALONE;
/// The program with both.
const WITH_CASES: Projections =
    Projections::new(&[&Declared::<BankAccountProjection>::NEW, &Declared::<CaseProjection>::NEW], &[]);

pub(crate) async fn given_a_projection_that_comes_after_its_first_events_then_it_is_built_while_events_go_on(
    database: &dyn ReadDatabase,
) {
    let bench = Bench::unprepared(database, &[CaseProjection::TABLES]).await;
    assert_eq!(bench.prepare(WITHOUT_CASES).await, []);
    let mut dice = Dice::seeded(20);
    let accounts = Stream::random::<BankAccountProjection>(&mut dice, 15, 10);
    let mut cases = Stream::random::<CaseProjection>(&mut dice, 40, 12);
    // Half of the commits of these cases come after the deployment.
    let halves: Vec<usize> = cases.iter().map(|case| case.commits.len() / 2).collect();
    bench.append_all(&accounts).await;
    bench.deliver(WITHOUT_CASES, &events_of(&accounts)).await;
    let mut meanwhile = Vec::new();
    for (case, half) in cases.iter().zip(&halves) {
        bench.append(&case.commits[..*half]).await;
        let version = case.commits[..*half].last().map_or(0, cqrs::Commit::last_version);
        let (before, after) = case.events.split_at(usize::try_from(version).expect("small"));
        if !before.is_empty() {
            let handled = bench.deliver(WITHOUT_CASES, before).await;
            assert_eq!((handled.applied, handled.rejected.len()), (0, before.len()));
        }
        meanwhile.push((case.commits[*half..].to_vec(), after.to_vec()));
    }

    // The projection is deployed.
    let due = BuildDue { projection: CaseProjection::NAME, reason: DueReason::NeverBuilt };
    assert_eq!(bench.prepare(WITH_CASES).await, std::slice::from_ref(&due));
    assert_only_due(&bench, WITH_CASES, &due).await;
    let id = RestoreId::generate();
    let requested = bench.read.store.request(id, RestoreKind::Rebuild, Some(CaseProjection::NAME)).await;
    assert_eq!(requested.expect("answers"), Requested::Recorded);
    let is_over = AtomicBool::new(false);
    let restoring = async {
        let outcome = bench.restorer(WITH_CASES).run("a worker", None).await;
        is_over.store(true, Ordering::SeqCst);
        outcome
    };
    let mut later = Vec::new();
    let serving = async {
        for (commits, events) in &meanwhile {
            bench.append(commits).await;
            assert_eq!(bench.deliver(WITH_CASES, events).await.rejected, []);
        }
        // New cases come until the swap is done.
        while !is_over.load(Ordering::SeqCst) {
            let case = Stream::of(&CaseProjection::random_stream(&mut dice, 5));
            bench.append(&case.commits).await;
            assert_eq!(bench.deliver(WITH_CASES, &case.events).await.rejected, []);
            later.push(case);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (outcome, ()) = tokio::join!(restoring, serving);
    let outcome = outcome.expect("runs");
    assert!(
        matches!(&outcome, RunOutcome::Finished(record) if record.status == RestoreStatus::Succeeded),
        "{outcome:?}"
    );

    cases.extend(later);
    assert_eq!(bench.prepare(WITH_CASES).await, []);
    bench.assert_rows::<CaseProjection>(&cases).await;
    bench.assert_rows::<BankAccountProjection>(&accounts).await;
    assert_eq!(bench.findings(WITH_CASES).await, []);
    // The rejected events come again from the bus, and are repeats.
    let handled = bench.deliver(WITH_CASES, &events_of(&cases)).await;
    assert_eq!((handled.repeated, handled.rejected), (events_of(&cases).len() as u64, vec![]));
}

/// Verification names the build that is due, and nothing else.
async fn assert_only_due(bench: &Bench<'_>, projections: Projections, due: &BuildDue) {
    let findings = bench.findings(projections).await;
    let [finding] = &findings[..] else { panic!("one finding: {findings:?}") };
    assert_eq!(finding.projection, Some(due.projection));
    assert_eq!(finding.damage, Damage::BuildDue { reason: due.to_string() });
}

/// Cases as the next build declares them: its rows have the plaintiff's name in capitals.
struct LaterCaseProjection;

impl Projection for LaterCaseProjection {
    const NAME: &'static str = CaseProjection::NAME;
    const VERSION: u32 = CaseProjection::VERSION + 1;
    const AGGREGATE_TYPES: &'static [&'static str] = CaseProjection::AGGREGATE_TYPES;

    type Event = <CaseProjection as Projection>::Event;
    type Row = <CaseProjection as Projection>::Row;
    type Line = <CaseProjection as Projection>::Line;
    type Error = <CaseProjection as Projection>::Error;

    fn decode(event: &EventEnvelope) -> Result<Self::Event, EventDecodeError> {
        CaseProjection::decode(event)
    }

    fn after(
        row: Option<&Self::Row>,
        at: EventPlace,
        event: &Self::Event,
    ) -> Result<Projected<Self::Row, Self::Line>, Self::Error> {
        let mut projected = CaseProjection::after(row, at, event)?;
        let plaintiff = &mut projected.row.plaintiff;
        *plaintiff = plaintiff.as_str().to_uppercase().parse().expect("capitals are no longer than 140 characters");
        Ok(projected)
    }
}

impl ReadModel for LaterCaseProjection {
    lists_of!(LaterCaseProjection);
    const TABLES: Option<Tables> = CaseProjection::TABLES;
    const CHANGED: (&'static str, &'static str) = CaseProjection::CHANGED;

    fn random_stream(dice: &mut Dice, number_of_events: usize) -> Vec<EventEnvelope> {
        CaseProjection::random_stream(dice, number_of_events)
    }
}

pub(crate) async fn given_a_raised_version_then_a_build_is_due_and_its_way_back_makes_it_due_again(
    database: &dyn ReadDatabase,
) {
    let bench = Bench::new::<CaseProjection>(database).await;
    let cases = bench.with_streams::<CaseProjection>(21, 25).await;
    let due = BuildDue { projection: CaseProjection::NAME, reason: DueReason::OtherVersion { built: 1, declared: 2 } };
    assert_eq!(bench.prepare(LaterCaseProjection::ALONE).await, std::slice::from_ref(&due));
    assert_only_due(&bench, LaterCaseProjection::ALONE, &due).await;
    bench.assert_rows::<CaseProjection>(&cases).await;

    bench.rebuild(LaterCaseProjection::ALONE, Some(CaseProjection::NAME)).await;
    assert_eq!(bench.prepare(LaterCaseProjection::ALONE).await, []);
    assert_eq!(bench.findings(LaterCaseProjection::ALONE).await, []);
    bench.assert_rows::<LaterCaseProjection>(&cases).await;
    assert_ne!(Expected::of::<LaterCaseProjection>(&cases), Expected::of::<CaseProjection>(&cases));

    let way_back = bench.restore(LaterCaseProjection::ALONE, RestoreKind::Rollback, Some(CaseProjection::NAME)).await;
    assert_eq!(way_back.status, RestoreStatus::Succeeded, "{way_back:?}");
    assert_eq!(bench.prepare(LaterCaseProjection::ALONE).await, [due]);
    // The earlier build runs again.
    assert_eq!(bench.prepare(CaseProjection::ALONE).await, []);
    assert_eq!(bench.findings(CaseProjection::ALONE).await, []);
    bench.assert_rows::<CaseProjection>(&cases).await;
}

/// Two read models of the accounts.
const BOTH: Projections =
    Projections::new(&[&Declared::<BankAccountProjection>::NEW, &Declared::<BalancesByCurrencyProjection>::NEW], &[]);

pub(crate) async fn given_two_projections_of_one_aggregate_when_one_is_restored_then_the_other_stays_at_its_versions(
    database: &dyn ReadDatabase,
) {
    let bench = Bench::unprepared(database, &[BalancesByCurrencyProjection::TABLES]).await;
    assert_eq!(bench.prepare(BOTH).await, []);
    let accounts = Stream::random::<BankAccountProjection>(&mut Dice::seeded(22), 20, 10);
    bench.append_all(&accounts).await;
    let (mut first_halves, mut second_halves) = (Vec::new(), Vec::new());
    for account in &accounts {
        let (first, second) = account.events.split_at(account.events.len().div_ceil(2));
        first_halves.extend_from_slice(first);
        second_halves.extend_from_slice(second);
    }
    // Each event is applied in both projections.
    assert_eq!(bench.deliver(BOTH, &first_halves).await.applied, 2 * first_halves.len() as u64);

    bench.rebuild(BOTH, Some(BankAccountProjection::NAME)).await;
    bench.assert_rows::<BankAccountProjection>(&accounts).await;
    let balances = bench.rows(<BalancesByCurrencyProjection as Projection>::Row::TABLE).await;
    let versions: u64 = balances.values().map(projection::Cells::version).sum();
    assert_eq!(versions, first_halves.len() as u64);

    let handled = bench.deliver(BOTH, &second_halves).await;
    let second = second_halves.len() as u64;
    assert_eq!((handled.applied, handled.repeated, handled.rejected), (second, second, vec![]));
    bench.assert_rows::<BankAccountProjection>(&accounts).await;
    bench.assert_rows::<BalancesByCurrencyProjection>(&accounts).await;
    assert_eq!(bench.findings(BOTH).await, []);
}

pub(crate) async fn given_balances_in_several_currencies_then_their_sums_are_read_from_the_rows(
    database: &dyn ReadDatabase,
) {
    let bench = Bench::new::<BalancesByCurrencyProjection>(database).await;
    assert_eq!(totals_by_currency(&bench.read.reader).await.expect("reads"), []);
    let accounts = bench.with_streams::<BalancesByCurrencyProjection>(23, 30).await;
    let mut expected = BTreeMap::<String, (u64, i128)>::new();
    for row in Expected::of::<BalancesByCurrencyProjection>(&accounts).rows.values() {
        let currency = row.text("currency").expect("a text").to_owned();
        let (rows, sum) = expected.entry(currency).or_default();
        *rows += 1;
        *sum += i128::from(row.integer("balance_minor").expect("a number"));
    }
    let totals = totals_by_currency(&bench.read.reader).await.expect("reads");
    let totals: Vec<_> = totals.into_iter().map(|total| (total.group, (total.rows, total.sum))).collect();
    assert!(totals.len() > 1);
    assert_eq!(totals, expected.into_iter().collect::<Vec<_>>());
}
