use std::collections::{BTreeMap, HashMap};

use bank::{AccountAggregate, AccountEvent, AccountId};
use cqrs::{AggregateRoot as _, DomainEvent as _, EventEnvelope, HandledBatch, RejectedEvent};

use crate::{BankAccountEntity, StatementLine};

/// What the read database held of a batch's accounts when the transaction began.
#[derive(Debug, Clone, Default)]
pub struct AccountsAsLoaded {
    /// The rows that there were.
    pub entities: HashMap<AccountId, BankAccountEntity>,
    /// The events that were waiting for their turn.
    pub early_events: Vec<EventEnvelope>,
}

/// What the transaction is to write.
#[derive(Debug, Default)]
pub struct ProjectionPlan {
    /// Rows to insert or replace, one an account.
    pub entities: Vec<BankAccountEntity>,
    /// Lines to insert.
    pub lines: Vec<StatementLine>,
    /// Events ahead of their turn, to keep.
    pub keep_early: Vec<EventEnvelope>,
    /// Kept events that have had their turn, to delete: account and version.
    pub drop_early: Vec<(AccountId, u64)>,
    /// What became of the batch.
    pub outcome: HandledBatch,
}

/// The account that an event is of, or none when it is of another kind of aggregate.
///
/// # Errors
/// The reason, for an account's event whose stream id is no account id.
pub fn account_id_of(event: &EventEnvelope) -> Result<Option<AccountId>, String> {
    if event.aggregate_type != AccountAggregate::AGGREGATE_TYPE {
        return Ok(None);
    }
    AccountId::try_from(event.stream_id.0).map(Some).map_err(|error| format!("stream {}: {error}", event.stream_id))
}

/// Decides what a batch of deliveries changes, given what the database held. Pure: the adapters read before
/// it and write after it, in one transaction.
///
/// Each account's events are applied strictly by version: a repeat is dropped, an event ahead of its turn is
/// kept until the gap before it closes, and an event that cannot be applied is rejected while the accounts
/// beside it go on (those behind it in its own account wait as early ones). An event whose content is another
/// than that of the one before it in the same place is no repeat: it may be its mended form.
#[must_use]
pub fn plan_projection(loaded: AccountsAsLoaded, batch: &[EventEnvelope]) -> ProjectionPlan {
    let mut plan = ProjectionPlan::default();
    let mut accounts: BTreeMap<AccountId, PendingAccount> = BTreeMap::new();
    for event in loaded.early_events {
        if let Ok(Some(account_id)) = account_id_of(&event) {
            accounts.entry(account_id).or_default().add(event, true);
        }
    }
    for event in batch {
        match account_id_of(event) {
            Ok(None) => plan.outcome.foreign += 1,
            Ok(Some(account_id)) => {
                let is_new = accounts.entry(account_id).or_default().add(event.clone(), false);
                plan.outcome.repeated += u64::from(!is_new);
            }
            Err(reason) => plan.outcome.rejected.push(RejectedEvent { event: event.clone(), reason }),
        }
    }
    for (account_id, pending) in accounts {
        let row = loaded.entities.get(&account_id);
        pending.apply(account_id, row, &mut plan);
    }
    plan
}

/// One account's events that have not been applied yet, by version.
#[derive(Default)]
struct PendingAccount {
    /// More than one of a version only where they differ: one of them may be the mended form of another, and
    /// which one it is shows when they are applied.
    events: BTreeMap<u64, Vec<PendingEvent>>,
}

struct PendingEvent {
    event: EventEnvelope,
    /// Whether the database keeps it already, as an early one.
    is_kept: bool,
}

impl PendingAccount {
    /// Answers whether the event was not there yet.
    fn add(&mut self, event: EventEnvelope, is_kept: bool) -> bool {
        let of_version = self.events.entry(event.version).or_default();
        let is_new = of_version.iter().all(|pending| pending.event != event);
        if is_new {
            of_version.push(PendingEvent { event, is_kept });
        }
        is_new
    }

