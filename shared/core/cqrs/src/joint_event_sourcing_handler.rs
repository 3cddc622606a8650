use aggregate_root::AggregateRoot;
use futures::future::{try_join, try_join_all};

use crate::command::CommandErrorOf;
use crate::lanes::Lane;
use crate::{
    AfterCommit, AppendError, CommandContext, CommandError, CommandOutcome, EventSourcingHandler, EventStore,
    LoadError, Loaded, OpenedCommit, PersonalDataError, Refusal, StreamId,
};

/// The reason why a decision was not stored.
#[derive(Debug, thiserror::Error)]
enum SaveError {
    /// The events' personal data could not be sealed. Handling: see [`PersonalDataError`].
    #[error(transparent)]
    PersonalData(#[from] PersonalDataError),
    /// The database did not take the commits. Handling: see [`AppendError`].
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// Loads several aggregates, decides once on all of them, saves the decision with one append, and tells the bus.
///
/// One stream leads: the command is about it, and its commit carries the idempotency key. Its aggregate has the type
/// `L`. The other aggregates have the type `O`, and their commits carry no key. Either all commits are stored or none.
///
/// The command waits for its turn in the lane of each other stream, one lane after the other in the order of their ids. So
/// two commands never wait for each other in a circle, and a command on several streams gets its turn also where many
/// commands on one stream are waiting.
#[derive(Clone)]
pub struct JointEventSourcingHandler<L, O> {
    leading: EventSourcingHandler<L>,
    others: EventSourcingHandler<O>,
}

/// The streams of one decision. No stream is named twice, unless the decision refuses that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JointStreams<const N: usize> {
    /// The stream that the command is about.
    pub leading: StreamId,
    /// The other streams.
    pub others: [StreamId; N],
}

/// The events of one decision over several streams.
#[derive(Debug)]
pub struct JointDecision<L: AggregateRoot, O: AggregateRoot, const N: usize> {
    /// The events of the leading stream.
    pub leading: Vec<L::Event>,
    /// The events of each other stream, in the order of [`JointStreams::others`].
    pub others: [Vec<O::Event>; N],
}

/// An aggregate at a version of its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtVersion<A> {
    /// The aggregate; the default one where the stream does not exist.
    pub aggregate: A,
    /// The stream's version; 0 where it does not exist.
    pub version: u64,
}

/// The result of a joint command that succeeded: its events are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JointOutcome<L, O, const N: usize> {
    /// The leading stream after the command.
    pub leading: CommandOutcome<L>,
    /// The other aggregates after the command, in the order of [`JointStreams::others`]. `None` if a repeated
    /// idempotency key brought the first answer again: only the leading stream has the key. The leading aggregate
    /// knows which versions the first answer spoke of, and
    /// [`other_at`](JointEventSourcingHandler::other_at) reads them.
    pub others: Option<[AtVersion<O>; N]>,
}

/// The aggregates of one decision as they were loaded.
struct JointLoads<L, O, const N: usize> {
    leading: Option<AfterCommit<L>>,
    others: [Option<AfterCommit<O>>; N],
}

impl<L: AggregateRoot, O: AggregateRoot> JointEventSourcingHandler<L, O> {
    /// A handler on the database and the bus of this handler of the other aggregates. It shares their lanes.
    pub fn new(others: EventSourcingHandler<O>) -> Self {
        Self { leading: EventSourcingHandler::beside(&others), others }
    }

    /// Looks at the leading aggregate as it is now, for a command that must learn from it which other streams to load.
    ///
    /// # Errors
    /// See [`LoadError`], as a [`CommandError`].
    pub async fn peek<T>(
        &self,
        leading: StreamId,
        read: impl FnOnce(&Loaded<'_, L>) -> T + Send,
    ) -> Result<T, CommandErrorOf<L>> {
        self.leading.peek(leading, read).await
    }

    /// One of the other aggregates as it was at this version of its stream, which is the last version of a commit.
    ///
    /// # Errors
    /// See [`LoadError`], as a [`CommandError`].
    pub async fn other_at(&self, stream_id: StreamId, version: u64) -> Result<AtVersion<O>, CommandErrorOf<L>> {
        let after = self.others.event_store.at_version(stream_id, version).await?;
        Ok(AtVersion { aggregate: after.aggregate, version: after.version })
    }

    /// Load all, decide once, save all: for a command on a leading stream that may exist.
    ///
    /// # Errors
    /// See [`CommandError`]; `Conflict` after a lost race on any of the streams.
    pub async fn execute<const N: usize>(
        &self,
        streams: &JointStreams<N>,
        context: &CommandContext,
        decide: impl Fn(&Loaded<'_, L>, &[Loaded<'_, O>; N]) -> Result<JointDecision<L, O, N>, Refusal<L::Error>> + Send,
    ) -> Result<JointOutcome<L, O, N>, CommandErrorOf<L>> {
        let loads = self.load_all(streams).await?;
        self.decide_in_turn(streams, loads, context, &decide).await
    }

