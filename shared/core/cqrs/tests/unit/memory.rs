use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use cqrs::{AppendError, Commit, Digest, EventStoreRepository, ReadError, StreamId};

/// An event store in memory.
#[derive(Default)]
pub struct MemoryEventStore {
    commits: Mutex<Vec<Commit>>,
    reads: AtomicUsize,
}

impl MemoryEventStore {
    /// All commits, in the order of arrival.
    pub fn commits(&self) -> MutexGuard<'_, Vec<Commit>> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of reads of a stream's newest commit.
    pub fn loads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl EventStoreRepository for MemoryEventStore {
    async fn append(&self, commit: &Commit) -> Result<(), AppendError> {
        self.append_together(std::slice::from_ref(commit)).await
    }

    async fn append_together(&self, new_commits: &[Commit]) -> Result<(), AppendError> {
        let mut commits = self.commits();
        for commit in new_commits {
            let (stream_id, first_version) = (commit.draft.stream_id, commit.draft.first_version);
            let of_the_stream = || commits.iter().filter(|other| other.draft.stream_id == stream_id);
            let key = commit.draft.idempotency.map(|idempotency| idempotency.key);
            if of_the_stream().any(|other| other.draft.first_version == first_version) {
                return Err(AppendError::VersionTaken { stream_id, first_version });
            }
            if key.is_some() && of_the_stream().any(|other| other.draft.idempotency.map(|other| other.key) == key) {
                return Err(AppendError::IdempotencyKeyTaken { stream_id });
            }
        }
        commits.extend_from_slice(new_commits);
        Ok(())
    }

    async fn last_commit(&self, stream_id: StreamId) -> Result<Option<Commit>, ReadError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let commits = self.commits();
        let of_the_stream = commits.iter().filter(|commit| commit.draft.stream_id == stream_id);
        Ok(of_the_stream.max_by_key(|commit| commit.draft.first_version).cloned())
    }

    async fn commits_from(&self, stream_id: StreamId, from_version: u64, limit: u32) -> Result<Vec<Commit>, ReadError> {
        let commits = self.commits();
        let of_the_stream = commits.iter().filter(|commit| commit.draft.stream_id == stream_id);
        let from_there = of_the_stream.filter(|commit| commit.last_version() >= from_version);
        Ok(from_there.take(limit as usize).cloned().collect())
    }

    async fn commit_by_idempotency_key(&self, stream_id: StreamId, key: &Digest) -> Result<Option<Commit>, ReadError> {
        let commits = self.commits();
        let has_the_key = |commit: &&Commit| {
            commit.draft.stream_id == stream_id
                && commit.draft.idempotency.is_some_and(|idempotency| idempotency.key == *key)
        };
        Ok(commits.iter().find(has_the_key).cloned())
    }

    async fn ping(&self) -> Result<(), ReadError> {
        Ok(())
    }
}

/// An event store in which another writer is always first.
#[derive(Default)]
pub struct AlwaysTaken {
    appends: AtomicUsize,
}

impl AlwaysTaken {
    /// The number of commits that were tried.
    pub fn appends(&self) -> usize {
        self.appends.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl EventStoreRepository for AlwaysTaken {
    async fn append(&self, commit: &Commit) -> Result<(), AppendError> {
        self.appends.fetch_add(1, Ordering::SeqCst);
        let (stream_id, first_version) = (commit.draft.stream_id, commit.draft.first_version);
        Err(AppendError::VersionTaken { stream_id, first_version })
    }

    async fn append_together(&self, commits: &[Commit]) -> Result<(), AppendError> {
        self.append(&commits[0]).await
    }

    async fn last_commit(&self, _stream_id: StreamId) -> Result<Option<Commit>, ReadError> {
        Ok(None)
    }

    async fn commits_from(&self, _: StreamId, _: u64, _: u32) -> Result<Vec<Commit>, ReadError> {
        Ok(Vec::new())
    }

    async fn commit_by_idempotency_key(&self, _: StreamId, _: &Digest) -> Result<Option<Commit>, ReadError> {
        Ok(None)
    }

    async fn ping(&self) -> Result<(), ReadError> {
        Ok(())
    }
}
