//! What a declared projection gets beside its rows: a restore from the events, and verification.

use std::sync::Arc;
use std::time::Duration;

use bank::AccountAggregate;
use cqrs::StreamRange;
use projection::Projection as _;
use restore::{RestoreId, RestoreKind, RestoreLimits, RestoreRegister as _, RestoreStatus, Restorer, RunOutcome};
use verify::{AnyAggregate, Damage, Finding, Head, KnownAggregate, Verifier, VerifyObserver};

use super::case::{Case, HearingNumber, HearingStatus};
use super::case_projection::CaseProjection;
use super::court::{Court, PROJECTIONS, adjourning, by_a_clerk, scheduling};

const NUMBER: &str = "2 O 131/26";

/// The aggregates whose kept states are compared with their events.
const AGGREGATES: &[&dyn AnyAggregate] = &[&KnownAggregate::<AccountAggregate>::NEW, &KnownAggregate::<Case>::NEW];

/// Keeps the findings.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl VerifyObserver for Findings {
    fn report_finding(&mut self, finding: &Finding) {
        self.0.push(finding.clone());
    }

    fn head(&mut self, _head: &Head) -> std::io::Result<()> {
        Ok(())
    }

    fn read(&mut self, _commits: u64) {}
}

async fn findings(court: &Court) -> Vec<Finding> {
    let mut findings = Findings::default();
    let rows = Arc::new(court.read_db.clone());
    let commits = Arc::new(court.opened_commits());
    let verifier = Verifier::new(commits, rows, PROJECTIONS, AGGREGATES, Duration::ZERO);
    verifier.verify(StreamRange::default(), None, &mut findings).await.expect("reads both databases");
    findings.0
}

async fn restore(court: &Court, projection: &str) {
    let id = RestoreId::generate();
    court.read_db.request(id, RestoreKind::Rebuild, Some(projection)).await.expect("is recorded");
    let store = Arc::new(court.read_db.clone());
    let restorer = Restorer::new(Arc::new(court.opened_commits()), store, PROJECTIONS, RestoreLimits::default());
    let outcome = restorer.run("this test", None).await.expect("runs");
    assert!(matches!(outcome, RunOutcome::Finished(record) if record.status == RestoreStatus::Succeeded));
}

/// A court with one case of four events, and nothing to find.
async fn court_with_a_case() -> Court {
    let court = Court::open().await;
    let case_id = court.file(NUMBER).await;
    court.commands.schedule.dispatch(by_a_clerk(scheduling(case_id, 9))).await.expect("done");
    court.commands.adjourn.dispatch(by_a_clerk(adjourning(case_id, 1, 10))).await.expect("done");
    court.case_at(NUMBER, 4).await.expect("a case");
    assert_eq!(findings(&court).await, []);
    court
}

#[tokio::test]
async fn given_damaged_rows_of_a_case_then_each_damage_is_named_and_a_restore_mends_them() {
    let court = court_with_a_case().await;
    assert_eq!(court.execute("UPDATE cases SET plaintiff = 'Mallory'").await, 1);
    assert_eq!(court.execute("DELETE FROM docket_entries WHERE kind = 'time_free'").await, 1);
    let found = findings(&court).await;
    assert!(found.iter().all(|finding| finding.projection == Some(CaseProjection::NAME)), "{found:?}");
    let is_named = |damage: &Damage| found.iter().any(|finding| finding.damage == *damage);
    assert!(is_named(&Damage::RowDiffers {
        member: "plaintiff",
        expected: "Ann Lee".to_owned(),
        found: "Mallory".to_owned()
    }));
    assert!(is_named(&Damage::LineMissing));
    assert_eq!(found.len(), 2, "{found:?}");

    restore(&court, CaseProjection::NAME).await;
    assert_eq!(findings(&court).await, []);
    let case = court.ask(NUMBER, None).await.expect("a case");
    assert_eq!(case.plaintiff.as_str(), "Ann Lee");
    let statuses: Vec<_> = case.hearings.iter().map(|hearing| (hearing.hearing, hearing.status)).collect();
    assert_eq!(statuses, [(HearingNumber(1), HearingStatus::Adjourned), (HearingNumber(2), HearingStatus::Scheduled)]);
}

#[tokio::test]
async fn given_a_restored_case_when_it_goes_on_then_the_next_events_are_applied_to_the_new_rows() {
    let court = court_with_a_case().await;
    restore(&court, CaseProjection::NAME).await;
    let case_id = court.file("2 O 132/26").await;
    court.commands.schedule.dispatch(by_a_clerk(scheduling(case_id, 11))).await.expect("done");
    assert_eq!(court.case_at("2 O 132/26", 2).await.expect("a case").hearings.len(), 1);
    assert_eq!(findings(&court).await, []);
}
