//! Random command sequences are compared with a plain model, through the whole stack: dispatchers, event store, bus,
//! projector and read database. After any commands on an account, this holds: balance = sum of its events = its row =
//! its last statement line, and version = number of its events.

use std::sync::Arc;
use std::time::Duration;

use bank::{
    AccountAggregate, AccountEvent, AccountId, AccountKind, Actor, CloseAccount, Currency, DepositFunds,
    MAX_AMOUNT_MINOR, Money, OpenAccount, WithdrawFunds,
};
use bank_http_api::account_command_problem;
use bank_read_model::{BankAccountRepository, StatementFilter, StatementPage, account_at_version};
use close_account::CloseAccountHandler;
use cqrs::{
    CommandContext, CommandDispatcher, CommandEnvelope, CommandErrorOf, CommandOutcome, DomainEvent as _,
    EventSourcingHandler, EventStoreRepository, Idempotency, StreamId, Timestamp,
};
use deposit_funds::DepositFundsHandler;
use open_account::OpenAccountHandler;
use passbook::Embedded;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use withdraw_funds::WithdrawFundsHandler;

/// The number of cases that the suite promises.
const CASES: u32 = 10_000;

/// A command in the form of the model.
#[derive(Debug, Clone)]
enum Step {
    Deposit(Quantity),
    Withdraw(Quantity),
    /// Takes out exactly the balance, so that closing can succeed.
    WithdrawAll,
    Close,
    /// Repeats the command before, with its key.
    Again,
}

/// An amount, chosen so that every limit is reached now and then.
#[derive(Debug, Clone)]
enum Quantity {
    Minor(i64),
    /// An amount with one decimal more than the currency has.
    TooFine,
    Zero,
    AtTheLimit,
    OverTheLimit,
}

#[derive(Debug, Clone)]
struct Case {
    currency: &'static str,
    opening_minor: i64,
    steps: Vec<Step>,
}

fn quantity() -> impl Strategy<Value = Quantity> {
    prop_oneof![
        12 => (1_i64..=1_000).prop_map(Quantity::Minor),
        4 => (1_i64..=MAX_AMOUNT_MINOR).prop_map(Quantity::Minor),
        1 => Just(Quantity::TooFine),
        1 => Just(Quantity::Zero),
        1 => Just(Quantity::AtTheLimit),
        1 => Just(Quantity::OverTheLimit),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let step = prop_oneof![
        6 => quantity().prop_map(Step::Deposit),
        6 => quantity().prop_map(Step::Withdraw),
        1 => Just(Step::WithdrawAll),
        1 => Just(Step::Close),
        2 => Just(Step::Again),
    ];
    let opening =
        prop_oneof![Just(0), 1_i64..=1_000, Just(MAX_AMOUNT_MINOR), MAX_AMOUNT_MINOR - 500..=MAX_AMOUNT_MINOR];
    (prop_oneof![Just("EUR"), Just("JPY"), Just("KWD")], opening, prop::collection::vec(step, 0..10))
        .prop_map(|(currency, opening_minor, steps)| Case { currency, opening_minor, steps })
}

/// The account's rules once more, in the simplest form.
#[derive(Debug, Clone)]
struct Model {
    balance_minor: i64,
    version: u64,
    is_closed: bool,
}

impl Model {
    fn deposit(&mut self, quantity: &Quantity) -> Result<(), &'static str> {
        let amount_minor = self.amount_of(quantity)?;
        if self.balance_minor + amount_minor > MAX_AMOUNT_MINOR {
            return Err("balance_limit_exceeded");
        }
        self.balance_minor += amount_minor;
        self.version += 1;
        Ok(())
    }

    fn withdraw(&mut self, quantity: &Quantity) -> Result<(), &'static str> {
        let amount_minor = self.amount_of(quantity)?;
        if self.balance_minor < amount_minor {
            return Err("insufficient_funds");
        }
        self.balance_minor -= amount_minor;
        self.version += 1;
        Ok(())
    }

    fn close(&mut self) -> Result<(), &'static str> {
        if self.is_closed {
            return Err("account_closed");
        }
        if self.balance_minor != 0 {
            return Err("balance_not_zero");
        }
        self.is_closed = true;
        self.version += 1;
        Ok(())
    }

    fn amount_of(&self, quantity: &Quantity) -> Result<i64, &'static str> {
        if self.is_closed {
            return Err("account_closed");
        }
        match quantity {
            Quantity::Minor(minor) => Ok(*minor),
            Quantity::AtTheLimit => Ok(MAX_AMOUNT_MINOR),
            Quantity::TooFine | Quantity::Zero | Quantity::OverTheLimit => Err("validation_failed"),
        }
    }
}

