use bank::{AccountAggregate, AccountEvent, AccountId, AccountStatus, HolderName, Money, TransferLeg};
use cqrs::{AggregateRoot as _, DomainEvent as _, EventDecodeError, EventEnvelope};
use projection::{EventPlace, Projected, Projection, Totals};

use crate::{BankAccountEntity, LineTransfer, StatementLine, StatementLineKind};

/// The rows of accounts and the lines of their statements.
pub struct BankAccountProjection;

/// The reason why an event cannot follow an account's row. Handling: the event is kept aside. The event store or the
/// row is damaged, and `verify` shows which of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BankAccountProjectionError {
    /// The stream's id is not an account's id.
    #[error("the stream's id is not an account's id: {0}")]
    NoAccountId(#[from] bank::AccountIdError),
    /// An event happened to an account that is not open.
    #[error("the first event of an account must be AccountOpened")]
    NotOpened,
    /// An account was opened although it is open already.
    #[error("the account is already open")]
    OpenedTwice,
    /// The balance does not allow the movement.
    #[error("the movement does not fit the balance: {0}")]
    Movement(#[from] bank::MoneyError),
}

impl Projection for BankAccountProjection {
    const NAME: &'static str = "bank-accounts";
    // Transfers did not raise the version. The rows and lines of all earlier events are as before, with no transfer. An
    // earlier build rejects the events of a transfer and keeps them aside. So there are no rows of them to build anew.
    const VERSION: u32 = 1;
    const AGGREGATE_TYPES: &'static [&'static str] = &[AccountAggregate::AGGREGATE_TYPE];
    const TOTALS: Option<Totals> = Some(Totals {
        group: "currency",
        row_amount: "balance_minor",
        line_amount: "amount_minor",
        line_direction: "kind",
        taken_off: &["withdrawal", "transfer_out"],
    });

    type Event = AccountEvent;
    type Row = BankAccountEntity;
    type Line = StatementLine;
    type Error = BankAccountProjectionError;

    fn decode(event: &EventEnvelope) -> Result<AccountEvent, EventDecodeError> {
        AccountEvent::from_data(&event.event_type, event.schema_version, &event.data)
    }

    fn after(
        row: Option<&BankAccountEntity>,
        at: EventPlace,
        event: &AccountEvent,
    ) -> Result<Projected<BankAccountEntity, StatementLine>, BankAccountProjectionError> {
        if let AccountEvent::AccountOpened { owner, holder, kind, opening_balance } = event {
            if row.is_some() {
                return Err(BankAccountProjectionError::OpenedTwice);
            }
            let opened = BankAccountEntity {
                account_id: AccountId::try_from(at.stream_id.0)?,
                owner: owner.clone(),
                holder: holder.as_str().to_owned(),
                kind: *kind,
                balance: *opening_balance,
                status: AccountStatus::Active,
                version: at.version,
                opened_at: at.occurred_at,
                updated_at: at.occurred_at,
            };
            let line = line_of(&opened, StatementLineKind::Opening, *opening_balance, None);
            return Ok(Projected { row: opened, lines: vec![line] });
        }
        let before = row.ok_or(BankAccountProjectionError::NotOpened)?;
        let mut after = BankAccountEntity { version: at.version, updated_at: at.occurred_at, ..before.clone() };
        let line = match event {
            AccountEvent::AccountOpened { .. } => None,
            AccountEvent::FundsDeposited { amount, reference } => {
                after.balance = before.balance.checked_add(*amount)?;
                Some(line_of(&after, StatementLineKind::Deposit, *amount, reference.as_ref()))
            }
            AccountEvent::FundsWithdrawn { amount, reference } => {
                after.balance = before.balance.checked_sub(*amount)?;
                Some(line_of(&after, StatementLineKind::Withdrawal, *amount, reference.as_ref()))
            }
            AccountEvent::TransferReceived(leg) | AccountEvent::ReversalReceived(leg) => {
                after.balance = before.balance.checked_add(leg.amount)?;
                Some(line_of_leg(&after, StatementLineKind::TransferIn, leg))
            }
            AccountEvent::TransferSent(leg) | AccountEvent::ReversalSent(leg) => {
                after.balance = before.balance.checked_sub(leg.amount)?;
                Some(line_of_leg(&after, StatementLineKind::TransferOut, leg))
            }
            AccountEvent::AccountClosed { .. } => {
                after.status = AccountStatus::Closed;
                None
            }
            AccountEvent::AccountHolderErased => {
                after.holder = HolderName::ERASED.to_owned();
                None
            }
        };
        Ok(Projected { row: after, lines: line.into_iter().collect() })
    }

    fn objection(row: &BankAccountEntity, event: &AccountEvent) -> Option<&'static str> {
        match event {
            AccountEvent::FundsDeposited { .. }
            | AccountEvent::FundsWithdrawn { .. }
            | AccountEvent::TransferSent(_)
            | AccountEvent::TransferReceived(_)
            | AccountEvent::ReversalSent(_)
            | AccountEvent::ReversalReceived(_)
            | AccountEvent::AccountClosed { .. }
                if row.status == AccountStatus::Closed =>
            {
                Some("the account is closed")
            }
            AccountEvent::FundsDeposited { amount, .. } | AccountEvent::FundsWithdrawn { amount, .. }
                if amount.is_zero() =>
            {
                Some("nothing was moved")
            }
            AccountEvent::TransferSent(leg)
            | AccountEvent::TransferReceived(leg)
            | AccountEvent::ReversalSent(leg)
            | AccountEvent::ReversalReceived(leg)
                if leg.amount.is_zero() =>
            {
                Some("nothing was moved")
            }
            AccountEvent::TransferSent(leg)
            | AccountEvent::TransferReceived(leg)
            | AccountEvent::ReversalSent(leg)
            | AccountEvent::ReversalReceived(leg)
                if leg.counterparty == row.account_id =>
            {
                Some("the account is its own counterparty")
            }
            AccountEvent::AccountClosed { .. } if !row.balance.is_zero() => Some("the account still held money"),
            _ => None,
        }
    }

    fn is_erasure(event: &AccountEvent) -> bool {
        matches!(event, AccountEvent::AccountHolderErased)
    }
}

