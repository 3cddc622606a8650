use bank::{AccountEvent, AccountId, AccountKind, AccountStatus, HolderName, Money, TransferId, TransferLeg};
use bank_read_model::{BankAccountEntity, LineTransfer, StatementLine, StatementLineKind};
use cqrs::{Commit, CommitDraft, Digest, DomainEvent as _, EventEnvelope, RecordedEvent, StreamId, Timestamp};
use uuid::Uuid;

use super::commits::StreamEnd;
use super::dice::Dice;

/// An account's events, and the content that the read database must have after all of them. The row and the lines are
/// computed beside the events and not from them, so that they do not copy the projection's work.
#[derive(Debug, Clone)]
pub struct AccountHistory {
    pub account_id: AccountId,
    /// All events, from the first.
    pub events: Vec<EventEnvelope>,
    pub row: BankAccountEntity,
    /// The lines, newest first, as a statement is read.
    pub statement: Vec<StatementLine>,
}

/// The start of an account.
#[derive(Debug, Clone)]
pub struct Opening {
    pub owner: String,
    pub holder: String,
    pub kind: AccountKind,
    pub currency: &'static str,
    pub balance_minor: i64,
    pub opened_at: Timestamp,
}

impl Default for Opening {
    fn default() -> Self {
        Self {
            owner: "ann".to_owned(),
            holder: "Ann Lee".to_owned(),
            kind: AccountKind::Checking,
            currency: "EUR",
            balance_minor: 0,
            opened_at: at(0),
        }
    }
}

/// The time that is this number of microseconds after a time that is not a full second.
pub fn at(micros: i64) -> Timestamp {
    Timestamp::from_unix_micros(1_764_000_000_123_456 + micros).expect("a time")
}

/// Money of any currency.
pub fn money(amount_minor: i64, currency: &str) -> Money {
    Money::new(amount_minor, currency.parse().expect("an active code")).expect("within the limit")
}

impl AccountHistory {
    pub fn open(opening: &Opening) -> Self {
        // The id's place in the order does not depend on the time when it was made.
        let account_id = AccountId::derived_from(Digest::of(Uuid::now_v7().as_bytes()).as_bytes());
        let opening_balance = money(opening.balance_minor, opening.currency);
        let row = BankAccountEntity {
            account_id,
            owner: opening.owner.clone(),
            holder: opening.holder.clone(),
            kind: opening.kind,
            balance: opening_balance,
            status: AccountStatus::Active,
            version: 0,
            opened_at: opening.opened_at,
            updated_at: opening.opened_at,
        };
        let mut history = Self { account_id, events: Vec::new(), row, statement: Vec::new() };
        let opened = AccountEvent::AccountOpened {
            owner: opening.owner.clone(),
            holder: opening.holder.parse().expect("a holder"),
            kind: opening.kind,
            opening_balance,
        };
        history.record(&opened, opening.opened_at);
        history.add_line(StatementLineKind::Opening, opening.balance_minor, None);
        history
    }

    /// A deposit one microsecond after the event before it.
    pub fn deposit(&mut self, amount_minor: i64, reference: Option<&str>) -> &mut Self {
        self.deposit_at(amount_minor, reference, self.next_time())
    }

    pub fn deposit_at(&mut self, amount_minor: i64, reference: Option<&str>, occurred_at: Timestamp) -> &mut Self {
        let amount = self.money(amount_minor);
        let reference_text = reference.map(|text| text.parse().expect("a reference"));
        self.record(&AccountEvent::FundsDeposited { amount, reference: reference_text }, occurred_at);
        self.row.balance = self.money(self.row.balance.amount_minor() + amount_minor);
        self.add_line(StatementLineKind::Deposit, amount_minor, reference);
        self
    }

    pub fn withdraw(&mut self, amount_minor: i64, reference: Option<&str>) -> &mut Self {
        self.withdraw_at(amount_minor, reference, self.next_time())
    }

    pub fn withdraw_at(&mut self, amount_minor: i64, reference: Option<&str>, occurred_at: Timestamp) -> &mut Self {
        let amount = self.money(amount_minor);
        let reference_text = reference.map(|text| text.parse().expect("a reference"));
        self.record(&AccountEvent::FundsWithdrawn { amount, reference: reference_text }, occurred_at);
        self.row.balance = self.money(self.row.balance.amount_minor() - amount_minor);
        self.add_line(StatementLineKind::Withdrawal, amount_minor, reference);
        self
    }

    /// One leg of a transfer or of a reversal, one microsecond after the event before it. The transfer itself and the other
    /// account are not made.
    pub fn leg(
        &mut self,
        event: fn(TransferLeg) -> AccountEvent,
        amount_minor: i64,
        reference: Option<&str>,
    ) -> &mut Self {
        let occurred_at = self.next_time();
        let transfer = LineTransfer { transfer_id: TransferId::generate(), counterparty: AccountId::generate() };
        let event = event(TransferLeg {
            transfer_id: transfer.transfer_id,
            counterparty: transfer.counterparty,
            amount: self.money(amount_minor),
            reference: reference.map(|text| text.parse().expect("a reference")),
        });
        self.record(&event, occurred_at);
        let (kind, change_minor) = match event {
            AccountEvent::TransferReceived(_) | AccountEvent::ReversalReceived(_) => {
                (StatementLineKind::TransferIn, amount_minor)
            }
            _ => (StatementLineKind::TransferOut, -amount_minor),
        };
        self.row.balance = self.money(self.row.balance.amount_minor() + change_minor);
        self.add_line(kind, amount_minor, reference);
        self.statement[0].transfer = Some(transfer);
        self
    }

