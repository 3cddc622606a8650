use bank::{AccountAggregate, AccountCommand, AccountError, AccountEvent};
use cqrs::{CommandEnvelope, CommandErrorOf, CommandOutcome, EventSourcingHandler, StreamId};

/// The accounts as callers may use them: an account that the caller may not see does not exist.
///
/// A command handler that knows the accounts by this type alone cannot forget the rule. The rule is for the account that the
/// command is given to. A command that names a second account may decide on it as its own rules say.
#[derive(Clone)]
pub struct VisibleAccounts {
    event_sourcing_handler: EventSourcingHandler<AccountAggregate>,
}

impl VisibleAccounts {
    /// Those of these accounts that each command's caller may see.
    #[must_use]
    pub const fn of(event_sourcing_handler: EventSourcingHandler<AccountAggregate>) -> Self {
        Self { event_sourcing_handler }
    }

    /// Load, decide, save. `decide` is asked only for an account that the caller may see and that is at the version which the
    /// client decided on, if it named a version.
    ///
    /// # Errors
    /// [`AccountError::NotFound`] for a stranger's account, before anything else. Otherwise as
    /// [`EventSourcingHandler::execute`].
    pub async fn execute<C: AccountCommand + Sync>(
        &self,
        envelope: &CommandEnvelope<C>,
        decide: impl Fn(&AccountAggregate, &C) -> Result<Vec<AccountEvent>, AccountError> + Send + Sync,
    ) -> Result<CommandOutcome<AccountAggregate>, CommandErrorOf<AccountAggregate>> {
        let CommandEnvelope { command, context } = envelope;
        let stream_id = StreamId(command.account_id().as_uuid());
        self.event_sourcing_handler
            .execute(stream_id, context, |loaded| {
                // Before the version: a version mismatch would tell a stranger that the account exists.
                loaded.aggregate.account_of(command.actor())?;
                loaded.require_version(context.expected_version)?;
                Ok(decide(loaded.aggregate, command)?)
            })
            .await
    }
}

#[cfg(test)]
mod tests;
