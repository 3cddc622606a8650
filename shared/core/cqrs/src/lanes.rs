use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use tokio::sync::MutexGuard as Turn;

use crate::commit_chain::CommitChain;
use crate::{AfterCommit, StreamId};

/// The largest number of streams whose newest state a process remembers. A state has a few hundred bytes, so all of them
/// together have a few megabytes.
const MAX_LANES: usize = 10_000;

/// The lanes of the streams of one kind of aggregate, in one process.
///
/// The commands on one stream wait in its lane and are decided in the order in which they came. So they do not race
/// against each other. The lane also remembers the stream's newest state, so that the next command needs no load. Other
/// processes may have changed the stream meanwhile. Then the unique index of the event store refuses the commit.
pub(crate) struct Lanes<A> {
    lanes: Mutex<LruCache<StreamId, Arc<Lane<A>>>>,
}

/// The place in which commands on one stream wait, and the stream's newest state that this process knows.
pub(crate) struct Lane<A> {
    turn: tokio::sync::Mutex<()>,
    newest: Mutex<Option<Newest<A>>>,
}

/// The state after the newest commit that this process read, or gave to the queue.
pub(crate) struct Newest<A> {
    pub(crate) after: Arc<AfterCommit<A>>,
    /// The chain that the next commit belongs to.
    pub(crate) chain: Arc<CommitChain>,
}

impl<A> Lanes<A> {
    pub(crate) fn new() -> Self {
        // Without a capacity of its own, so that a function's start does not pay for lanes that it never uses.
        Self { lanes: Mutex::new(LruCache::unbounded()) }
    }

    /// The stream's lane. If the lane was forgotten, it is made anew. Two lanes of one stream do no harm, because the
    /// event store judges between them.
    pub(crate) fn of(&self, stream_id: StreamId) -> Arc<Lane<A>> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.get_or_insert(stream_id, Arc::default).clone();
        if lanes.len() > MAX_LANES {
            lanes.pop_lru();
        }
        lane
    }

    /// Forgets the lane of a stream that does not exist. Requests for made-up ids must not drive out the lanes in use.
    pub(crate) fn forget(&self, stream_id: StreamId) {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).pop(&stream_id);
    }
}

impl<A> Lane<A> {
    /// Waits for this command's turn. The turns are given in the order of the calls.
    pub(crate) async fn turn(&self) -> Turn<'_, ()> {
        self.turn.lock().await
    }

    /// The newest state, unless it is not known or was decided on a commit that was not stored.
    pub(crate) fn newest(&self) -> Option<Newest<A>> {
        self.lock().clone().filter(|newest| !newest.chain.is_broken())
    }

    /// Remembers this state, which the event store has or gets next.
    pub(crate) fn remember(&self, newest: Newest<A>) {
        *self.lock() = Some(newest);
    }

    /// Remembers this state, which the event store has, unless the lane knows a state already.
    pub(crate) fn remember_if_unknown(&self, stored: &AfterCommit<A>)
    where
        A: Clone,
    {
        let mut newest = self.lock();
        if newest.as_ref().is_none_or(|newest| newest.chain.is_broken()) {
            *newest = Some(Newest::stored(stored.clone()));
        }
    }

    /// Forgets the state. The next command loads it.
    pub(crate) fn forget(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Newest<A>>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A> Default for Lane<A> {
    fn default() -> Self {
        Self { turn: tokio::sync::Mutex::new(()), newest: Mutex::new(None) }
    }
}

impl<A> Newest<A> {
    /// The first state of a new chain: a state that the event store has.
    pub(crate) fn stored(after: AfterCommit<A>) -> Self {
        Self { after: Arc::new(after), chain: Arc::default() }
    }
}

// Not derived: that would ask for an aggregate that can be cloned.
impl<A> Clone for Newest<A> {
    fn clone(&self) -> Self {
        Self { after: self.after.clone(), chain: self.chain.clone() }
    }
}