    pub fn close(&mut self) -> &mut Self {
        let occurred_at = self.next_time();
        self.record(&AccountEvent::AccountClosed { reason: None }, occurred_at);
        self.row.status = AccountStatus::Closed;
        self
    }

    /// The erasure of the holder's name.
    pub fn erase(&mut self) -> &mut Self {
        let occurred_at = self.next_time();
        self.record(&AccountEvent::AccountHolderErased, occurred_at);
        self.row.holder = HolderName::ERASED.to_owned();
        self
    }

    /// An account with this number of events, of all kinds.
    pub fn random(dice: &mut Dice, number_of_events: usize) -> Self {
        let mut history = Self::open(&Opening {
            owner: dice.pick(&["ann", "Ann", "bob", "李安"]).to_owned(),
            holder: dice.pick(&["Ann Lee", "Ann L\u{e9}e", "Ann Le\u{301}e", "李安", "👩‍👩‍👧"]).to_owned(),
            kind: dice.pick(&[AccountKind::Checking, AccountKind::Savings]),
            currency: dice.pick(&["EUR", "USD", "JPY", "KWD"]),
            balance_minor: dice.pick(&[0, 1, 100_000, 999_999_999_999]),
            opened_at: at(i64::try_from(dice.below(50)).expect("small")),
        });
        while history.events.len() < number_of_events {
            let reference = dice.pick(&[None, Some(""), Some("rent"), Some(" ré'f\u{1f600} ")]);
            let balance_minor = history.row.balance.amount_minor();
            let is_last = history.events.len() + 1 == number_of_events;
            // Often several events have one time, like the events of one command.
            let same_time = history.row.updated_at;
            match dice.below(6) {
                0 if is_last && balance_minor == 0 => history.close(),
                1 if balance_minor > 0 => history.withdraw(dice.amount_up_to(balance_minor), reference),
                2 if balance_minor > 0 => history.withdraw_at(balance_minor, reference, same_time),
                3 => history.deposit_at(dice.amount_up_to(1_000_000), reference, same_time),
                4 => {
                    let came: [fn(TransferLeg) -> AccountEvent; 2] =
                        [AccountEvent::TransferReceived, AccountEvent::ReversalReceived];
                    history.leg(dice.pick(&came), dice.amount_up_to(1_000_000), reference)
                }
                5 if balance_minor > 0 => {
                    let went: [fn(TransferLeg) -> AccountEvent; 2] =
                        [AccountEvent::TransferSent, AccountEvent::ReversalSent];
                    history.leg(dice.pick(&went), dice.amount_up_to(balance_minor), reference)
                }
                _ => history.deposit(dice.amount_up_to(1_000_000), reference),
            };
        }
        history
    }

    /// The events as an event store would hold them: events of one time are one commit.
    pub fn commits(&self) -> Vec<Commit> {
        let mut end = StreamEnd::of_empty(StreamId(self.account_id.as_uuid()));
        let mut commits = Vec::new();
        for events in self.events.chunk_by(|one, next| one.occurred_at == next.occurred_at) {
            let recorded = events.iter().map(|event| RecordedEvent {
                event_id: event.event_id,
                event_type: event.event_type.clone(),
                schema_version: event.schema_version,
                data: event.data.clone(),
                personal: None,
            });
            let commit = CommitDraft {
                aggregate_type: events[0].aggregate_type.clone(),
                occurred_at: events[0].occurred_at,
                ..end.draft(recorded.collect())
            }
            .seal();
            end = StreamEnd::after(&commit);
            commits.push(commit);
        }
        commits
    }

    fn money(&self, amount_minor: i64) -> Money {
        Money::new(amount_minor, self.row.balance.currency()).expect("within the limit")
    }

    fn next_time(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.row.updated_at.unix_micros() + 1).expect("a time")
    }

    fn record(&mut self, event: &AccountEvent, occurred_at: Timestamp) {
        self.row.version += 1;
        self.row.updated_at = occurred_at;
        self.events.push(EventEnvelope {
            stream_id: StreamId(self.account_id.as_uuid()),
            aggregate_type: "account".to_owned(),
            version: self.row.version,
            event_id: Uuid::now_v7(),
            event_type: event.event_type().to_owned(),
            schema_version: event.schema_version(),
            data: event.to_data(),
            occurred_at,
            correlation_id: "a correlation".to_owned(),
            causation_id: "a causation".to_owned(),
        });
    }

    fn add_line(&mut self, kind: StatementLineKind, amount_minor: i64, reference: Option<&str>) {
        let line = StatementLine {
            account_id: self.account_id,
            version: self.row.version,
            kind,
            amount: self.money(amount_minor),
            balance_after: self.row.balance,
            reference: reference.map(ToOwned::to_owned),
            occurred_at: self.row.updated_at,
            transfer: None,
        };
        self.statement.insert(0, line);
    }
}
