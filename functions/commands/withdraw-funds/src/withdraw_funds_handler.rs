use account_commands::VisibleAccounts;
use bank::{AccountAggregate, WithdrawFunds};
use cqrs::{CommandEnvelope, CommandErrorOf, CommandHandler, CommandOutcome, EventSourcingHandler};

/// Handles [`WithdrawFunds`]: load, decide, save.
pub struct WithdrawFundsHandler {
    accounts: VisibleAccounts,
}

impl WithdrawFundsHandler {
    /// On these accounts.
    #[must_use]
    pub const fn new(accounts: EventSourcingHandler<AccountAggregate>) -> Self {
        Self { accounts: VisibleAccounts::of(accounts) }
    }
}

impl CommandHandler<WithdrawFunds> for WithdrawFundsHandler {
    type Aggregate = AccountAggregate;

    async fn handle(
        &self,
        envelope: &CommandEnvelope<WithdrawFunds>,
    ) -> Result<CommandOutcome<AccountAggregate>, CommandErrorOf<AccountAggregate>> {
        self.accounts.execute(envelope, AccountAggregate::withdraw_funds).await
    }
}
