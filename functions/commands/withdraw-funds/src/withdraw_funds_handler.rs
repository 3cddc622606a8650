use bank::{AccountAggregate, WithdrawFunds};
use cqrs::{CommandEnvelope, CommandErrorOf, CommandHandler, CommandOutcome, EventSourcingHandler, StreamId};

/// Handles [`WithdrawFunds`]: load, decide, save.
pub struct WithdrawFundsHandler {
    accounts: EventSourcingHandler<AccountAggregate>,
}

impl WithdrawFundsHandler {
    /// On these accounts.
    #[must_use]
    pub const fn new(accounts: EventSourcingHandler<AccountAggregate>) -> Self {
        Self { accounts }
    }
}

impl CommandHandler<WithdrawFunds> for WithdrawFundsHandler {
    type Aggregate = AccountAggregate;

    async fn handle(
        &self,
        envelope: &CommandEnvelope<WithdrawFunds>,
    ) -> Result<CommandOutcome<AccountAggregate>, CommandErrorOf<AccountAggregate>> {
        let CommandEnvelope { command, context } = envelope;
        let stream_id = StreamId(command.account_id.as_uuid());
        self.accounts
            .execute(stream_id, context, |loaded| {
                // Whether there is such an account for this caller comes before its version: a stranger is
                // not to learn that there is one.
                loaded.aggregate.account_of(&command.actor)?;
                loaded.require_version(context.expected_version)?;
                Ok(loaded.aggregate.withdraw_funds(command)?)
            })
            .await
    }
}
