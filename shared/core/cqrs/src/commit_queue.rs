use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::commit_chain::CommitChain;
use crate::{AppendError, Commit, EventPublisher, EventStoreRepository, OpenedCommit, StreamId};

/// The largest number of commits in one write. A write of 64 commits is well below the servers' limits for one request.
const MAX_GROUP_COMMITS: usize = 64;
/// The number of groups that are stored and published at once. While one group waits for the bus, the next group is
/// written. More groups at once would be smaller, and the servers would do more work for each commit.
const MAX_GROUPS_AT_ONCE: usize = 4;

/// Stores commits and publishes them. Commits that wait at the same moment are written with one request to the
/// database, and published together. A commit that finds no other commit is written at once, alone.
///
/// The commits of one stream are written and published in the order in which they came. A group may hold several of them.
/// While a group with a stream's commit is under way, the stream's later commits wait for the next group.
///
/// A task of its own does the work. A command that no longer waits for its answer stops nothing.
#[derive(Clone)]
pub(crate) struct CommitQueue {
    event_store_repository: Arc<dyn EventStoreRepository>,
    publisher: Arc<dyn EventPublisher>,
    waiting: Arc<Mutex<Waiting>>,
}

/// The reason why a commit of the queue was not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueueError {
    /// The database did not take the commit. Handling: see [`AppendError`].
    #[error(transparent)]
    Append(#[from] AppendError),
    /// A commit before this commit in its chain was not stored, so this commit was not tried. Handling: load the stream
    /// and decide again.
    #[error("a commit that this commit follows was not stored")]
    ChainBroken,
}

#[derive(Default)]
struct Waiting {
    commits: VecDeque<QueuedCommit>,
    /// The streams with a commit in a group under way.
    streams_under_way: HashSet<StreamId>,
    groups_under_way: usize,
}

struct QueuedCommit {
    commit: Arc<OpenedCommit>,
    chain: Arc<CommitChain>,
    /// The way to the command. It is taken by the answer.
    outcome: Option<oneshot::Sender<Result<(), QueueError>>>,
}

impl CommitQueue {
    /// A queue before this database and this bus.
    pub(crate) fn new(
        event_store_repository: Arc<dyn EventStoreRepository>,
        publisher: Arc<dyn EventPublisher>,
    ) -> Self {
        Self { event_store_repository, publisher, waiting: Arc::default() }
    }

    /// The database behind the queue.
    pub(crate) fn event_store_repository(&self) -> Arc<dyn EventStoreRepository> {
        self.event_store_repository.clone()
    }

