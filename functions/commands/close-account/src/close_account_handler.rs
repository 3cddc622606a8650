use account_commands::VisibleAccounts;
use bank::{AccountAggregate, CloseAccount};
use cqrs::{CommandEnvelope, CommandErrorOf, CommandHandler, CommandOutcome, EventSourcingHandler};

/// Handles [`CloseAccount`]: load, decide, save.
pub struct CloseAccountHandler {
    accounts: VisibleAccounts,
}

impl CloseAccountHandler {
    /// On these accounts.
    #[must_use]
    pub const fn new(accounts: EventSourcingHandler<AccountAggregate>) -> Self {
        Self { accounts: VisibleAccounts::of(accounts) }
    }
}

impl CommandHandler<CloseAccount> for CloseAccountHandler {
    type Aggregate = AccountAggregate;

    async fn handle(
        &self,
        envelope: &CommandEnvelope<CloseAccount>,
    ) -> Result<CommandOutcome<AccountAggregate>, CommandErrorOf<AccountAggregate>> {
        self.accounts.execute(envelope, AccountAggregate::close_account).await
    }
}