fn line_of(
    account: &BankAccountEntity,
    kind: StatementLineKind,
    amount: Money,
    reference: Option<&bank::Reference>,
) -> StatementLine {
    StatementLine {
        account_id: account.account_id,
        version: account.version,
        kind,
        amount,
        balance_after: account.balance,
        reference: reference.map(|reference| reference.as_str().to_owned()),
        occurred_at: account.updated_at,
        transfer: None,
    }
}

fn line_of_leg(account: &BankAccountEntity, kind: StatementLineKind, leg: &TransferLeg) -> StatementLine {
    let TransferLeg { transfer_id, counterparty, amount, reference } = leg;
    let transfer = LineTransfer { transfer_id: *transfer_id, counterparty: *counterparty };
    StatementLine { transfer: Some(transfer), ..line_of(account, kind, *amount, reference.as_ref()) }
}

#[cfg(test)]
mod tests {
    use bank::{AccountKind, TransferId};
    use cqrs::StreamId;
    use projection::spec::{ProjectionSpec, Then, occurred_at, stream};

    use super::*;

    type Accounts = ProjectionSpec<BankAccountProjection>;

    fn eur(amount_minor: i64) -> Money {
        Money::new(amount_minor, "EUR".parse().expect("an active code")).expect("within the limit")
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
        AccountEvent::FundsDeposited { amount: eur(amount_minor), reference: Some("wages".parse().expect("a text")) }
    }

    fn withdrawn(amount_minor: i64) -> AccountEvent {
        AccountEvent::FundsWithdrawn { amount: eur(amount_minor), reference: None }
    }

    fn leg(counterparty: AccountId, amount_minor: i64) -> TransferLeg {
        TransferLeg { transfer_id: TransferId::generate(), counterparty, amount: eur(amount_minor), reference: None }
    }

