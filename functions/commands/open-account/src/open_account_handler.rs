use bank::{AccountAggregate, OpenAccount};
use cqrs::{CommandEnvelope, CommandErrorOf, CommandHandler, CommandOutcome, EventSourcingHandler, StreamId};

/// Handles [`OpenAccount`]: decide, save.
pub struct OpenAccountHandler {
    accounts: EventSourcingHandler<AccountAggregate>,
}

impl OpenAccountHandler {
    /// On these accounts.
    #[must_use]
    pub const fn new(accounts: EventSourcingHandler<AccountAggregate>) -> Self {
        Self { accounts }
    }
}

impl CommandHandler<OpenAccount> for OpenAccountHandler {
    type Aggregate = AccountAggregate;

    async fn handle(
        &self,
        envelope: &CommandEnvelope<OpenAccount>,
    ) -> Result<CommandOutcome<AccountAggregate>, CommandErrorOf<AccountAggregate>> {
        let CommandEnvelope { command, context } = envelope;
        let stream_id = StreamId(command.account_id.as_uuid());
        // The id was made for this command, so there is nothing to load.
        self.accounts
            .create(stream_id, context, |loaded| {
                loaded.require_version(context.expected_version)?;
                Ok(loaded.aggregate.open_account(command)?)
            })
            .await
    }
}
