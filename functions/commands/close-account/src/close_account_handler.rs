use account_commands::VisibleAccounts;
use bank::{AccountAggregate, CloseAccount};
use cqrs::{CommandEnvelope, CommandErrorOf, CommandHandler, CommandOutcome, EventSourcingHandler};

/// Handles [`CloseAccount`]: loads, decides, saves.
pub struct CloseAccountHandler {
    visible_accounts: VisibleAccounts,
}

impl CloseAccountHandler {
    /// A handler that works through this event sourcing handler.
    #[must_use]
    pub const fn new(event_sourcing_handler: EventSourcingHandler<AccountAggregate>) -> Self {
        Self { visible_accounts: VisibleAccounts::of(event_sourcing_handler) }
    }
}

impl CommandHandler<CloseAccount> for CloseAccountHandler {
    type Aggregate = AccountAggregate;
    type Outcome = CommandOutcome<AccountAggregate>;

    async fn handle(
        &self,
        envelope: &CommandEnvelope<CloseAccount>,
    ) -> Result<CommandOutcome<AccountAggregate>, CommandErrorOf<AccountAggregate>> {
        self.visible_accounts.execute(envelope, AccountAggregate::close_account).await
    }
}
