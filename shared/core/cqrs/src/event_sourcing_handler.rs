use std::sync::Arc;

use aggregate_root::AggregateRoot;

use crate::command::CommandErrorOf;
use crate::event_store::SaveError;
use crate::{
    AfterCommit, AppendError, CommandContext, CommandError, CommandOutcome, EventPublisher, EventStore,
    EventStoreRepository, LoadError, OpenedCommit, PersonalData, ReadError, Refusal, StreamId,
};

/// Loads aggregates from their events, saves what was decided on them, and tells the bus; keeps the promise
/// of the idempotency key. Command handlers know the event store by this alone.
#[derive(Clone)]
pub struct EventSourcingHandler<A> {
    event_store: EventStore<A>,
    publisher: Arc<dyn EventPublisher>,
}

/// An aggregate as a command method finds it.
#[derive(Debug)]
pub struct Loaded<'a, A> {
    /// The aggregate; the default one where the stream does not exist yet.
    pub aggregate: &'a A,
    /// The stream's version: the number of its events; 0 where it does not exist yet.
    pub version: u64,
}

impl<'a, A> Loaded<'a, A> {
    /// As the newest commit left it, or as `nothing_yet`, the default aggregate, where there is no commit.
    pub(crate) fn of(newest: Option<&'a AfterCommit<A>>, nothing_yet: &'a A) -> Self {
        newest.map_or(Self { aggregate: nothing_yet, version: 0 }, Self::after)
    }

    /// As a commit left it.
    const fn after(commit: &'a AfterCommit<A>) -> Self {
        Self { aggregate: &commit.aggregate, version: commit.version }
    }

    /// Refuses unless the stream is at the version that the client decided on, if it named one.
    ///
    /// # Errors
    /// [`Refusal::VersionMismatch`].
    pub fn require_version<E>(&self, expected_version: Option<u64>) -> Result<(), Refusal<E>> {
        match expected_version {
            Some(expected) if expected != self.version => {
                Err(Refusal::VersionMismatch { expected, actual: self.version })
            }
            _ => Ok(()),
        }
    }
}

impl<A: AggregateRoot> EventSourcingHandler<A> {
    /// On this database, telling this bus.
    pub fn new(event_store_repository: Arc<dyn EventStoreRepository>, publisher: Arc<dyn EventPublisher>) -> Self {
        Self { event_store: EventStore::new(event_store_repository), publisher }
    }

    /// With what seals the personal data of the events: for commands that raise such.
    #[must_use]
    pub fn with_personal_data(self, personal_data: Arc<dyn PersonalData>) -> Self {
        Self { event_store: self.event_store.with_personal_data(personal_data), ..self }
    }

