use bank::{Reference, TransferAggregate, TransferEvent, TransferId, TransferStatus};
use cqrs::{AggregateRoot as _, DomainEvent as _, EventDecodeError, EventEnvelope};
use projection::{EventPlace, NoLine, Projected, Projection};

use crate::TransferEntity;

/// The rows of transfers. The lines of both accounts are those of their statements, and come from the accounts' own events.
pub struct TransferProjection;

/// The reason why an event cannot follow a transfer's row. Handling: the event is kept aside. The event store or the row is
/// damaged, and `verify` shows which of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferProjectionError {
    /// The stream's id is not a transfer's id.
    #[error("the stream's id is not a transfer's id: {0}")]
    NoTransferId(#[from] bank::TransferIdError),
    /// A transfer was reversed that has not been made.
    #[error("the first event of a transfer must be TransferMade")]
    NotMade,
    /// Both sides of the transfer name one account.
    #[error("the sender and the recipient are one account")]
    SameAccount,
    /// The transfer has an amount of zero.
    #[error("nothing was moved")]
    NothingMoved,
    /// A transfer was made although it is there already.
    #[error("the transfer has been made already")]
    MadeTwice,
    /// A transfer was reversed a second time.
    #[error("the transfer has been reversed already")]
    ReversedTwice,
}

impl Projection for TransferProjection {
    const NAME: &'static str = "transfers";
    const VERSION: u32 = 1;
    const AGGREGATE_TYPES: &'static [&'static str] = &[TransferAggregate::AGGREGATE_TYPE];

    type Event = TransferEvent;
    type Row = TransferEntity;
    type Line = NoLine;
    type Error = TransferProjectionError;

    fn decode(event: &EventEnvelope) -> Result<TransferEvent, EventDecodeError> {
        TransferEvent::from_data(&event.event_type, event.schema_version, &event.data)
    }

    fn after(
        row: Option<&TransferEntity>,
        at: EventPlace,
        event: &TransferEvent,
    ) -> Result<Projected<TransferEntity, NoLine>, TransferProjectionError> {
        let text = |reference: &Option<Reference>| reference.as_ref().map(|text| text.as_str().to_owned());
        let after = match (row, event) {
            (None, TransferEvent::TransferMade { from, to, .. }) if from.account_id == to.account_id => {
                return Err(TransferProjectionError::SameAccount);
            }
            (None, TransferEvent::TransferMade { amount, .. }) if amount.is_zero() => {
                return Err(TransferProjectionError::NothingMoved);
            }
            (None, TransferEvent::TransferMade { from, to, amount, reference }) => TransferEntity {
                transfer_id: TransferId::try_from(at.stream_id.0)?,
                from: from.account_id,
                from_owner: from.owner.clone(),
                to: to.account_id,
                to_owner: to.owner.clone(),
                amount: *amount,
                reference: text(reference),
                status: TransferStatus::Completed,
                version: at.version,
                occurred_at: at.occurred_at,
                reversed_at: None,
                reversal_reason: None,
            },
            (Some(_), TransferEvent::TransferMade { .. }) => return Err(TransferProjectionError::MadeTwice),
            (None, TransferEvent::TransferReversed { .. }) => return Err(TransferProjectionError::NotMade),
            (Some(before), TransferEvent::TransferReversed { reason, .. }) => {
                if before.status == TransferStatus::Reversed {
                    return Err(TransferProjectionError::ReversedTwice);
                }
                TransferEntity {
                    status: TransferStatus::Reversed,
                    version: at.version,
                    reversed_at: Some(at.occurred_at),
                    reversal_reason: text(reason),
                    ..before.clone()
                }
            }
        };
        Ok(Projected { row: after, lines: vec![] })
    }
}

#[cfg(test)]
mod tests {
    use bank::{AccountId, Money, TransferParty};
    use cqrs::StreamId;
    use projection::spec::{ProjectionSpec, Then, occurred_at, stream};

    use super::*;

    type Transfers = ProjectionSpec<TransferProjection>;

    fn eur(amount_minor: i64) -> Money {
        Money::new(amount_minor, "EUR".parse().expect("an active code")).expect("within the limit")
    }

