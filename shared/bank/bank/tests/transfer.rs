//! Given these accounts and this transfer, when this command, then these events or this refusal.

use aggregate_root::AggregateRoot as _;
use bank::{
    AccountAggregate, AccountAt, AccountError, AccountEvent, AccountId, AccountKind, Actor, Currency, MAX_AMOUNT_MINOR,
    Money, ReverseTransfer, TransferAggregate, TransferDecision, TransferError, TransferEvent, TransferFunds,
    TransferId, TransferLeg, TransferParty,
};

const SENDER: &str = "ann";
const RECIPIENT: &str = "bob";

fn money(amount_minor: i64, code: &str) -> Money {
    let currency: Currency = code.parse().expect("an active code");
    Money::new(amount_minor, currency).expect("within the limit")
}

fn eur(amount_minor: i64) -> Money {
    money(amount_minor, "EUR")
}

fn actor(caller: &str) -> Actor {
    Actor { caller: caller.to_owned(), is_teller: false }
}

fn teller() -> Actor {
    Actor { caller: "tom".to_owned(), is_teller: true }
}

fn account(owner: &str, opening_balance: Money, later: &[AccountEvent]) -> AccountAggregate {
    let mut account = AccountAggregate::default();
    account.apply(&AccountEvent::AccountOpened {
        owner: owner.to_owned(),
        holder: "Ann Lee".parse().expect("a holder"),
        kind: AccountKind::Checking,
        opening_balance,
    });
    for event in later {
        account.apply(event);
    }
    account
}

fn sender(amount_minor: i64) -> AccountAggregate {
    account(SENDER, eur(amount_minor), &[])
}

fn recipient(amount_minor: i64) -> AccountAggregate {
    account(RECIPIENT, eur(amount_minor), &[])
}

fn closed(owner: &str) -> AccountAggregate {
    account(owner, eur(0), &[AccountEvent::AccountClosed { reason: None }])
}

/// The sender's account is at version 4, the recipient's at version 7.
fn decide(
    transfer: &TransferAggregate,
    command: &TransferFunds,
    from: &AccountAggregate,
    to: &AccountAggregate,
) -> Result<TransferDecision, TransferError> {
    transfer.transfer_funds(command, AccountAt { account: from, version: 4 }, AccountAt { account: to, version: 7 })
}

/// The sender's account is at version 9, the recipient's at version 11.
fn decide_reversal(
    transfer: &TransferAggregate,
    command: &ReverseTransfer,
    from: &AccountAggregate,
    to: &AccountAggregate,
) -> Result<TransferDecision, TransferError> {
    transfer.reverse_transfer(command, AccountAt { account: from, version: 9 }, AccountAt { account: to, version: 11 })
}

fn transfer(amount: &str) -> TransferFunds {
    TransferFunds {
        actor: actor(SENDER),
        transfer_id: TransferId::derived_from(&[3; 32]),
        from: AccountId::derived_from(&[1; 32]),
        to: AccountId::derived_from(&[2; 32]),
        amount: amount.parse().expect("an amount"),
        reference: Some("rent".parse().expect("a reference")),
    }
}

fn reversal(actor: Actor) -> ReverseTransfer {
    ReverseTransfer {
        actor,
        transfer_id: transfer("1").transfer_id,
        reason: Some("wrong account".parse().expect("a reason")),
    }
}

fn leg(counterparty: AccountId, amount_minor: i64, reference: &str) -> TransferLeg {
    TransferLeg {
        transfer_id: transfer("1").transfer_id,
        counterparty,
        amount: eur(amount_minor),
        reference: Some(reference.parse().expect("a reference")),
    }
}

fn made(amount_minor: i64) -> TransferEvent {
    TransferEvent::TransferMade {
        from: TransferParty { account_id: transfer("1").from, owner: SENDER.to_owned(), version: 5 },
        to: TransferParty { account_id: transfer("1").to, owner: RECIPIENT.to_owned(), version: 8 },
        amount: eur(amount_minor),
        reference: Some("rent".parse().expect("a reference")),
    }
}

fn reversed() -> TransferEvent {
    let reason = Some("wrong account".parse().expect("a reason"));
    TransferEvent::TransferReversed { from_version: 10, to_version: 12, reason }
}

fn given(events: &[TransferEvent]) -> TransferAggregate {
    let mut transfer = TransferAggregate::default();
    for event in events {
        transfer.apply(event);
    }
    transfer
}