    /// Looks at the aggregate as it is now, for a command that must have an effect elsewhere before its events are
    /// appended, and must know that it would not be refused.
    ///
    /// # Errors
    /// See [`LoadError`], as a [`CommandError`].
    pub async fn peek<T>(
        &self,
        stream_id: StreamId,
        read: impl FnOnce(&Loaded<'_, A>) -> T + Send,
    ) -> Result<T, CommandErrorOf<A>> {
        let newest = self.event_store.newest(stream_id).await?;
        let nothing_yet = A::default();
        Ok(read(&newest.as_ref().map_or(Loaded { aggregate: &nothing_yet, version: 0 }, Loaded::after)))
    }

    /// Load, decide, save: for a command on an aggregate that may exist.
    ///
    /// # Errors
    /// See [`CommandError`]; `Conflict` after a lost race.
    pub async fn execute(
        &self,
        stream_id: StreamId,
        context: &CommandContext,
        decide: impl Fn(&Loaded<'_, A>) -> Result<Vec<A::Event>, Refusal<A::Error>> + Send,
    ) -> Result<CommandOutcome<A>, CommandErrorOf<A>> {
        let before = self.event_store.newest(stream_id).await?;
        self.decide_and_save(stream_id, before, context, &decide).await
    }

    /// Decide, save: for a command that creates a stream whose id was made for it. There is nothing to load. Should the
    /// stream exist already, the save notices, and nothing is added to the stream.
    ///
    /// # Errors
    /// See [`CommandError`]. Where another command created the stream: the domain's refusal to create it twice, or else
    /// `Conflict`.
    pub async fn create(
        &self,
        stream_id: StreamId,
        context: &CommandContext,
        decide: impl Fn(&Loaded<'_, A>) -> Result<Vec<A::Event>, Refusal<A::Error>> + Send,
    ) -> Result<CommandOutcome<A>, CommandErrorOf<A>> {
        match self.decide_and_save(stream_id, None, context, &decide).await {
            Err(CommandError::Conflict) => {
                // The domain's refusal to create the stream twice is the better answer, if there is such a refusal.
                if let Some(before) = self.event_store.newest(stream_id).await? {
                    decide(&Loaded::after(&before)).map_err(CommandError::Refused)?;
                }
                Err(CommandError::Conflict)
            }
            result => result,
        }
    }

    async fn decide_and_save(
        &self,
        stream_id: StreamId,
        before: Option<AfterCommit<A>>,
        context: &CommandContext,
        decide: &(impl Fn(&Loaded<'_, A>) -> Result<Vec<A::Event>, Refusal<A::Error>> + Send),
    ) -> Result<CommandOutcome<A>, CommandErrorOf<A>> {
        let nothing_yet = A::default();
        let loaded = before.as_ref().map_or(Loaded { aggregate: &nothing_yet, version: 0 }, Loaded::after);
        let decision = decide(&loaded);
        let failure = match decision {
            // Nothing to do, unless it is a retry: then it may be the first try that left nothing to do.
            Ok(events) if events.is_empty() => {
                let (version, aggregate) = (loaded.version, loaded.aggregate.clone());
                let as_it_is = CommandOutcome { stream_id, version, aggregate, replayed: false };
                return Ok(self.first_answer_if_any(stream_id, context).await?.unwrap_or(as_it_is));
            }
            Ok(events) => match self.event_store.append(stream_id, before.as_ref(), &events, context).await {
                Ok((commit, after)) => {
                    self.tell_the_bus(&commit).await;
                    return Ok(outcome(stream_id, after, false));
                }
                Err(SaveError::Append(AppendError::VersionTaken { .. } | AppendError::IdempotencyKeyTaken { .. })) => {
                    CommandError::Conflict
                }
                Err(SaveError::Append(AppendError::Unavailable { source })) => {
                    return Err(CommandError::Unavailable { source });
                }
                Err(SaveError::PersonalData(error)) => match error.into() {
                    CommandError::Conflict => CommandError::Conflict,
                    error => return Err(error),
                },
            },
            Err(refusal) => CommandError::Refused(refusal),
        };
        // Neither a refusal nor a lost race is the answer when this very command has already had its effect:
        // the account may be empty *because* the first try withdrew everything.
        self.first_answer_if_any(stream_id, context).await?.ok_or(failure)
    }

    /// The commit is durable, so the command has succeeded whether or not the bus takes it now: what the bus
    /// was not told of, it is given from the store.
    pub(crate) async fn tell_the_bus(&self, commit: &OpenedCommit) {
        if let Err(error) = self.publisher.publish(commit).await {
            let (stream_id, version) = (commit.commit().draft.stream_id, commit.commit().last_version());
            tracing::warn!(%stream_id, version, error = %error.source, "not published yet");
        }
    }

    /// The answer that the command's key was given before, if it has one and was.
    pub(crate) async fn first_answer_if_any(
        &self,
        stream_id: StreamId,
        context: &CommandContext,
    ) -> Result<Option<CommandOutcome<A>>, CommandErrorOf<A>> {
        let Some(idempotency) = context.idempotency else {
            return Ok(None);
        };
        let Some((commit, after)) = self.event_store.by_idempotency_key(stream_id, &idempotency.key).await? else {
            return Ok(None);
        };
        if !self.event_store.is_same_request(&commit, &idempotency).await? {
            return Err(CommandError::IdempotencyKeyReused);
        }
        Ok(Some(outcome(stream_id, after, true)))
    }
}

fn outcome<A>(stream_id: StreamId, after: AfterCommit<A>, replayed: bool) -> CommandOutcome<A> {
    CommandOutcome { stream_id, version: after.version, aggregate: after.aggregate, replayed }
}

impl<E: std::error::Error + 'static> From<LoadError> for CommandError<E> {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Read(ReadError::Unavailable { source }) => Self::Unavailable { source },
            LoadError::Read(ReadError::Corrupt { stream_id, reason }) => Self::Corrupt { stream_id, reason },
            LoadError::Undecodable { stream_id, version, source } => Self::Undecodable { stream_id, version, source },
        }
    }
}
