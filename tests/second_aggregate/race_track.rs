//! An event store on which writers meet.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use cqrs::{AppendError, Commit, Digest, EventStoreRepository, ReadError, StreamId};
use sqlite_embedded::SqliteEventStore;
use tokio::sync::Barrier;

/// An event store that makes the first writers wait until all of them have decided. So each of them has decided on the
/// same state, and all but one lose. Later writers do not wait.
pub struct RaceTrack {
    event_store: SqliteEventStore,
    racers: usize,
    all_have_decided: Barrier,
    appends: AtomicUsize,
    lost: AtomicUsize,
}

impl RaceTrack {
    /// An event store for this number of writers.
    pub fn new(event_store: SqliteEventStore, racers: usize) -> Self {
        Self {
            event_store,
            racers,
            all_have_decided: Barrier::new(racers),
            appends: AtomicUsize::new(0),
            lost: AtomicUsize::new(0),
        }
    }

    /// The number of tried commits, and the number of commits that came too late.
    pub fn tried_and_lost(&self) -> (usize, usize) {
        (self.appends.load(Ordering::SeqCst), self.lost.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl EventStoreRepository for RaceTrack {
    async fn append(&self, commit: &Commit) -> Result<(), AppendError> {
        if self.appends.fetch_add(1, Ordering::SeqCst) < self.racers {
            self.all_have_decided.wait().await;
        }
        let appended = self.event_store.append(commit).await;
        if appended.is_err() {
            self.lost.fetch_add(1, Ordering::SeqCst);
        }
        appended
    }

    async fn append_together(&self, commits: &[Commit]) -> Result<(), AppendError> {
        self.event_store.append_together(commits).await
    }

    async fn last_commit(&self, stream_id: StreamId) -> Result<Option<Commit>, ReadError> {
        self.event_store.last_commit(stream_id).await
    }

    async fn commits_from(&self, stream_id: StreamId, from_version: u64, limit: u32) -> Result<Vec<Commit>, ReadError> {
        self.event_store.commits_from(stream_id, from_version, limit).await
    }

    async fn commit_by_idempotency_key(&self, stream_id: StreamId, key: &Digest) -> Result<Option<Commit>, ReadError> {
        self.event_store.commit_by_idempotency_key(stream_id, key).await
    }

    async fn ping(&self) -> Result<(), ReadError> {
        self.event_store.ping().await
    }
}
