use std::future::Future;

use aggregate_root::AggregateRoot;

use crate::CommandEnvelope;
use crate::command::CommandErrorOf;

/// Handles one kind of command: loads, decides and saves, once. The [`CommandDispatcher`](crate::CommandDispatcher) does the
/// work that every command shares: the log, the time limit, and another try after a lost race.
pub trait CommandHandler<C>: Send + Sync + 'static {
    /// The aggregate that the command is for.
    type Aggregate: AggregateRoot;
    /// The result of a command that succeeded: a [`CommandOutcome`](crate::CommandOutcome), unless the answer to the
    /// client needs more than one aggregate.
    type Outcome: Send + 'static;

    /// Handles the command once.
    ///
    /// # Errors
    /// See [`CommandError`](crate::CommandError); `Conflict` asks the dispatcher for another try.
    fn handle(
        &self,
        envelope: &CommandEnvelope<C>,
    ) -> impl Future<Output = Result<Self::Outcome, CommandErrorOf<Self::Aggregate>>> + Send;
}
