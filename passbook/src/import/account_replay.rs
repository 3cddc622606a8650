use bank::{
    AccountAggregate, AccountError, AccountId, AccountKind, Actor, Currency, DepositFunds, Holder, Money, OpenAccount,
    TextError, WithdrawFunds,
};
use cqrs::{
    CommandContext, CommandDispatcher, CommandEnvelope, CommandError, CommandErrorOf, CommandOutcome, Digest,
    EventSourcingHandler, Idempotency, Refusal, Timestamp,
};
use deposit_funds::DepositFundsHandler;
use open_account::OpenAccountHandler;
use serde::Serialize;
use withdraw_funds::WithdrawFundsHandler;

use super::ImportArguments;
use super::csv_file::{Direction, Row};
use crate::stack::Stack;

/// The dispatchers that rows are played through. They are the functions' own handlers.
pub(crate) struct Commands {
    open_account: CommandDispatcher<OpenAccount, AccountAggregate>,
    deposit_funds: CommandDispatcher<DepositFunds, AccountAggregate>,
    withdraw_funds: CommandDispatcher<WithdrawFunds, AccountAggregate>,
}

impl Commands {
    pub(crate) fn new(stack: &Stack) -> Self {
        let event_sourcing_handler =
            EventSourcingHandler::new(stack.event_store_repository.clone(), stack.publisher.clone())
                .with_personal_data(stack.personal_data.clone());
        Self {
            open_account: CommandDispatcher::new(OpenAccountHandler::new(event_sourcing_handler.clone())),
            deposit_funds: CommandDispatcher::new(DepositFundsHandler::new(event_sourcing_handler.clone())),
            withdraw_funds: CommandDispatcher::new(WithdrawFundsHandler::new(event_sourcing_handler)),
        }
    }
}

/// The data that all rows of an import share.
pub(crate) struct Source {
    name: String,
    actor: Actor,
    currency: Currency,
}

/// The reason why a row could not be played, outside the row itself. Handling: fix that, then start again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The command failed.
    #[error(transparent)]
    Command(#[from] CommandErrorOf<AccountAggregate>),
    /// The account's number is not a valid holder.
    #[error("the account's number is not a valid holder")]
    Holder(#[from] TextError),
}

impl Source {
    pub(crate) fn new(arguments: &ImportArguments, currency: Currency) -> Self {
        // The actor is not a teller, so an import can touch only the accounts that it opened itself.
        let actor = Actor { caller: arguments.caller.clone(), is_teller: false };
        Self { name: arguments.import_name(), actor, currency }
    }

    /// The id of an account. The same account of the same import has the same id in every run.
    fn account_id(&self, account: &str) -> AccountId {
        let parts = ["import", self.actor.caller.as_str(), self.name.as_str(), account];
        AccountId::derived_from(Digest::of_parts(&parts.map(str::as_bytes)).as_bytes())
    }

    fn context<C: Serialize>(
        &self,
        account: &str,
        key: &str,
        command: &C,
        version: u64,
        at: Timestamp,
    ) -> CommandContext {
        let path = format!("import/{}/{account}", self.name);
        let correlation_id = format!("{path}/{key}");
        let content = serde_json::to_vec(command).expect("a command is plain JSON");
        CommandContext {
            caller: self.actor.caller.clone(),
            causation_id: correlation_id.clone(),
            idempotency: Some(Idempotency::new(&self.actor.caller, &path, key, &content)),
            correlation_id,
            expected_version: Some(version),
            issued_at: at,
        }
    }
}

/// A row that the account refused.
#[derive(Debug, Clone)]
pub(crate) struct RefusedRow {
    pub(crate) row: u64,
    pub(crate) account: String,
    pub(crate) id: String,
    pub(crate) reason: String,
}

/// A row whose stated balance is unexplained.
#[derive(Debug, Clone)]
pub(crate) struct Mismatch {
    pub(crate) row: u64,
    pub(crate) account: String,
    pub(crate) id: String,
    pub(crate) computed_minor: i64,
    pub(crate) expected_minor: i64,
}

/// The numbers of rows by their outcome.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    pub(crate) deposits: u64,
    pub(crate) withdrawals: u64,
    /// The rows of both kinds that an earlier run had played.
    pub(crate) played_before: u64,
    pub(crate) equal: u64,
    pub(crate) equal_but_for_residuals: u64,
    pub(crate) equal_but_for_refusals: u64,
}

/// One account's rows, played in order. Each is played on the version that the row before left. If another writer
/// changes the account meanwhile, the import stops there rather than mixing with that writer.
#[derive(Debug)]
pub(crate) struct AccountReplay {
    pub(crate) account: String,
    pub(crate) account_id: AccountId,
    pub(crate) version: u64,
    pub(crate) balance: Money,
    /// The version of the last statement line.
    pub(crate) last_line_version: u64,
    /// The sum of the file's own roundings and of the rows refused here. The stated balance differs by this sum.
    residuals_minor: i64,
    refusals_minor: i64,
    pub(crate) counts: Counts,
    pub(crate) refused: Vec<RefusedRow>,
    /// Rows that found the account at a later version and were not played before. Such a row may have been refused by
    /// an earlier run, or another writer may have changed the account before it. The next row that an earlier run did
    /// play tells the two apart.
    unconfirmed: Vec<RefusedRow>,
    pub(crate) mismatches: Vec<Mismatch>,
}