    fn apply(self, account_id: AccountId, row: Option<&BankAccountEntity>, plan: &mut ProjectionPlan) {
        let mut current = row.cloned();
        for (version, of_version) in self.events {
            if version > version_of(current.as_ref()) + 1 {
                keep_until_its_turn(of_version, plan);
                continue;
            }
            let is_any_kept = of_version.iter().any(|pending| pending.is_kept);
            for PendingEvent { event, is_kept } in of_version {
                if version <= version_of(current.as_ref()) {
                    plan.outcome.repeated += u64::from(!is_kept);
                    continue;
                }
                let applied = decode(&event).and_then(|decoded| {
                    BankAccountEntity::after(current.as_ref(), account_id, &decoded, event.occurred_at)
                        .map_err(|error| error.to_string())
                });
                match applied {
                    Ok((after, line)) => {
                        current = Some(after);
                        plan.lines.extend(line);
                        plan.outcome.applied += 1;
                    }
                    // It stays where it is kept, and those behind it with it, until another form of it is applied.
                    Err(reason) if is_kept => {
                        tracing::error!(%account_id, version, reason, "a kept event cannot be applied");
                    }
                    Err(reason) => plan.outcome.rejected.push(RejectedEvent { event, reason }),
                }
            }
            // A kept one can also be behind since another batch closed the gap without it.
            let is_past = version <= version_of(current.as_ref());
            plan.drop_early.extend((is_any_kept && is_past).then_some((account_id, version)));
        }
        if let Some(after) = current.filter(|after| Some(after) != row) {
            plan.entities.push(after);
        }
    }
}

fn version_of(row: Option<&BankAccountEntity>) -> u64 {
    row.map_or(0, |account| account.version)
}

/// One form of an event waits. Any other is the bus's to keep: which of them is right shows only when their turn
/// has come.
fn keep_until_its_turn(of_version: Vec<PendingEvent>, plan: &mut ProjectionPlan) {
    let mut one_waits = false;
    for PendingEvent { event, is_kept } in of_version {
        if is_kept {
            one_waits = true;
            continue;
        }
        let reason = match decode(&event) {
            Ok(_) if one_waits => "another form of this event waits for its turn".to_owned(),
            Ok(_) => {
                one_waits = true;
                plan.outcome.kept_early += 1;
                plan.keep_early.push(event);
                continue;
            }
            // Only what can be read is kept: the rest is the bus's to keep, with its reason.
            Err(reason) => reason,
        };
        plan.outcome.rejected.push(RejectedEvent { event, reason });
    }
}

