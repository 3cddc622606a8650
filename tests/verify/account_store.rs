use std::sync::Arc;
use std::time::Duration;

use bank::{
    AccountAggregate, AccountEvent, AccountId, AccountKind, Money, TransferAggregate, TransferEvent, TransferId,
    TransferLeg, TransferParty,
};
use bank_read_model::PROJECTIONS;
use cqrs::{
    CommandContext, Commit, CommitScan, EventHandler, EventSourcingHandler, EventStoreRepository, Idempotency,
    OpenedCommitScan, PersonalData, StreamId, StreamRange, Timestamp,
};
use personal_data::{KeyProtection, StreamKeys};
use sqlite_embedded::{SqliteKeyStore, TailedLog};
use tempfile::TempDir;
use uuid::Uuid;
use verify::{AnyAggregate, Finding, Head, HeadsFile, KnownAggregate, Outcome, VerifiedRows, Verifier, VerifyObserver};

use crate::contract::Dice;

const AGGREGATES: &[&dyn AnyAggregate] =
    &[&KnownAggregate::<AccountAggregate>::NEW, &KnownAggregate::<TransferAggregate>::NEW];

/// Both databases of one test.
pub struct AccountStore {
    pub event_store: Arc<dyn EventStoreRepository>,
    pub scan: Arc<dyn CommitScan>,
    pub rows: Arc<dyn VerifiedRows>,
    pub keys: Keys,
}

/// The keys of the holders' names, in a file of their own.
pub struct Keys {
    personal_data: Arc<dyn PersonalData>,
    _home: TempDir,
}

impl Keys {
    pub async fn in_a_new_file() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let keys = SqliteKeyStore::open(&home.path().join("keys.db")).await.expect("opens");
        let personal_data = Arc::new(StreamKeys::new(Arc::new(keys), KeyProtection::none()));
        Self { personal_data, _home: home }
    }
}

/// The reports of a verification.
#[derive(Debug, Default)]
pub struct CollectedReports {
    pub findings: Vec<Finding>,
    pub heads: Vec<Head>,
}

impl VerifyObserver for CollectedReports {
    fn report_finding(&mut self, finding: &Finding) {
        self.findings.push(finding.clone());
    }

    fn head(&mut self, head: &Head) -> std::io::Result<()> {
        self.heads.push(*head);
        Ok(())
    }

    fn read(&mut self, _commits: u64) {}
}

fn eur(amount_minor: i64) -> Money {
    Money::new(amount_minor, "EUR".parse().expect("an active code")).expect("within the limit")
}

impl AccountStore {
    /// Fills the store with this number of accounts, each with 6 to 12 commits. Some commits hold two events, and some
    /// have a key. The write side's own code writes them, and they are projected.
    pub async fn fill(&self, projector: &dyn EventHandler, accounts: usize) {
        let mut dice = Dice::seeded(11);
        let handler: EventSourcingHandler<AccountAggregate> =
            EventSourcingHandler::new(self.event_store.clone(), Arc::new(TailedLog))
                .with_personal_data(self.keys.personal_data.clone());
        for number in 0..accounts {
            let stream_id = StreamId(Uuid::now_v7());
            let opened = AccountEvent::AccountOpened {
                owner: "ann".to_owned(),
                holder: "Ann L\u{e9}e \u{1f600}".parse().expect("a holder"),
                kind: AccountKind::Savings,
                opening_balance: eur(100_000),
            };
            let context = context(number, 0, &mut dice);
            handler.create(stream_id, &context, |_| Ok(vec![opened.clone()])).await.expect("opens");
            let last = 5 + dice.below(7);
            for turn in 1..=last {
                let amount = eur(dice.amount_up_to(1_000));
                let reference = dice.pick(&[None, Some("rent"), Some("r\u{e9}f \"\\\u{2028}")]);
                let reference = reference.map(|text| text.parse().expect("a reference"));
                let moved = match dice.below(3) {
                    0 => vec![AccountEvent::FundsWithdrawn { amount, reference }],
                    1 => vec![AccountEvent::FundsDeposited { amount, reference }],
                    _ => vec![
                        AccountEvent::FundsDeposited { amount, reference: reference.clone() },
                        AccountEvent::FundsWithdrawn { amount, reference },
                    ],
                };
                let context = self::context(number, turn, &mut dice);
                handler.execute(stream_id, &context, |_| Ok(moved.clone())).await.expect("moves");
            }
        }
        self.project(projector).await;
    }