    fn made(from: AccountId, to: AccountId) -> TransferEvent {
        let party = |account_id, owner: &str, version| TransferParty { account_id, owner: owner.to_owned(), version };
        TransferEvent::TransferMade {
            from: party(from, "ann", 2),
            to: party(to, "bob", 5),
            amount: eur(40),
            reference: Some("rent".parse().expect("a text")),
        }
    }

    fn reversed() -> TransferEvent {
        let reason = Some("a mistake".parse().expect("a text"));
        TransferEvent::TransferReversed { from_version: 3, to_version: 6, reason }
    }

    /// A transfer with the given events, and the next event.
    fn transfer(given: &[TransferEvent], next: TransferEvent) -> (TransferId, Transfers, EventEnvelope) {
        let transfer_id = TransferId::generate();
        let events = [given, std::slice::from_ref(&next)].concat();
        let mut events = stream("transfer", StreamId(transfer_id.as_uuid()), &events);
        let next = events.pop().expect("one event at least");
        (transfer_id, ProjectionSpec::given(events), next)
    }

    fn row(transfer_id: TransferId, from: AccountId, to: AccountId) -> TransferEntity {
        TransferEntity {
            transfer_id,
            from,
            from_owner: "ann".to_owned(),
            to,
            to_owner: "bob".to_owned(),
            amount: eur(40),
            reference: Some("rent".to_owned()),
            status: TransferStatus::Completed,
            version: 1,
            occurred_at: occurred_at(1),
            reversed_at: None,
            reversal_reason: None,
        }
    }

    #[test]
    fn given_nothing_when_a_transfer_is_made_then_it_has_a_row() {
        let (from, to) = (AccountId::generate(), AccountId::generate());
        let (transfer_id, transfers, next) = transfer(&[], made(from, to));
        assert_eq!(transfers.when(&next), Then::Applied { row: row(transfer_id, from, to), lines: vec![] });
    }

    #[test]
    fn given_a_transfer_when_it_is_reversed_then_the_row_has_the_time_and_the_reason() {
        let (from, to) = (AccountId::generate(), AccountId::generate());
        let (transfer_id, transfers, next) = transfer(&[made(from, to)], reversed());
        let row = TransferEntity {
            status: TransferStatus::Reversed,
            version: 2,
            reversed_at: Some(occurred_at(2)),
            reversal_reason: Some("a mistake".to_owned()),
            ..row(transfer_id, from, to)
        };
        assert_eq!(transfers.when(&next), Then::Applied { row, lines: vec![] });
    }

    #[test]
    fn given_events_that_cannot_follow_then_each_is_rejected_with_its_reason() {
        let account_id = AccountId::generate();
        let of_one_account = made(account_id, account_id);
        let made = made(account_id, AccountId::generate());
        for (given, next, reason) in [
            (vec![], of_one_account, "the sender and the recipient are one account"),
            (vec![], reversed(), "the first event of a transfer must be TransferMade"),
            (vec![made.clone()], made.clone(), "the transfer has been made already"),
            (vec![made.clone(), reversed()], reversed(), "the transfer has been reversed already"),
        ] {
            let (_, transfers, next) = transfer(&given, next);
            assert_eq!(transfers.when(&next), Then::Rejected { reason: reason.to_owned() });
        }
    }

    #[test]
    fn given_any_order_repeats_and_poison_then_the_rows_are_those_of_the_stream_in_order() {
        let events = [made(AccountId::generate(), AccountId::generate()), reversed()];
        let spec = Transfers::given(stream("transfer", StreamId(TransferId::generate().as_uuid()), &events));
        spec.holds_in_any_order_and_with_repeats();
        spec.holds_with_each_event_poisoned_and_mended();
    }

    #[test]
    fn the_owners_of_both_accounts_and_tellers_see_a_transfer() {
        let row = row(TransferId::generate(), AccountId::generate(), AccountId::generate());
        for (caller, is_teller, is_visible) in
            [("ann", false, true), ("bob", false, true), ("eve", false, false), ("eve", true, true)]
        {
            let actor = bank::Actor { caller: caller.to_owned(), is_teller };
            assert_eq!(row.is_visible_to(&actor), is_visible, "{caller}");
        }
    }
}