    fn closed() -> AccountEvent {
        AccountEvent::AccountClosed { reason: None }
    }

    /// An account with the given events, and the next event.
    fn account(given: &[AccountEvent], next: AccountEvent) -> (AccountId, Accounts, EventEnvelope) {
        let account_id = AccountId::generate();
        let mut events =
            stream("account", StreamId(account_id.as_uuid()), &[given, std::slice::from_ref(&next)].concat());
        let next = events.pop().expect("one event at least");
        (account_id, ProjectionSpec::given(events), next)
    }

    #[test]
    fn given_nothing_when_an_account_is_opened_then_it_has_a_row_and_an_opening_line() {
        let (account_id, accounts, next) = account(&[], opened(100));
        let row = BankAccountEntity {
            account_id,
            owner: "ann".to_owned(),
            holder: "Ann Lee".to_owned(),
            kind: AccountKind::Checking,
            balance: eur(100),
            status: AccountStatus::Active,
            version: 1,
            opened_at: occurred_at(1),
            updated_at: occurred_at(1),
        };
        let line = StatementLine {
            account_id,
            version: 1,
            kind: StatementLineKind::Opening,
            amount: eur(100),
            balance_after: eur(100),
            reference: None,
            occurred_at: occurred_at(1),
            transfer: None,
        };
        assert_eq!(accounts.when(&next), Then::Applied { row, lines: vec![line] });
    }

    #[test]
    fn given_an_account_when_money_moves_then_the_line_has_the_balance_after_it() {
        let (account_id, accounts, next) = account(&[opened(100), withdrawn(30)], deposited(5));
        let Then::Applied { row, lines } = accounts.when(&next) else { panic!("the deposit is applied") };
        assert_eq!((row.version, row.balance, row.updated_at), (3, eur(75), occurred_at(3)));
        let line = StatementLine {
            account_id,
            version: 3,
            kind: StatementLineKind::Deposit,
            amount: eur(5),
            balance_after: eur(75),
            reference: Some("wages".to_owned()),
            occurred_at: occurred_at(3),
            transfer: None,
        };
        assert_eq!(lines, [line]);
    }

    #[test]
    fn given_an_account_when_a_transfer_or_its_reversal_moves_money_then_the_line_names_the_transfer_and_the_other_account()
     {
        let (transfer_id, counterparty) = (TransferId::generate(), AccountId::generate());
        let leg = TransferLeg {
            transfer_id,
            counterparty,
            amount: eur(40),
            reference: Some("rent".parse().expect("a text")),
        };
        for (next, kind, balance_after) in [
            (AccountEvent::TransferSent(leg.clone()), StatementLineKind::TransferOut, eur(60)),
            (AccountEvent::TransferReceived(leg.clone()), StatementLineKind::TransferIn, eur(140)),
            (AccountEvent::ReversalSent(leg.clone()), StatementLineKind::TransferOut, eur(60)),
            (AccountEvent::ReversalReceived(leg.clone()), StatementLineKind::TransferIn, eur(140)),
        ] {
            let (account_id, accounts, next) = account(&[opened(100)], next);
            let Then::Applied { row, lines } = accounts.when(&next) else { panic!("the leg is applied") };
            assert_eq!((row.version, row.balance), (2, balance_after));
            let line = StatementLine {
                account_id,
                version: 2,
                kind,
                amount: eur(40),
                balance_after,
                reference: Some("rent".to_owned()),
                occurred_at: occurred_at(2),
                transfer: Some(LineTransfer { transfer_id, counterparty }),
            };
            assert_eq!(lines, [line]);
        }
    }

    #[test]
    fn given_an_account_when_it_is_closed_or_erased_then_the_row_says_so_without_a_line() {
        let (_, accounts, next) = account(&[opened(0)], closed());
        let Then::Applied { row, lines } = accounts.when(&next) else { panic!("closing is applied") };
        assert_eq!((row.status, lines), (AccountStatus::Closed, vec![]));
        let (_, accounts, next) = account(&[opened(0)], AccountEvent::AccountHolderErased);
        let Then::Applied { row, lines } = accounts.when(&next) else { panic!("the erasure is applied") };
        assert_eq!((row.holder.as_str(), lines), (HolderName::ERASED, vec![]));
    }