    /// A transfer between two of the accounts, and its reversal where it is asked for. They are not projected.
    pub async fn transfer(&self, from: AccountId, to: AccountId, amount_minor: i64, is_reversed: bool) -> TransferId {
        let transfer_id = TransferId::generate();
        let leg = |counterparty| TransferLeg { transfer_id, counterparty, amount: eur(amount_minor), reference: None };
        let from_version = self.add(from, AccountEvent::TransferSent(leg(to))).await;
        let to_version = self.add(to, AccountEvent::TransferReceived(leg(from))).await;
        let party = |account_id, version| TransferParty { account_id, owner: "ann".to_owned(), version };
        let mut events = vec![TransferEvent::TransferMade {
            from: party(from, from_version),
            to: party(to, to_version),
            amount: eur(amount_minor),
            reference: None,
        }];
        if is_reversed {
            let from_version = self.add(from, AccountEvent::ReversalReceived(leg(to))).await;
            let to_version = self.add(to, AccountEvent::ReversalSent(leg(from))).await;
            events.push(TransferEvent::TransferReversed { from_version, to_version, reason: None });
        }
        let handler: EventSourcingHandler<TransferAggregate> =
            EventSourcingHandler::new(self.event_store.clone(), Arc::new(TailedLog));
        let stream_id = StreamId(transfer_id.as_uuid());
        for event in events {
            let context = bare_context();
            handler.execute(stream_id, &context, |_| Ok(vec![event.clone()])).await.expect("transfers");
        }
        transfer_id
    }

    /// Adds an event to an account. Answers the account's new version.
    async fn add(&self, account_id: AccountId, event: AccountEvent) -> u64 {
        let handler: EventSourcingHandler<AccountAggregate> =
            EventSourcingHandler::new(self.event_store.clone(), Arc::new(TailedLog));
        let stream_id = StreamId(account_id.as_uuid());
        let outcome = handler.execute(stream_id, &bare_context(), |_| Ok(vec![event.clone()])).await.expect("moves");
        outcome.version
    }

    /// Brings every event to the projector.
    pub async fn project(&self, projector: &dyn EventHandler) {
        let opened = self.keys.personal_data.open(self.commits().await).await.expect("opens");
        for commit in opened {
            let commit = commit.expect("is sound");
            projector.handle(&commit.envelopes().collect::<Vec<_>>()).await.expect("projects");
        }
    }

    /// All commits, in order.
    pub async fn commits(&self) -> Vec<Commit> {
        let scanned = self.scan.scan(StreamRange::default(), None, 100_000).await.expect("scans");
        scanned.into_iter().filter_map(|found| found.commit.ok()).collect()
    }

    /// Verifies the whole store, without patience for rows that are behind.
    pub async fn verify(&self, earlier_heads: Option<HeadsFile>) -> (CollectedReports, Outcome) {
        let mut reports = CollectedReports::default();
        let opened = Arc::new(OpenedCommitScan::new(self.scan.clone(), self.keys.personal_data.clone()));
        let verifier = Verifier::new(opened, self.rows.clone(), PROJECTIONS, AGGREGATES, Duration::ZERO);
        let outcome = verifier.verify(StreamRange::default(), earlier_heads, &mut reports).await.expect("it runs");
        assert_eq!(outcome.findings, reports.findings.len() as u64);
        (reports, outcome)
    }

    /// Fails if there is a finding.
    pub async fn expect_clean(&self, when: &str) {
        let (reports, _) = self.verify(None).await;
        assert_eq!(reports.findings, [], "{when}");
    }
}

fn bare_context() -> CommandContext {
    CommandContext {
        caller: "ann".to_owned(),
        correlation_id: "a correlation".to_owned(),
        causation_id: "a causation".to_owned(),
        idempotency: None,
        expected_version: None,
        issued_at: Timestamp::now(),
    }
}

fn context(account: usize, turn: usize, dice: &mut Dice) -> CommandContext {
    let key = format!("key {account} {turn}");
    CommandContext {
        caller: "ann".to_owned(),
        correlation_id: format!("correlation {account} {turn}"),
        causation_id: format!("causation {account} {turn}"),
        idempotency: dice.once_in(2).then(|| Idempotency::new("ann", "/accounts", &key, b"content")),
        expected_version: None,
        issued_at: Timestamp::now(),
    }
}
