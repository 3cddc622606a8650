use account_commands::VisibleAccounts;
use bank::{AccountAggregate, DepositFunds};
use cqrs::{CommandEnvelope, CommandErrorOf, CommandHandler, CommandOutcome, EventSourcingHandler};

/// Handles [`DepositFunds`]: loads, decides, saves.
pub struct DepositFundsHandler {
    visible_accounts: VisibleAccounts,
}

impl DepositFundsHandler {
    /// A handler that works through this event sourcing handler.
    #[must_use]
    pub const fn new(event_sourcing_handler: EventSourcingHandler<AccountAggregate>) -> Self {
        Self { visible_accounts: VisibleAccounts::of(event_sourcing_handler) }
    }
}

impl CommandHandler<DepositFunds> for DepositFundsHandler {
    type Aggregate = AccountAggregate;
    type Outcome = CommandOutcome<AccountAggregate>;

    async fn handle(
        &self,
        envelope: &CommandEnvelope<DepositFunds>,
    ) -> Result<CommandOutcome<AccountAggregate>, CommandErrorOf<AccountAggregate>> {
        self.visible_accounts.execute(envelope, AccountAggregate::deposit_funds).await
    }
}