    /// Stores commits of several streams together, all or none, and publishes them. They pass by the queue: the caller
    /// has the turns in the lanes of these streams, and no commit of theirs is in the queue.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub(crate) async fn append_together(&self, commits: Vec<OpenedCommit>) -> Result<(), AppendError> {
        let queue = self.clone();
        // A task of its own, so that the stored commits are published even if the command no longer waits.
        let working = tokio::spawn(async move {
            let stored: Vec<Commit> = commits.iter().map(|commit| commit.commit().clone()).collect();
            queue.event_store_repository.append_together(&stored).await?;
            let commits: Vec<Arc<OpenedCommit>> = commits.into_iter().map(Arc::new).collect();
            queue.publish(&commits).await;
            Ok(())
        });
        working.await.unwrap_or_else(|error| Err(AppendError::Unavailable { source: error.into() }))
    }

    /// Puts the commit at the end of the queue. The place in the queue is taken when this returns, before the answer is
    /// awaited.
    pub(crate) fn put(
        &self,
        commit: Arc<OpenedCommit>,
        chain: Arc<CommitChain>,
    ) -> impl Future<Output = Result<(), QueueError>> + Send + use<> {
        let (outcome, answer) = oneshot::channel();
        chain.expect_outcome();
        let group = {
            let mut waiting = self.waiting();
            waiting.commits.push_back(QueuedCommit { commit, chain, outcome: Some(outcome) });
            waiting.next_group()
        };
        if let Some(group) = group {
            let queue = self.clone();
            tokio::spawn(async move { queue.work(group).await });
        }
        async move { answer.await.unwrap_or_else(|_| Err(stopped_halfway())) }
    }

    /// Stores and publishes this group, and then group after group until no commit is left that may be written now.
    async fn work(&self, mut group: Vec<QueuedCommit>) {
        loop {
            let streams: HashSet<StreamId> = group.iter().map(QueuedCommit::stream_id).collect();
            let queue = self.clone();
            // A task of its own, so that a panic in an adapter ends this group alone.
            let ended = tokio::spawn(async move { queue.store_and_publish(group).await }).await;
            if let Err(error) = ended {
                tracing::error!(%error, "a group of commits was stopped halfway");
            }
            let mut waiting = self.waiting();
            waiting.streams_under_way.retain(|stream_id| !streams.contains(stream_id));
            waiting.groups_under_way -= 1;
            match waiting.next_group() {
                Some(next) => group = next,
                None => return,
            }
        }
    }

    async fn store_and_publish(&self, group: Vec<QueuedCommit>) {
        let mut runs: Vec<Vec<QueuedCommit>> = Vec::new();
        let mut run_of_stream: HashMap<StreamId, usize> = HashMap::new();
        for queued in group {
            let place = *run_of_stream.entry(queued.stream_id()).or_insert(runs.len());
            match runs.get_mut(place) {
                Some(run) => run.push(queued),
                None => runs.push(vec![queued]),
            }
        }
        let commits: Vec<Vec<&Commit>> =
            runs.iter().map(|run| run.iter().map(|queued| queued.commit.commit()).collect()).collect();
        let outcomes = self.event_store_repository.append_runs(&commits).await;
        let mut stored: Vec<QueuedCommit> = Vec::new();
        for (run, outcome) in runs.into_iter().zip(outcomes) {
            let mut stopped_by = outcome.stopped_by.map(QueueError::Append);
            for (place, queued) in run.into_iter().enumerate() {
                if place < outcome.stored_commits {
                    stored.push(queued);
                } else {
                    // The chain is broken before any commit that follows can be decided on or written.
                    queued.chain.break_off();
                    queued.answer(Err(stopped_by.take().unwrap_or(QueueError::ChainBroken)));
                }
            }
        }
        let commits: Vec<Arc<OpenedCommit>> = stored.iter().map(|queued| queued.commit.clone()).collect();
        self.publish(&commits).await;
        for queued in stored {
            queued.answer(Ok(()));
        }
    }

    /// The commits are durable, so the commands have succeeded whether or not the bus takes the commits now. The bus
    /// gets a commit that it did not take from the event store, later.
    async fn publish(&self, commits: &[Arc<OpenedCommit>]) {
        if commits.is_empty() {
            return;
        }
        for (commit, published) in commits.iter().zip(self.publisher.publish_all(commits).await) {
            if let Err(error) = published {
                let (stream_id, version) = (commit.commit().draft.stream_id, commit.commit().last_version());
                tracing::warn!(%stream_id, version, error = %error.source, "not published yet");
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Takes the commits that may be written now, if another group may be under way.
    fn next_group(&mut self) -> Option<Vec<QueuedCommit>> {
        if self.groups_under_way >= MAX_GROUPS_AT_ONCE {
            return None;
        }
        let mut group = Vec::new();
        let mut later = VecDeque::new();
        for queued in self.commits.drain(..) {
            if queued.chain.is_broken() {
                queued.answer(Err(QueueError::ChainBroken));
            } else if group.len() < MAX_GROUP_COMMITS && !self.streams_under_way.contains(&queued.stream_id()) {
                group.push(queued);
            } else {
                later.push_back(queued);
            }
        }
        self.commits = later;
        if group.is_empty() {
            return None;
        }
        self.streams_under_way.extend(group.iter().map(QueuedCommit::stream_id));
        self.groups_under_way += 1;
        Some(group)
    }
}

impl QueuedCommit {
    fn stream_id(&self) -> StreamId {
        self.commit.commit().draft.stream_id
    }

    fn answer(mut self, outcome: Result<(), QueueError>) {
        self.settle(outcome);
    }

    fn settle(&mut self, outcome: Result<(), QueueError>) {
        if let Some(command) = self.outcome.take() {
            self.chain.settle();
            // A command that no longer waits needs no answer.
            let _ = command.send(outcome);
        }
    }
}

impl Drop for QueuedCommit {
    /// A commit that was given up without an answer may be stored or not.
    fn drop(&mut self) {
        if self.outcome.is_some() {
            self.chain.break_off();
            self.settle(Err(stopped_halfway()));
        }
    }
}

fn stopped_halfway() -> QueueError {
    QueueError::Append(AppendError::Unavailable { source: "the write was stopped halfway".into() })
}