fn decode(event: &EventEnvelope) -> Result<AccountEvent, String> {
    AccountEvent::from_data(&event.event_type, event.schema_version, &event.data).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use bank::{AccountKind, AccountStatus, Money};
    use cqrs::{StreamId, Timestamp};
    use uuid::Uuid;

    use super::*;

    fn eur(amount_minor: i64) -> Money {
        Money::new(amount_minor, "EUR".parse().expect("an active code")).expect("within the limit")
    }

    fn envelope(account_id: AccountId, version: u64, event: &AccountEvent) -> EventEnvelope {
        EventEnvelope {
            stream_id: StreamId(account_id.as_uuid()),
            aggregate_type: "account".to_owned(),
            version,
            event_id: Uuid::now_v7(),
            event_type: event.event_type().to_owned(),
            schema_version: event.schema_version(),
            data: event.to_data(),
            occurred_at: Timestamp::from_unix_micros(i64::try_from(version).expect("small")).expect("a time"),
            correlation_id: "c".to_owned(),
            causation_id: "c".to_owned(),
        }
    }

    fn opened(opening_minor: i64) -> AccountEvent {
        AccountEvent::AccountOpened {
            owner: "ann".to_owned(),
            holder: "Ann Lee".parse().expect("a holder"),
            kind: AccountKind::Checking,
            opening_balance: eur(opening_minor),
        }
    }

    fn deposited(amount_minor: i64) -> AccountEvent {
        AccountEvent::FundsDeposited { amount: eur(amount_minor), reference: None }
    }

    /// A database in a few lines: what a plan says is done to it.
    #[derive(Default)]
    struct Rows {
        loaded: AccountsAsLoaded,
        lines: Vec<StatementLine>,
    }

    impl Rows {
        fn deliver(&mut self, batch: &[EventEnvelope]) -> HandledBatch {
            let plan = plan_projection(self.loaded.clone(), batch);
            for entity in plan.entities {
                self.loaded.entities.insert(entity.account_id, entity);
            }
            self.loaded.early_events.retain(|early| {
                let account_id = account_id_of(early).expect("an id").expect("an account");
                !plan.drop_early.contains(&(account_id, early.version))
            });
            self.loaded.early_events.extend(plan.keep_early);
            self.lines.extend(plan.lines);
            plan.outcome
        }
    }

    fn stream(account_id: AccountId) -> Vec<EventEnvelope> {
        let mut events = vec![envelope(account_id, 1, &opened(100))];
        events.extend((2..=5).map(|version| envelope(account_id, version, &deposited(1))));
        events
    }

    #[test]
    fn given_any_order_and_repeats_then_the_rows_are_those_of_the_stream_in_order() {
        let account_id = AccountId::generate();
        let events = stream(account_id);
        let mut expected = Rows::default();
        assert_eq!(expected.deliver(&events).applied, 5);
        for order in [[4, 3, 2, 1, 0], [0, 2, 4, 1, 3], [1, 0, 1, 0, 2], [4, 4, 0, 0, 3]] {
            let mut rows = Rows::default();
            for index in order {
                rows.deliver(&events[index..=index]);
            }
            rows.deliver(&events);
            assert_eq!(rows.loaded.entities, expected.loaded.entities, "{order:?}");
            assert_eq!(rows.lines, expected.lines, "{order:?}");
            assert!(rows.loaded.early_events.is_empty(), "{order:?}");
        }
        let row = &expected.loaded.entities[&account_id];
        assert_eq!((row.version, row.balance, row.status), (5, eur(104), AccountStatus::Active));
    }

    #[test]
    fn given_a_repeat_within_one_batch_then_it_is_applied_once() {
        let events = stream(AccountId::generate());
        let twice: Vec<_> = events.iter().chain(&events).cloned().collect();
        let outcome = Rows::default().deliver(&twice);
        assert_eq!((outcome.applied, outcome.repeated, outcome.kept_early), (5, 5, 0));
    }

    #[test]
    fn given_a_poison_event_then_it_is_rejected_what_follows_it_waits_and_others_go_on() {
        let (poisoned, healthy) = (AccountId::generate(), AccountId::generate());
        let mut events = stream(poisoned);
        let good = events[2].clone();
        events[2].event_type = "FundsConjured".to_owned();
        let mut rows = Rows::default();
        let outcome = rows.deliver(&[events, stream(healthy)].concat());
        assert_eq!((outcome.applied, outcome.kept_early), (2 + 5, 2));
        assert_eq!(outcome.rejected.iter().map(|rejected| rejected.event.version).collect::<Vec<_>>(), [3]);
        assert_eq!(rows.loaded.entities[&poisoned].version, 2);
        assert_eq!(rows.loaded.entities[&healthy].version, 5);
        // Once it is mended, all that waited goes through.
        assert_eq!(rows.deliver(&[good]).applied, 3);
        assert_eq!(rows.loaded.entities[&poisoned].version, 5);
    }

    #[test]
    fn given_a_poison_event_and_its_mended_form_in_one_batch_then_the_mended_one_is_applied() {
        for mended_at in [2, 3] {
            let mut events = stream(AccountId::generate());
            let mended = events[2].clone();
            events[2].event_type = "FundsConjured".to_owned();
            events.insert(mended_at, mended);
            assert_eq!(Rows::default().deliver(&events).applied, 5);
        }
    }

    #[test]
    fn given_an_impossible_movement_that_waits_then_its_mended_form_is_not_taken_for_a_repeat() {
        let account_id = AccountId::generate();
        let events = stream(account_id);
        let withdrawn = AccountEvent::FundsWithdrawn { amount: eur(1_000), reference: None };
        let mut rows = Rows::default();
        assert_eq!(rows.deliver(&[envelope(account_id, 3, &withdrawn), events[3].clone()]).kept_early, 2);
        // One form waits already, and which is right does not show yet: the bus must keep the other.
        let outcome = rows.deliver(&events[2..3]);
        assert_eq!((outcome.kept_early, outcome.rejected.len()), (0, 1));
        assert_eq!(rows.deliver(&events[..2]).applied, 2);
        assert_eq!(rows.deliver(&events[2..3]).applied, 2);
        assert_eq!(rows.loaded.entities[&account_id].version, 4);
        assert!(rows.loaded.early_events.is_empty());
    }

    #[test]
    fn given_an_impossible_movement_then_it_is_rejected_and_the_row_stays() {
        let account_id = AccountId::generate();
        let withdrawn = AccountEvent::FundsWithdrawn { amount: eur(101), reference: None };
        let mut rows = Rows::default();
        let outcome = rows.deliver(&[envelope(account_id, 1, &opened(100)), envelope(account_id, 2, &withdrawn)]);
        assert_eq!((outcome.applied, outcome.rejected.len()), (1, 1));
        assert_eq!(rows.loaded.entities[&account_id].balance, eur(100));
    }

    #[test]
    fn given_events_of_another_aggregate_then_they_are_counted_and_skipped() {
        let mut foreign = envelope(AccountId::generate(), 1, &opened(1));
        foreign.aggregate_type = "case".to_owned();
        let outcome = Rows::default().deliver(&[foreign]);
        assert_eq!(outcome, HandledBatch { foreign: 1, ..HandledBatch::default() });
    }
}