    /// Load the others, decide once, save all: for a command that creates the leading stream, whose id was made for it.
    /// There is nothing to load from that stream. Should it exist already, the save notices, and nothing is added.
    ///
    /// # Errors
    /// See [`CommandError`]; `Conflict` after a lost race on any of the streams. Where another command created the
    /// leading stream: the domain's refusal to create it twice, or else `Conflict`.
    pub async fn create<const N: usize>(
        &self,
        streams: &JointStreams<N>,
        context: &CommandContext,
        decide: impl Fn(&Loaded<'_, L>, &[Loaded<'_, O>; N]) -> Result<JointDecision<L, O, N>, Refusal<L::Error>> + Send,
    ) -> Result<JointOutcome<L, O, N>, CommandErrorOf<L>> {
        let loads = JointLoads { leading: None, others: self.load_others(&streams.others).await? };
        match self.decide_in_turn(streams, loads, context, &decide).await {
            Err(CommandError::Conflict) => {
                // The domain's refusal to create the stream twice is the better answer, if there is such a refusal.
                if let Some(leading) = self.leading.event_store.newest(streams.leading).await? {
                    let others = self.load_others(&streams.others).await?;
                    decide_on(&JointLoads { leading: Some(leading), others }, &decide)
                        .map_err(CommandError::Refused)?;
                }
                Err(CommandError::Conflict)
            }
            result => result,
        }
    }

    /// Loads the newest state of every stream at the same time.
    async fn load_all<const N: usize>(&self, streams: &JointStreams<N>) -> Result<JointLoads<L, O, N>, LoadError> {
        let (leading, others) =
            try_join(self.leading.event_store.newest(streams.leading), self.load_others(&streams.others)).await?;
        Ok(JointLoads { leading, others })
    }

    async fn load_others<const N: usize>(
        &self,
        stream_ids: &[StreamId; N],
    ) -> Result<[Option<AfterCommit<O>>; N], LoadError> {
        let loads = try_join_all(stream_ids.iter().map(|stream_id| self.others.event_store.newest(*stream_id))).await?;
        let Ok(loads) = loads.try_into() else { unreachable!("there is one load for each stream") };
        Ok(loads)
    }

    /// Decides on the loaded states. If they allow the command, it waits for its turns, and is decided once more on the
    /// states of that time.
    ///
    /// A refusal needs no turn. It does not wait, so that its time tells nobody whether an account is in use.
    async fn decide_in_turn<const N: usize>(
        &self,
        streams: &JointStreams<N>,
        mut loads: JointLoads<L, O, N>,
        context: &CommandContext,
        decide: &(impl Fn(&Loaded<'_, L>, &[Loaded<'_, O>; N]) -> Result<JointDecision<L, O, N>, Refusal<L::Error>> + Send),
    ) -> Result<JointOutcome<L, O, N>, CommandErrorOf<L>> {
        if decide_on(&loads, decide).is_err() {
            return self.decide_and_save(streams, &loads, context, decide).await;
        }
        let lanes = streams.others.map(|stream_id| self.others.lanes.of(stream_id));
        for (lane, load) in lanes.iter().zip(&loads.others) {
            if let Some(load) = load {
                lane.remember_if_unknown(load);
            }
        }
        let mut in_order: Vec<usize> = (0..N).collect();
        in_order.sort_unstable_by_key(|&place| streams.others[place]);
        let mut turns = Vec::with_capacity(N);
        for place in in_order {
            turns.push(lanes[place].turn().await);
        }
        for ((stream_id, lane), load) in streams.others.iter().zip(&lanes).zip(&mut loads.others) {
            self.refresh(*stream_id, lane, load).await?;
        }
        let result = self.decide_and_save(streams, &loads, context, decide).await;
        for lane in &lanes {
            // The next command loads the state: it has changed, or was not the stored state.
            lane.forget();
        }
        drop(turns);
        result
    }

    /// Brings the load to the state of this command's turn in the lane.
    async fn refresh(
        &self,
        stream_id: StreamId,
        lane: &Lane<O>,
        load: &mut Option<AfterCommit<O>>,
    ) -> Result<(), LoadError> {
        if let Some(newest) = lane.newest() {
            // The commits that the lane has put into the queue get their outcomes first.
            newest.chain.all_settled().await;
        }
        let loaded_version = load.as_ref().map_or(0, |load| load.version);
        match lane.newest() {
            Some(newest) if newest.after.version >= loaded_version => *load = Some((*newest.after).clone()),
            // The load is newer: another process has written.
            Some(_) => {}
            // A command before this command has changed the state, or has failed.
            None => *load = self.others.event_store.newest(stream_id).await?,
        }
        Ok(())
    }

    async fn decide_and_save<const N: usize>(
        &self,
        streams: &JointStreams<N>,
        loads: &JointLoads<L, O, N>,
        context: &CommandContext,
        decide: &(impl Fn(&Loaded<'_, L>, &[Loaded<'_, O>; N]) -> Result<JointDecision<L, O, N>, Refusal<L::Error>> + Send),
    ) -> Result<JointOutcome<L, O, N>, CommandErrorOf<L>> {
        let failure = match decide_on(loads, decide) {
            Ok(decision) => match self.save(streams, loads, &decision, context).await {
                Ok(outcome) => return Ok(outcome),
                Err(error) => match CommandError::from(error) {
                    CommandError::Conflict => CommandError::Conflict,
                    error => return Err(error),
                },
            },
            Err(refusal) => CommandError::Refused(refusal),
        };
        // Neither a refusal nor a lost race is the answer when this very command has already had its effect: the
        // sender may have too little *because* the first try moved the money.
        match self.leading.first_answer_if_any(streams.leading, context).await? {
            Some(leading) => Ok(JointOutcome { leading, others: None }),
            None => Err(failure),
        }
    }

    /// Appends one commit to each stream that the decision has events for, all or none, and tells the bus.
    async fn save<const N: usize>(
        &self,
        streams: &JointStreams<N>,
        loads: &JointLoads<L, O, N>,
        decision: &JointDecision<L, O, N>,
        context: &CommandContext,
    ) -> Result<JointOutcome<L, O, N>, SaveError> {
        // All commits have one time, so that no view of a past time shows a part of them.
        let issued_at = loads.others.iter().flatten().map(|other| other.occurred_at);
        let issued_at = issued_at.chain(loads.leading.as_ref().map(|leading| leading.occurred_at));
        let issued_at = issued_at.fold(context.issued_at, Ord::max);
        let context = CommandContext { issued_at, ..context.clone() };
        let without_key = CommandContext { idempotency: None, ..context.clone() };
        let mut commits = Vec::with_capacity(1 + N);
        let leading = next_commit(
            &self.leading.event_store,
            streams.leading,
            loads.leading.as_ref(),
            &decision.leading,
            &context,
            &mut commits,
        );
        let leading = leading.await?;
        let mut others = Vec::with_capacity(N);
        for ((stream_id, load), events) in streams.others.iter().zip(&loads.others).zip(&decision.others) {
            let events_of = &self.others.event_store;
            others.push(next_commit(events_of, *stream_id, load.as_ref(), events, &without_key, &mut commits).await?);
        }
        let Ok(others) = others.try_into() else { unreachable!("there is one aggregate for each stream") };
        // Every writer has the same order, so that no two writers wait for each other.
        commits.sort_unstable_by_key(|commit| commit.commit().draft.stream_id);
        self.leading.commit_queue.append_together(commits).await?;
        let AtVersion { aggregate, version } = leading;
        let leading = CommandOutcome { stream_id: streams.leading, version, aggregate, replayed: false };
        Ok(JointOutcome { leading, others: Some(others) })
    }
}