#[test]
fn given_two_accounts_when_all_the_money_of_one_is_transferred_then_each_has_its_leg() {
    let TransferFunds { from, to, .. } = transfer("1");
    let expected = TransferDecision {
        transfer: made(150),
        sender: AccountEvent::TransferSent(leg(to, 150, "rent")),
        recipient: AccountEvent::TransferReceived(leg(from, 150, "rent")),
    };
    assert_eq!(decide(&given(&[]), &transfer("1.5"), &sender(150), &recipient(0)), Ok(expected));
}

#[test]
fn given_the_legs_of_a_transfer_and_of_its_reversal_when_they_are_applied_then_no_money_is_made_or_lost() {
    let TransferFunds { from, to, .. } = transfer("1");
    let (mut one, mut other) = (sender(500), recipient(20));
    let balance = |account: &AccountAggregate| account.opened().expect("opened").balance;
    one.apply(&AccountEvent::TransferSent(leg(to, 150, "rent")));
    other.apply(&AccountEvent::TransferReceived(leg(from, 150, "rent")));
    assert_eq!((balance(&one), balance(&other)), (eur(350), eur(170)));
    one.apply(&AccountEvent::ReversalReceived(leg(to, 150, "wrong account")));
    other.apply(&AccountEvent::ReversalSent(leg(from, 150, "wrong account")));
    assert_eq!((balance(&one), balance(&other)), (eur(500), eur(20)));
}

#[test]
fn given_anothers_sender_when_it_is_to_pay_then_it_is_not_found_before_anything_else_unless_by_a_teller() {
    let not_found = Err(TransferError::Account(AccountError::NotFound));
    let by = |actor: Actor| TransferFunds { actor, ..transfer("1") };
    let to_itself = TransferFunds { to: transfer("1").from, ..by(actor("eve")) };
    for from in [sender(100), closed(SENDER), AccountAggregate::default()] {
        assert_eq!(decide(&given(&[]), &by(actor("eve")), &from, &recipient(0)), not_found);
        assert_eq!(decide(&given(&[]), &by(actor("eve")), &from, &AccountAggregate::default()), not_found);
        assert_eq!(decide(&given(&[]), &to_itself, &from, &from), not_found);
    }
    assert!(decide(&given(&[]), &by(teller()), &sender(100), &recipient(0)).is_ok());
    assert_eq!(decide(&given(&[]), &by(teller()), &AccountAggregate::default(), &recipient(0)), not_found);
}

#[test]
fn given_one_account_when_it_is_to_pay_itself_then_it_refuses() {
    let to_itself = TransferFunds { to: transfer("1").from, ..transfer("1") };
    assert_eq!(decide(&given(&[]), &to_itself, &sender(100), &sender(100)), Err(TransferError::SameAccount));
}

#[test]
fn given_a_closed_sender_when_it_is_to_pay_then_it_refuses() {
    let refusal = Err(TransferError::Account(AccountError::Closed));
    assert_eq!(decide(&given(&[]), &transfer("1"), &closed(SENDER), &recipient(0)), refusal);
}

#[test]
fn given_an_unknown_a_closed_or_a_full_recipient_when_it_is_to_be_paid_then_the_refusals_are_alike() {
    for to in [AccountAggregate::default(), closed(RECIPIENT), recipient(MAX_AMOUNT_MINOR)] {
        let refusal = Err(TransferError::RecipientNotFound);
        assert_eq!(decide(&given(&[]), &transfer("0.01"), &sender(100), &to), refusal);
    }
    assert!(decide(&given(&[]), &transfer("0.01"), &sender(100), &recipient(MAX_AMOUNT_MINOR - 1)).is_ok());
}

#[test]
fn given_another_currency_when_it_is_to_be_paid_then_it_refuses() {
    let dollars = account(RECIPIENT, money(0, "USD"), &[]);
    assert_eq!(decide(&given(&[]), &transfer("1"), &sender(100), &dollars), Err(TransferError::CurrencyMismatch));
}

#[test]
fn given_too_little_money_or_a_wrong_amount_when_it_is_transferred_then_the_sender_refuses() {
    for (amount, refusal) in [
        ("1.01", AccountError::InsufficientFunds { balance: eur(100), amount: eur(101) }),
        ("0.00", AccountError::AmountNotPositive),
        ("0.001", AccountError::TooManyDecimals { currency: eur(0).currency(), decimals: 2 }),
        ("10000000000000.01", AccountError::AmountTooLarge),
    ] {
        let result = decide(&given(&[]), &transfer(amount), &sender(100), &recipient(0));
        assert_eq!(result, Err(TransferError::Account(refusal)), "{amount}");
    }
}

