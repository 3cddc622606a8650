use bank::{AccountAggregate, OpenAccount};
use cqrs::{CommandEnvelope, CommandErrorOf, CommandHandler, CommandOutcome, EventSourcingHandler, StreamId};

/// Handles [`OpenAccount`]: decides, saves.
pub struct OpenAccountHandler {
    event_sourcing_handler: EventSourcingHandler<AccountAggregate>,
}

impl OpenAccountHandler {
    /// A handler that works through this event sourcing handler.
    #[must_use]
    pub const fn new(event_sourcing_handler: EventSourcingHandler<AccountAggregate>) -> Self {
        Self { event_sourcing_handler }
    }
}

impl CommandHandler<OpenAccount> for OpenAccountHandler {
    type Aggregate = AccountAggregate;
    type Outcome = CommandOutcome<AccountAggregate>;

    async fn handle(
        &self,
        envelope: &CommandEnvelope<OpenAccount>,
    ) -> Result<CommandOutcome<AccountAggregate>, CommandErrorOf<AccountAggregate>> {
        let CommandEnvelope { command, context } = envelope;
        let stream_id = StreamId(command.account_id.as_uuid());
        // The id was made for this command, so there is nothing to load.
        self.event_sourcing_handler
            .create(stream_id, context, |loaded| {
                loaded.require_version(context.expected_version)?;
                Ok(loaded.aggregate.open_account(command)?)
            })
            .await
    }
}
