use account_commands::VisibleAccounts;
use bank::{AccountAggregate, DepositFunds};
use cqrs::{CommandEnvelope, CommandErrorOf, CommandHandler, CommandOutcome, EventSourcingHandler};

/// Handles [`DepositFunds`]: load, decide, save.
pub struct DepositFundsHandler {
    accounts: VisibleAccounts,
}

impl DepositFundsHandler {
    /// On these accounts.
    #[must_use]
    pub const fn new(accounts: EventSourcingHandler<AccountAggregate>) -> Self {
        Self { accounts: VisibleAccounts::of(accounts) }
    }
}

impl CommandHandler<DepositFunds> for DepositFundsHandler {
    type Aggregate = AccountAggregate;

    async fn handle(
        &self,
        envelope: &CommandEnvelope<DepositFunds>,
    ) -> Result<CommandOutcome<AccountAggregate>, CommandErrorOf<AccountAggregate>> {
        self.accounts.execute(envelope, AccountAggregate::deposit_funds).await
    }
}