impl AccountReplay {
    /// Opens the account with a balance of zero, on the day of its first row.
    pub(crate) async fn open(commands: &Commands, source: &Source, first: &Row) -> Result<Self, ReplayError> {
        let account_id = source.account_id(&first.account);
        let holder: Holder = format!("Account {}", first.account).parse()?;
        let command = OpenAccount {
            actor: source.actor.clone(),
            account_id,
            holder,
            kind: AccountKind::Checking,
            opening_balance: Money::zero(source.currency),
        };
        let context = source.context(&first.account, "open", &command, 0, first.at);
        let outcome = commands.open_account.dispatch(CommandEnvelope { command, context }).await?;
        Ok(Self {
            account: first.account.clone(),
            account_id,
            version: outcome.version,
            balance: Money::zero(source.currency),
            last_line_version: outcome.version,
            residuals_minor: 0,
            refusals_minor: 0,
            counts: Counts::default(),
            refused: Vec::new(),
            unconfirmed: Vec::new(),
            mismatches: Vec::new(),
        })
    }

    /// Plays one row and compares the balance after it with the stated one.
    pub(crate) async fn play(&mut self, commands: &Commands, source: &Source, row: Row) -> Result<(), ReplayError> {
        let result = self.dispatch(commands, source, &row).await;
        match result {
            Ok(outcome) => self.take_over(&outcome, row.direction),
            Err(CommandError::Refused(refusal)) => self.note_refusal(&row, &refusal),
            Err(error) => return Err(error.into()),
        }
        self.residuals_minor += row.residual_minor;
        self.compare(&row);
        Ok(())
    }

    async fn dispatch(
        &self,
        commands: &Commands,
        source: &Source,
        row: &Row,
    ) -> Result<CommandOutcome<AccountAggregate>, CommandErrorOf<AccountAggregate>> {
        let (actor, account_id) = (source.actor.clone(), self.account_id);
        let (amount, reference) = (row.amount, row.reference.clone());
        match row.direction {
            Direction::Credit => {
                let command = DepositFunds { actor, account_id, amount, reference };
                let context = source.context(&self.account, &row.id, &command, self.version, row.at);
                commands.deposit_funds.dispatch(CommandEnvelope { command, context }).await
            }
            Direction::Debit => {
                let command = WithdrawFunds { actor, account_id, amount, reference };
                let context = source.context(&self.account, &row.id, &command, self.version, row.at);
                commands.withdraw_funds.dispatch(CommandEnvelope { command, context }).await
            }
        }
    }

    fn take_over(&mut self, outcome: &CommandOutcome<AccountAggregate>, direction: Direction) {
        match direction {
            Direction::Credit => self.counts.deposits += 1,
            Direction::Debit => self.counts.withdrawals += 1,
        }
        self.counts.played_before += u64::from(outcome.replayed);
        self.version = outcome.version;
        self.last_line_version = outcome.version;
        if let Some(account) = outcome.aggregate.opened() {
            self.balance = account.balance;
        }
        self.refused.append(&mut self.unconfirmed);
    }

    fn note_refusal(&mut self, row: &Row, refusal: &Refusal<AccountError>) {
        self.refusals_minor += match row.direction {
            Direction::Credit => row.amount_minor,
            Direction::Debit => -row.amount_minor,
        };
        let refused = RefusedRow {
            row: row.number,
            account: row.account.clone(),
            id: row.id.clone(),
            reason: refusal.to_string(),
        };
        match refusal {
            Refusal::Domain(_) => self.refused.push(refused),
            Refusal::VersionMismatch { .. } => {
                self.unconfirmed.push(RefusedRow { reason: "refused by an earlier run".to_owned(), ..refused });
            }
        }
    }

    fn compare(&mut self, row: &Row) {
        let computed_minor = self.balance.amount_minor();
        let expected_minor = row.stated_balance_minor - self.residuals_minor - self.refusals_minor;
        if computed_minor == row.stated_balance_minor {
            self.counts.equal += 1;
        } else if computed_minor != expected_minor {
            let (row, account, id) = (row.number, row.account.clone(), row.id.clone());
            self.mismatches.push(Mismatch { row, account, id, computed_minor, expected_minor });
        } else if self.refusals_minor == 0 {
            self.counts.equal_but_for_residuals += 1;
        } else {
            self.counts.equal_but_for_refusals += 1;
        }
    }

    /// The rows that were not played, because another writer has changed the account.
    pub(crate) fn not_played(&self) -> &[RefusedRow] {
        &self.unconfirmed
    }
}
