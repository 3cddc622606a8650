use std::sync::Arc;

use bank::{AccountAggregate, EraseHolder};
use cqrs::{
    CommandEnvelope, CommandErrorOf, CommandHandler, CommandOutcome, EventSourcingHandler, Loaded, PersonalDataError,
    Refusal, StreamId,
};
use personal_data::{KeyStore, StoredKey};

/// Handles [`EraseHolder`]: destroys the key, then loads, decides, saves.
///
/// The key is destroyed first. So an account whose events say that the name was erased has no key. A process can die in
/// between. Then nobody can decrypt the name any more, but the account's row still shows it. A repeated request appends
/// the missing event.
pub struct EraseHolderHandler {
    event_sourcing_handler: EventSourcingHandler<AccountAggregate>,
    keys: Arc<dyn KeyStore>,
}

impl EraseHolderHandler {
    /// A handler that works through this event sourcing handler and destroys these keys.
    #[must_use]
    pub fn new(event_sourcing_handler: EventSourcingHandler<AccountAggregate>, keys: Arc<dyn KeyStore>) -> Self {
        Self { event_sourcing_handler, keys }
    }

    async fn is_key_destroyed(&self, stream_id: StreamId) -> Result<bool, PersonalDataError> {
        Ok(self.keys.get_many(&[stream_id]).await?.get(&stream_id) == Some(&StoredKey::Destroyed))
    }
}

impl CommandHandler<EraseHolder> for EraseHolderHandler {
    type Aggregate = AccountAggregate;
    type Outcome = CommandOutcome<AccountAggregate>;

    async fn handle(
        &self,
        envelope: &CommandEnvelope<EraseHolder>,
    ) -> Result<CommandOutcome<AccountAggregate>, CommandErrorOf<AccountAggregate>> {
        let CommandEnvelope { command, context } = envelope;
        let stream_id = StreamId(command.account_id.as_uuid());
        let decide = |loaded: &Loaded<'_, AccountAggregate>, is_begun: bool| {
            let events = loaded.aggregate.erase_holder(command)?;
            // An erasure that has begun cannot be refused any more. So the event follows the account's present version.
            if !is_begun || events.is_empty() {
                loaded.require_version(context.expected_version)?;
            }
            Ok::<_, Refusal<_>>(events)
        };
        let mut is_begun = self.is_key_destroyed(stream_id).await?;
        if !is_begun {
            is_begun = self.event_sourcing_handler.peek(stream_id, |loaded| decide(loaded, false).is_ok()).await?;
        }
        if is_begun {
            // A repetition destroys the key too, because the first try may have ended halfway.
            self.keys.destroy(stream_id).await.map_err(PersonalDataError::from)?;
        }
        self.event_sourcing_handler.execute(stream_id, context, |loaded| decide(loaded, is_begun)).await
    }
}