fn decide_on<L: AggregateRoot, O: AggregateRoot, const N: usize>(
    loads: &JointLoads<L, O, N>,
    decide: &(impl Fn(&Loaded<'_, L>, &[Loaded<'_, O>; N]) -> Result<JointDecision<L, O, N>, Refusal<L::Error>> + Send),
) -> Result<JointDecision<L, O, N>, Refusal<L::Error>> {
    let (no_leading, no_other) = (L::default(), O::default());
    let leading = Loaded::after_if_any(loads.leading.as_ref(), &no_leading);
    let others = loads.others.each_ref().map(|load| Loaded::after_if_any(load.as_ref(), &no_other));
    decide(&leading, &others)
}

/// The aggregate after these events. Their commit, if there are any events, is added to the commits to append.
async fn next_commit<A: AggregateRoot>(
    event_store: &EventStore<A>,
    stream_id: StreamId,
    before: Option<&AfterCommit<A>>,
    events: &[A::Event],
    context: &CommandContext,
    commits: &mut Vec<OpenedCommit>,
) -> Result<AtVersion<A>, SaveError> {
    if events.is_empty() {
        return Ok(AtVersion {
            aggregate: before.map_or_else(A::default, |before| before.aggregate.clone()),
            version: before.map_or(0, |before| before.version),
        });
    }
    let (commit, after) = event_store.commit_of(stream_id, before, events, context).await?;
    commits.push(commit);
    Ok(AtVersion { aggregate: after.aggregate, version: after.version })
}

impl<E: std::error::Error + 'static> From<SaveError> for CommandError<E> {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::PersonalData(error) => error.into(),
            SaveError::Append(AppendError::Unavailable { source }) => Self::Unavailable { source },
            SaveError::Append(AppendError::VersionTaken { .. } | AppendError::IdempotencyKeyTaken { .. }) => {
                Self::Conflict
            }
        }
    }
}