#[test]
fn given_a_transfer_when_its_id_is_used_again_then_it_refuses() {
    let result = decide(&given(&[made(100)]), &transfer("1"), &sender(100), &recipient(0));
    assert_eq!(result, Err(TransferError::AlreadyMade));
}

#[test]
fn given_a_transfer_when_the_recipient_or_a_teller_reverses_it_then_each_account_has_its_leg() {
    let TransferFunds { from, to, .. } = transfer("1");
    let expected = TransferDecision {
        transfer: reversed(),
        sender: AccountEvent::ReversalReceived(leg(to, 100, "wrong account")),
        recipient: AccountEvent::ReversalSent(leg(from, 100, "wrong account")),
    };
    for actor in [actor(RECIPIENT), teller()] {
        let result = decide_reversal(&given(&[made(100)]), &reversal(actor), &sender(0), &recipient(100));
        assert_eq!(result, Ok(expected.clone()));
    }
}

#[test]
fn given_a_transfer_when_its_sender_reverses_it_then_that_is_forbidden() {
    for transfer in [given(&[made(100)]), given(&[made(100), reversed()])] {
        let result = decide_reversal(&transfer, &reversal(actor(SENDER)), &sender(0), &recipient(100));
        assert_eq!(result, Err(TransferError::NotTheRecipient));
    }
}

#[test]
fn given_anothers_transfer_or_none_when_it_is_reversed_then_it_is_not_found() {
    for transfer in [given(&[]), given(&[made(100)]), given(&[made(100), reversed()])] {
        let result = decide_reversal(&transfer, &reversal(actor("eve")), &sender(0), &recipient(100));
        assert_eq!(result, Err(TransferError::NotFound));
    }
    assert_eq!(
        decide_reversal(&given(&[]), &reversal(teller()), &sender(0), &recipient(100)),
        Err(TransferError::NotFound)
    );
}

#[test]
fn given_a_reversed_transfer_when_it_is_reversed_again_then_it_refuses() {
    let transfer = given(&[made(100), reversed()]);
    let result = decide_reversal(&transfer, &reversal(actor(RECIPIENT)), &sender(0), &recipient(100));
    assert_eq!(result, Err(TransferError::AlreadyReversed));
}

#[test]
fn given_a_recipient_without_the_money_when_the_transfer_is_reversed_then_it_refuses() {
    for (to, refusal) in [
        (recipient(99), AccountError::InsufficientFunds { balance: eur(99), amount: eur(100) }),
        (closed(RECIPIENT), AccountError::Closed),
    ] {
        let result = decide_reversal(&given(&[made(100)]), &reversal(actor(RECIPIENT)), &sender(0), &to);
        assert_eq!(result, Err(TransferError::Account(refusal)));
    }
}

#[test]
fn given_a_closed_or_a_full_sender_when_the_transfer_is_reversed_then_the_refusals_are_alike() {
    for from in [closed(SENDER), sender(MAX_AMOUNT_MINOR - 99)] {
        let result = decide_reversal(&given(&[made(100)]), &reversal(actor(RECIPIENT)), &from, &recipient(100));
        assert_eq!(result, Err(TransferError::SenderTakesNoMoney));
    }
}

#[test]
fn given_two_accounts_of_one_owner_when_the_owner_reverses_a_transfer_between_them_then_it_is_reversed() {
    let mut between_own = made(100);
    if let TransferEvent::TransferMade { to, .. } = &mut between_own {
        to.owner = SENDER.to_owned();
    }
    let result = decide_reversal(&given(&[between_own]), &reversal(actor(SENDER)), &sender(0), &sender(100));
    assert!(result.is_ok(), "{result:?}");
}

#[test]
fn the_state_is_stored_in_its_documented_form_and_read_back() {
    let transfer = given(&[made(100), reversed()]);
    let stored = serde_json::json!({"made": {
        "from": "00000000-0000-7101-8101-010101010101", "from_owner": "ann", "from_version": 10,
        "to": "00000000-0000-7202-8202-020202020202", "to_owner": "bob", "to_version": 12,
        "currency": "EUR", "amount_minor": 100, "status": "reversed",
    }});
    assert_eq!(serde_json::to_value(&transfer).expect("plain JSON"), stored);
    assert_eq!(serde_json::from_value::<TransferAggregate>(stored).expect("a state"), transfer);
}
