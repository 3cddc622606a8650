use std::sync::Arc;

use aggregate_root::AggregateRoot;

use crate::command::CommandErrorOf;
use crate::commit_queue::{CommitQueue, QueueError};
use crate::lanes::{Lane, Lanes, Newest};
use crate::{
    AfterCommit, AppendError, CommandContext, CommandError, CommandOutcome, EventPublisher, EventStore,
    EventStoreRepository, LoadError, PersonalData, ReadError, Refusal, StreamId,
};

/// Loads aggregates from their events, saves the events that were decided on them, and tells the bus. It keeps the
/// promise of the idempotency key. Command handlers know the event store by this alone.
///
/// All commands on one kind of aggregate in a process share one handler: clones of it share the lanes and the queue. See
/// `docs/decisions/0027-lanes-and-groups.md`.
#[derive(Clone)]
pub struct EventSourcingHandler<A> {
    pub(crate) event_store: EventStore<A>,
    pub(crate) lanes: Arc<Lanes<A>>,
    pub(crate) commit_queue: CommitQueue,
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
    /// As a commit left it.
    const fn after(commit: &'a AfterCommit<A>) -> Self {
        Self { aggregate: &commit.aggregate, version: commit.version }
    }

    /// As a commit left it, or the default aggregate where the stream does not exist yet.
    pub(crate) fn after_if_any(commit: Option<&'a AfterCommit<A>>, nothing_yet: &'a A) -> Self {
        commit.map_or(Self { aggregate: nothing_yet, version: 0 }, Self::after)
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
    /// A handler on this database, which tells this bus.
    pub fn new(event_store_repository: Arc<dyn EventStoreRepository>, publisher: Arc<dyn EventPublisher>) -> Self {
        Self {
            event_store: EventStore::new(event_store_repository.clone()),
            lanes: Arc::new(Lanes::new()),
            commit_queue: CommitQueue::new(event_store_repository, publisher),
        }
    }

    /// A handler of another kind of aggregate, which shares this handler's database, bus and queue.
    pub(crate) fn beside<O: AggregateRoot>(other: &EventSourcingHandler<O>) -> Self {
        Self {
            event_store: EventStore::new(other.commit_queue.event_store_repository()),
            lanes: Arc::new(Lanes::new()),
            commit_queue: other.commit_queue.clone(),
        }
    }

    /// The same handler, which now seals the personal data of appended events.
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
        Ok(read(&Loaded::after_if_any(newest.as_ref(), &A::default())))
    }

