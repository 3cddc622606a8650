//! Given these events, when this command, then these events or this refusal.

use aggregate_root::AggregateRoot as _;
use bank::{
    AccountAggregate, AccountError, AccountEvent, AccountId, AccountKind, Actor, CloseAccount, Currency, DepositFunds,
    EraseHolder, MAX_AMOUNT_MINOR, Money, OpenAccount, WithdrawFunds,
};

const OWNER: &str = "ann";

fn eur() -> Currency {
    "EUR".parse().expect("an active code")
}

fn money(amount_minor: i64) -> Money {
    Money::new(amount_minor, eur()).expect("within the limit")
}

fn owner() -> Actor {
    Actor { caller: OWNER.to_owned(), is_teller: false }
}

fn opened_with(amount_minor: i64) -> AccountEvent {
    AccountEvent::AccountOpened {
        owner: OWNER.to_owned(),
        holder: "Ann Lee".parse().expect("a holder"),
        kind: AccountKind::Checking,
        opening_balance: money(amount_minor),
    }
}

fn deposited(amount_minor: i64) -> AccountEvent {
    AccountEvent::FundsDeposited { amount: money(amount_minor), reference: None }
}

fn withdrawn(amount_minor: i64) -> AccountEvent {
    AccountEvent::FundsWithdrawn { amount: money(amount_minor), reference: None }
}

fn closed() -> AccountEvent {
    AccountEvent::AccountClosed { reason: None }
}

fn given(events: &[AccountEvent]) -> AccountAggregate {
    let mut account = AccountAggregate::default();
    for event in events {
        account.apply(event);
    }
    account
}

fn open() -> OpenAccount {
    OpenAccount {
        actor: owner(),
        account_id: AccountId::generate(),
        holder: "Ann Lee".parse().expect("a holder"),
        kind: AccountKind::Checking,
        opening_balance: money(500),
    }
}

fn deposit(amount: &str) -> DepositFunds {
    DepositFunds {
        actor: owner(),
        account_id: AccountId::generate(),
        amount: amount.parse().expect("an amount"),
        reference: None,
    }
}

fn withdraw(amount: &str) -> WithdrawFunds {
    WithdrawFunds {
        actor: owner(),
        account_id: AccountId::generate(),
        amount: amount.parse().expect("an amount"),
        reference: None,
    }
}

fn close() -> CloseAccount {
    CloseAccount { actor: owner(), account_id: AccountId::generate(), reason: None }
}

#[test]
fn given_nothing_when_an_account_is_opened_then_it_is_open_with_its_opening_balance() {
    assert_eq!(given(&[]).open_account(&open()), Ok(vec![opened_with(500)]));
}

#[test]
fn given_an_open_account_when_it_is_opened_again_then_it_refuses() {
    assert_eq!(given(&[opened_with(0)]).open_account(&open()), Err(AccountError::AlreadyOpen));
}

#[test]
fn given_an_open_account_when_money_is_deposited_then_that_has_happened() {
    assert_eq!(given(&[opened_with(0)]).deposit_funds(&deposit("1.5")), Ok(vec![deposited(150)]));
}

#[test]
fn given_no_account_when_it_is_used_then_it_is_not_found() {
    let nothing = given(&[]);
    assert_eq!(nothing.deposit_funds(&deposit("1")), Err(AccountError::NotFound));
    assert_eq!(nothing.withdraw_funds(&withdraw("1")), Err(AccountError::NotFound));
    assert_eq!(nothing.close_account(&close()), Err(AccountError::NotFound));
}

#[test]
fn given_anothers_account_when_it_is_used_then_it_is_not_found_unless_by_a_teller() {
    let account = given(&[opened_with(100)]);
    let stranger = Actor { caller: "bob".to_owned(), is_teller: false };
    let teller = Actor { caller: "bob".to_owned(), is_teller: true };
    let by = |actor: &Actor| DepositFunds { actor: actor.clone(), ..deposit("1") };
    assert_eq!(account.deposit_funds(&by(&stranger)), Err(AccountError::NotFound));
    assert_eq!(account.deposit_funds(&by(&teller)), Ok(vec![deposited(100)]));
    // The actor does not even learn that the account is closed.
    let account = given(&[opened_with(0), closed()]);
    assert_eq!(account.deposit_funds(&by(&stranger)), Err(AccountError::NotFound));
}