    #[test]
    fn given_events_that_cannot_follow_then_each_is_rejected_with_its_reason() {
        for (given, next, reason) in [
            (vec![], deposited(1), "the first event of an account must be AccountOpened"),
            (vec![opened(1)], opened(1), "the account is already open"),
        ] {
            let (_, accounts, next) = account(&given, next);
            assert_eq!(accounts.when(&next), Then::Rejected { reason: reason.to_owned() });
        }
        let (_, accounts, next) = account(&[opened(100)], withdrawn(101));
        let Then::Rejected { reason } = accounts.when(&next) else { panic!("the withdrawal is rejected") };
        assert!(reason.starts_with("the movement does not fit the balance"), "{reason}");
        let (_, accounts, mut next) = account(&[], opened(1));
        next.stream_id = StreamId(uuid::Uuid::nil());
        let Then::Rejected { reason } = accounts.when(&next) else { panic!("the opening is rejected") };
        assert!(reason.starts_with("the stream's id is not an account's id"), "{reason}");
    }

    #[test]
    fn given_an_impossible_movement_that_waits_then_its_mended_form_is_not_taken_for_a_repeat() {
        let stream_id = StreamId(AccountId::generate().as_uuid());
        let events = stream("account", stream_id, &[opened(100), deposited(1), deposited(1), deposited(1)]);
        let impossible = stream("account", stream_id, &[opened(100), deposited(1), withdrawn(1_000)]).remove(2);
        let mut rows = projection::spec::MemoryRows::<BankAccountProjection>::default();
        assert_eq!(rows.deliver(&[impossible, events[3].clone()]).kept_early, 2);
        // One form of the event waits already. It is not known yet which form is right, so the bus must keep the other.
        let outcome = rows.deliver(&events[2..3]);
        assert_eq!((outcome.kept_early, outcome.rejected.len()), (0, 1));
        assert_eq!(rows.deliver(&events[..2]).applied, 2);
        assert_eq!(rows.deliver(&events[2..3]).applied, 2);
        assert_eq!(rows.row(stream_id).expect("a row").version, 4);
        assert_eq!(rows.kept_early(), 0);
    }

    #[test]
    fn given_any_order_repeats_and_poison_then_the_rows_are_those_of_the_stream_in_order() {
        let events = [opened(100), deposited(1), withdrawn(50), deposited(7), withdrawn(58), closed()];
        let spec = Accounts::given(stream("account", StreamId(AccountId::generate().as_uuid()), &events));
        spec.holds_in_any_order_and_with_repeats();
        spec.holds_with_each_event_poisoned_and_mended();
    }

    #[test]
    fn what_no_command_lets_happen_meets_an_objection() {
        let (_, accounts, next) = account(&[], opened(100));
        let Then::Applied { row: open, .. } = accounts.when(&next) else { panic!("the opening is applied") };
        let closed_row = BankAccountEntity { status: AccountStatus::Closed, ..open.clone() };
        for (row, event, objection) in [
            (&open, deposited(1), None),
            (&open, deposited(0), Some("nothing was moved")),
            (&open, closed(), Some("the account still held money")),
            (&closed_row, deposited(1), Some("the account is closed")),
            (&closed_row, AccountEvent::AccountHolderErased, None),
            (&open, AccountEvent::TransferSent(leg(open.account_id, 1)), Some("the account is its own counterparty")),
            (&open, AccountEvent::TransferSent(leg(AccountId::generate(), 0)), Some("nothing was moved")),
            (&closed_row, AccountEvent::ReversalReceived(leg(AccountId::generate(), 1)), Some("the account is closed")),
        ] {
            assert_eq!(BankAccountProjection::objection(row, &event), objection, "{event:?}");
        }
    }
}