    /// Load, decide, save: for a command on an aggregate that may exist.
    ///
    /// The command waits in the stream's lane and is decided on the newest state that this process knows. That state may
    /// be outdated, or not durable yet. A commit that follows from it shows that at once, because the event store does not
    /// take it. A refusal would not show it. So only a state that was read from the event store refuses a command, and the
    /// command does not wait in the lane for it. Otherwise a stranger's command would learn by its waiting time that an
    /// account is in use.
    ///
    /// # Errors
    /// See [`CommandError`]; `Conflict` after a race that was lost against another process.
    pub async fn execute(
        &self,
        stream_id: StreamId,
        context: &CommandContext,
        decide: impl Fn(&Loaded<'_, A>) -> Result<Vec<A::Event>, Refusal<A::Error>> + Send + Sync,
    ) -> Result<CommandOutcome<A>, CommandErrorOf<A>> {
        loop {
            let lane = self.lanes.of(stream_id);
            let mut must_load = false;
            if lane.newest().is_some_and(|newest| leads_to_no_commit(&decide(&Loaded::after(&newest.after)))) {
                let stored = self.event_store.newest(stream_id).await?;
                let decision = decide(&Loaded::after_if_any(stored.as_ref(), &A::default()));
                if leads_to_no_commit(&decision) {
                    return self.answer_without_commit(stream_id, stored, decision, context).await;
                }
                // The remembered state is outdated, or has commits that are not durable yet.
                must_load = true;
            }
            let turn = lane.turn().await;
            let mut is_stored = false;
            let before = match lane.newest() {
                Some(newest) if !must_load => Some(newest),
                newest => {
                    if let Some(newest) = newest {
                        newest.chain.all_settled().await;
                    }
                    is_stored = true;
                    self.event_store.newest(stream_id).await?.map(Newest::stored)
                }
            };
            let decision = decide(&Loaded::after_if_any(before.as_ref().map(|newest| &*newest.after), &A::default()));
            match decision {
                Ok(events) if !events.is_empty() => {
                    let saving = self.save(stream_id, &lane, before, &events, context).await;
                    drop(turn);
                    let failure = match saving?.await {
                        Ok(outcome) => return Ok(outcome),
                        // Another command's commit failed. This command was not tried, so it takes its place again.
                        Err(QueueError::ChainBroken) => continue,
                        Err(QueueError::Append(error)) => error,
                    };
                    return self.answer_after_failure(stream_id, failure, context).await;
                }
                decision if is_stored => {
                    match &before {
                        Some(newest) => lane.remember(newest.clone()),
                        None => self.lanes.forget(stream_id),
                    }
                    drop(turn);
                    let stored = before.map(|newest| (*newest.after).clone());
                    return self.answer_without_commit(stream_id, stored, decision, context).await;
                }
                // The state changed since the look before the turn.
                _ => {}
            }
        }
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
        decide: impl Fn(&Loaded<'_, A>) -> Result<Vec<A::Event>, Refusal<A::Error>> + Send + Sync,
    ) -> Result<CommandOutcome<A>, CommandErrorOf<A>> {
        let events = match decide(&Loaded::after_if_any(None, &A::default())) {
            Ok(events) if !events.is_empty() => events,
            decision => return self.answer_without_commit(stream_id, None, decision, context).await,
        };
        let lane = self.lanes.of(stream_id);
        let result = match self.save(stream_id, &lane, None, &events, context).await {
            Ok(saving) => match saving.await {
                Ok(outcome) => Ok(outcome),
                // Another command created the stream at this moment.
                Err(QueueError::ChainBroken) => {
                    self.first_answer_if_any(stream_id, context).await?.ok_or(CommandError::Conflict)
                }
                Err(QueueError::Append(failure)) => self.answer_after_failure(stream_id, failure, context).await,
            },
            // The personal data of the stream was erased, so the stream exists.
            Err(CommandError::Conflict) => {
                self.first_answer_if_any(stream_id, context).await?.ok_or(CommandError::Conflict)
            }
            Err(error) => Err(error),
        };
        if matches!(result, Err(CommandError::Conflict)) {
            // The domain's refusal to create the stream twice is the better answer, if there is such a refusal.
            if let Some(before) = self.event_store.newest(stream_id).await? {
                decide(&Loaded::after(&before)).map_err(CommandError::Refused)?;
            }
        }
        result
    }

    /// Makes the commit of these events and puts it into the queue. The lane remembers the state after it at once, so that
    /// the next command can be decided. The future that is returned ends when the commit is durable and published.
    async fn save(
        &self,
        stream_id: StreamId,
        lane: &Lane<A>,
        before: Option<Newest<A>>,
        events: &[A::Event],
        context: &CommandContext,
    ) -> Result<impl Future<Output = Result<CommandOutcome<A>, QueueError>> + Send + use<A>, CommandErrorOf<A>> {
        let state_before = before.as_ref().map(|newest| &*newest.after);
        let (commit, after) = self.event_store.commit_of(stream_id, state_before, events, context).await?;
        let (after, chain) = (Arc::new(after), before.map_or_else(Arc::default, |newest| newest.chain));
        let stored = self.commit_queue.put(Arc::new(commit), chain.clone());
        lane.remember(Newest { after: after.clone(), chain });
        Ok(async move {
            stored.await?;
            Ok(outcome(stream_id, &after, false))
        })
    }

    /// The answer to a command that was refused, or has nothing to do, in this stored state. A retry gets its first answer
    /// instead: the account may be empty *because* the first try withdrew everything.
    async fn answer_without_commit(
        &self,
        stream_id: StreamId,
        stored: Option<AfterCommit<A>>,
        decision: Result<Vec<A::Event>, Refusal<A::Error>>,
        context: &CommandContext,
    ) -> Result<CommandOutcome<A>, CommandErrorOf<A>> {
        if let Some(first_answer) = self.first_answer_if_any(stream_id, context).await? {
            return Ok(first_answer);
        }
        decision.map_err(CommandError::Refused)?;
        let (version, aggregate) = stored.map_or_else(|| (0, A::default()), |after| (after.version, after.aggregate));
        Ok(CommandOutcome { stream_id, version, aggregate, replayed: false })
    }

    /// The answer to a command whose commit was not stored. A lost race is not the answer when this very command has
    /// already had its effect.
    async fn answer_after_failure(
        &self,
        stream_id: StreamId,
        failure: AppendError,
        context: &CommandContext,
    ) -> Result<CommandOutcome<A>, CommandErrorOf<A>> {
        match failure {
            AppendError::VersionTaken { .. } | AppendError::IdempotencyKeyTaken { .. } => {
                self.first_answer_if_any(stream_id, context).await?.ok_or(CommandError::Conflict)
            }
            AppendError::Unavailable { source } => Err(CommandError::Unavailable { source }),
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
        Ok(Some(outcome(stream_id, &after, true)))
    }
}

fn outcome<A: AggregateRoot>(stream_id: StreamId, after: &AfterCommit<A>, replayed: bool) -> CommandOutcome<A> {
    CommandOutcome { stream_id, version: after.version, aggregate: after.aggregate.clone(), replayed }
}

/// Whether the decision is a refusal, or has no events.
fn leads_to_no_commit<V, E>(decision: &Result<Vec<V>, Refusal<E>>) -> bool {
    decision.as_ref().map_or(true, Vec::is_empty)
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