#[test]
fn given_a_balance_when_all_of_it_is_withdrawn_then_it_is_and_one_cent_more_is_refused() {
    let account = given(&[opened_with(100), deposited(50)]);
    assert_eq!(account.withdraw_funds(&withdraw("1.50")), Ok(vec![withdrawn(150)]));
    assert_eq!(
        account.withdraw_funds(&withdraw("1.51")),
        Err(AccountError::InsufficientFunds { balance: money(150), amount: money(151) })
    );
}

#[test]
fn given_a_balance_at_the_limit_when_a_cent_is_deposited_then_it_is_refused() {
    let account = given(&[opened_with(MAX_AMOUNT_MINOR)]);
    assert_eq!(account.deposit_funds(&deposit("0.01")), Err(AccountError::BalanceLimitExceeded));
    let account = given(&[opened_with(MAX_AMOUNT_MINOR - 1)]);
    assert_eq!(account.deposit_funds(&deposit("0.01")), Ok(vec![deposited(1)]));
}

#[test]
fn given_an_open_account_when_the_amount_does_not_fit_its_currency_then_it_is_refused() {
    let account = given(&[opened_with(0)]);
    assert_eq!(
        account.deposit_funds(&deposit("1.005")),
        Err(AccountError::TooManyDecimals { currency: eur(), decimals: 2 })
    );
    assert_eq!(account.deposit_funds(&deposit("10000000000000.01")), Err(AccountError::AmountTooLarge));
    assert_eq!(account.deposit_funds(&deposit("0.00")), Err(AccountError::AmountNotPositive));
    assert_eq!(account.withdraw_funds(&withdraw("0")), Err(AccountError::AmountNotPositive));
}

#[test]
fn given_an_empty_account_when_it_is_closed_then_it_is_and_takes_nothing_more() {
    assert_eq!(given(&[opened_with(100), withdrawn(100)]).close_account(&close()), Ok(vec![closed()]));
    let account = given(&[opened_with(0), closed()]);
    assert_eq!(account.deposit_funds(&deposit("1")), Err(AccountError::Closed));
    assert_eq!(account.withdraw_funds(&withdraw("1")), Err(AccountError::Closed));
    assert_eq!(account.close_account(&close()), Err(AccountError::Closed));
}

#[test]
fn given_an_account_with_money_when_it_is_closed_then_it_refuses() {
    assert_eq!(
        given(&[opened_with(1)]).close_account(&close()),
        Err(AccountError::BalanceNotZero { balance: money(1) })
    );
}

#[test]
fn the_state_is_stored_in_its_documented_form_and_read_back() {
    let account = given(&[opened_with(100), withdrawn(100), closed()]);
    let stored = serde_json::json!({"opened": {
        "owner": "ann", "currency": "EUR", "balance_minor": 0, "status": "closed", "is_holder_erased": false,
    }});
    assert_eq!(serde_json::to_value(&account).expect("plain JSON"), stored);
    assert_eq!(serde_json::from_value::<AccountAggregate>(stored).expect("a state"), account);
}

#[test]
fn given_an_open_or_a_closed_account_when_the_holder_is_erased_then_that_happened_once() {
    let erase = EraseHolder { account_id: AccountId::generate() };
    for before in [vec![opened_with(500)], vec![opened_with(0), closed()]] {
        let account = given(&before);
        assert_eq!(account.erase_holder(&erase), Ok(vec![AccountEvent::AccountHolderErased]));
        let mut erased = account.clone();
        erased.apply(&AccountEvent::AccountHolderErased);
        assert_eq!(erased.erase_holder(&erase), Ok(vec![]));
        let (before, after) = (account.opened().expect("opened"), erased.opened().expect("opened"));
        assert_eq!((after.balance, after.status, &after.owner), (before.balance, before.status, &before.owner));
    }
}

#[test]
fn given_no_account_when_the_holder_is_erased_then_there_is_none() {
    let erase = EraseHolder { account_id: AccountId::generate() };
    assert_eq!(given(&[]).erase_holder(&erase), Err(AccountError::NotFound));
}
