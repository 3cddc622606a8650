use account_commands::VisibleAccounts;
use bank::{AccountAggregate, WithdrawFunds};
use cqrs::{CommandEnvelope, CommandErrorOf, CommandHandler, CommandOutcome, EventSourcingHandler};

/// Handles [`WithdrawFunds`]: loads, decides, saves.
pub struct WithdrawFundsHandler {
    visible_accounts: VisibleAccounts,
}

impl WithdrawFundsHandler {
    /// A handler that works through this event sourcing handler.
    #[must_use]
    pub const fn new(event_sourcing_handler: EventSourcingHandler<AccountAggregate>) -> Self {
        Self { visible_accounts: VisibleAccounts::of(event_sourcing_handler) }
    }
}

impl CommandHandler<WithdrawFunds> for WithdrawFundsHandler {
    type Aggregate = AccountAggregate;
    type Outcome = CommandOutcome<AccountAggregate>;

    async fn handle(
        &self,
        envelope: &CommandEnvelope<WithdrawFunds>,
    ) -> Result<CommandOutcome<AccountAggregate>, CommandErrorOf<AccountAggregate>> {
        self.visible_accounts.execute(envelope, AccountAggregate::withdraw_funds).await
    }
}