/// The text of a number of minor units. It uses only string handling, and no code of the domain.
fn text_of(quantity: &Quantity, decimals: usize) -> String {
    let minor = match quantity {
        Quantity::Minor(minor) => *minor,
        Quantity::TooFine => return format!("1.{}1", "0".repeat(decimals)),
        Quantity::Zero => 0,
        Quantity::AtTheLimit => MAX_AMOUNT_MINOR,
        Quantity::OverTheLimit => MAX_AMOUNT_MINOR + 1,
    };
    let digits = format!("{minor:0>width$}", width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    if decimals == 0 { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

/// The functions' own handlers, on one data folder.
struct Stack {
    embedded: Embedded,
    open_account: CommandDispatcher<OpenAccount, AccountAggregate>,
    deposit_funds: CommandDispatcher<DepositFunds, AccountAggregate>,
    withdraw_funds: CommandDispatcher<WithdrawFunds, AccountAggregate>,
    close_account: CommandDispatcher<CloseAccount, AccountAggregate>,
}

type Outcome = Result<CommandOutcome<AccountAggregate>, CommandErrorOf<AccountAggregate>>;

/// A command that was sent. It is kept so that it can be sent again.
#[derive(Clone)]
enum Sent {
    Open(CommandEnvelope<OpenAccount>),
    Deposit(CommandEnvelope<DepositFunds>),
    Withdraw(CommandEnvelope<WithdrawFunds>),
    Close(CommandEnvelope<CloseAccount>),
}

impl Stack {
    async fn open(home: &std::path::Path) -> Self {
        let embedded = Embedded::open(home).await.expect("an empty folder");
        let accounts = EventSourcingHandler::new(embedded.event_store_repository(), embedded.publisher())
            .with_personal_data(embedded.personal_data());
        Self {
            open_account: CommandDispatcher::new(OpenAccountHandler::new(accounts.clone())),
            deposit_funds: CommandDispatcher::new(DepositFundsHandler::new(accounts.clone())),
            withdraw_funds: CommandDispatcher::new(WithdrawFundsHandler::new(accounts.clone())),
            close_account: CommandDispatcher::new(CloseAccountHandler::new(accounts)),
            embedded,
        }
    }

    async fn send(&self, sent: Sent) -> Outcome {
        match sent {
            Sent::Open(envelope) => self.open_account.dispatch(envelope).await,
            Sent::Deposit(envelope) => self.deposit_funds.dispatch(envelope).await,
            Sent::Withdraw(envelope) => self.withdraw_funds.dispatch(envelope).await,
            Sent::Close(envelope) => self.close_account.dispatch(envelope).await,
        }
    }

    async fn play(&self, case: &Case) -> Result<(), TestCaseError> {
        let account_id = AccountId::generate();
        let actor = Actor { caller: "ann".to_owned(), is_teller: false };
        let currency: Currency = case.currency.parse().expect("an active code");
        let decimals = usize::from(currency.decimals());
        let context = |key: usize| CommandContext {
            caller: "ann".to_owned(),
            correlation_id: "property".to_owned(),
            causation_id: "property".to_owned(),
            idempotency: Some(Idempotency::new("ann", "property", &key.to_string(), &key.to_be_bytes())),
            expected_version: None,
            issued_at: Timestamp::now(),
        };
        let mut model = Model { balance_minor: case.opening_minor, version: 1, is_closed: false };
        let mut last = Sent::Open(CommandEnvelope {
            command: OpenAccount {
                actor: actor.clone(),
                account_id,
                holder: "Ann Lee".parse().expect("a holder"),
                kind: AccountKind::Checking,
                opening_balance: Money::new(case.opening_minor, currency).expect("within the limit"),
            },
            context: context(0),
        });
        let opened = self.send(last.clone()).await;
        check(&opened, Ok(()), &model, false)?;
        // The answer to the command before, for the steps that repeat it.
        let mut last_answer: (Result<(), &'static str>, Model) = (Ok(()), model.clone());
        for (index, step) in case.steps.iter().enumerate() {
            let amount = |quantity| text_of(quantity, decimals).parse().expect("plain digits");
            let context = context(index + 1);
            let (sent, expected) = match step {
                Step::Again => {
                    let again = self.send(last.clone()).await;
                    match &last_answer {
                        (Ok(()), then) => check(&again, Ok(()), then, true)?,
                        // A refusal is not remembered. It is judged anew, on a state that has not changed since.
                        (Err(code), _) => check(&again, Err(code), &model, false)?,
                    }
                    continue;
                }
                Step::Deposit(quantity) => {
                    let amount = amount(quantity);
                    let command = DepositFunds { actor: actor.clone(), account_id, amount, reference: None };
                    (Sent::Deposit(CommandEnvelope { command, context }), model.deposit(quantity))
                }
                Step::Withdraw(quantity) => {
                    let amount = amount(quantity);
                    let command = WithdrawFunds { actor: actor.clone(), account_id, amount, reference: None };
                    (Sent::Withdraw(CommandEnvelope { command, context }), model.withdraw(quantity))
                }
                Step::WithdrawAll => {
                    let all =
                        if model.balance_minor == 0 { Quantity::Zero } else { Quantity::Minor(model.balance_minor) };
                    let amount = amount(&all);
                    let command = WithdrawFunds { actor: actor.clone(), account_id, amount, reference: None };
                    (Sent::Withdraw(CommandEnvelope { command, context }), model.withdraw(&all))
                }
                Step::Close => {
                    let command = CloseAccount { actor: actor.clone(), account_id, reason: None };
                    (Sent::Close(CommandEnvelope { command, context }), model.close())
                }
            };
            let outcome = self.send(sent.clone()).await;
            check(&outcome, expected, &model, false)?;
            last = sent;
            last_answer = (expected, model.clone());
        }
        self.check_both_sides(account_id, &actor, &model).await
    }

    async fn check_both_sides(&self, account_id: AccountId, actor: &Actor, model: &Model) -> Result<(), TestCaseError> {
        let stream_id = StreamId(account_id.as_uuid());
        let commits = self.embedded.sqlite_event_store.commits_from(stream_id, 1, 1_000).await.expect("commits");
        let mut sum_minor = 0;
        let mut number_of_events = 0;
        for recorded in commits.iter().flat_map(|commit| &commit.draft.events) {
            let data = recorded.readable_data();
            let event = AccountEvent::from_data(&recorded.event_type, recorded.schema_version, &data);
            number_of_events += 1;
            sum_minor += match event.expect("an event") {
                AccountEvent::AccountOpened { opening_balance, .. } => opening_balance.amount_minor(),
                AccountEvent::FundsDeposited { amount, .. } => amount.amount_minor(),
                AccountEvent::FundsWithdrawn { amount, .. } => -amount.amount_minor(),
                AccountEvent::TransferReceived(leg) | AccountEvent::ReversalReceived(leg) => leg.amount.amount_minor(),
                AccountEvent::TransferSent(leg) | AccountEvent::ReversalSent(leg) => -leg.amount.amount_minor(),
                AccountEvent::AccountClosed { .. } | AccountEvent::AccountHolderErased => 0,
            };
        }
        prop_assert_eq!(sum_minor, model.balance_minor);
        prop_assert_eq!(number_of_events, model.version);
        let accounts = BankAccountRepository::new(Arc::new(self.embedded.read_db.clone()));
        let row = account_at_version(&accounts, account_id, actor, Some(model.version)).await.expect("a row");
        prop_assert_eq!((row.version, row.balance.amount_minor()), (model.version, model.balance_minor));
        prop_assert_eq!(row.status == bank::AccountStatus::Closed, model.is_closed);
        let all = StatementPage { before_version: None, limit: 1_000 };
        let lines = accounts.statement(account_id, StatementFilter::default(), all).await.expect("lines");
        prop_assert_eq!(lines[0].balance_after.amount_minor(), model.balance_minor);
        // Every event except the closing makes a line.
        prop_assert_eq!(lines.len() as u64, model.version - u64::from(model.is_closed));
        Ok(())
    }
}

/// Compares a command's answer with the model's.
fn check(
    outcome: &Outcome,
    expected: Result<(), &'static str>,
    model: &Model,
    is_replay: bool,
) -> Result<(), TestCaseError> {
    match (outcome, expected) {
        (Ok(outcome), Ok(())) => {
            let account = outcome.aggregate.opened().expect("open after every command");
            prop_assert_eq!((outcome.version, account.balance.amount_minor()), (model.version, model.balance_minor));
            prop_assert_eq!(outcome.replayed, is_replay);
        }
        (Err(error), Err(code)) => prop_assert_eq!(account_command_problem(error).code().name, code),
        (outcome, expected) => prop_assert!(false, "{outcome:?} where {expected:?} was expected"),
    }
    Ok(())
}

#[test]
fn whatever_is_done_to_an_account_both_sides_agree_with_a_plain_model() {
    // The folder is in memory if possible. Ten thousand cases make sixty thousand durable writes, and the durability of
    // a disk is not tested here.
    let memory = std::path::Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let folder = folder.expect("a folder");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let stack = Arc::new(runtime.block_on(Stack::open(folder.path())));
    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let result = runner.run(&case(), |case| runtime.block_on(stack.play(&case)));
    runtime.shutdown_timeout(Duration::from_secs(5));
    result.unwrap_or_else(|error| panic!("{error}"));
}
