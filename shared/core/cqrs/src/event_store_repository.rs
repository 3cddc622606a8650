use async_trait::async_trait;

use crate::{Commit, Digest, StreamId};

/// The reason why a commit was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Another writer was first with this version of the stream. Nothing was stored.
    /// Handling: load again, decide again.
    #[error("another commit already starts at version {first_version} of stream {stream_id}")]
    VersionTaken {
        /// The stream.
        stream_id: StreamId,
        /// The version that both writers wanted to write.
        first_version: u64,
    },
    /// The stream already has a commit with this idempotency key. Nothing was stored.
    /// Handling: answer from that commit.
    #[error("stream {stream_id} already has a commit with this idempotency key")]
    IdempotencyKeyTaken {
        /// The stream.
        stream_id: StreamId,
    },
    /// The store could not be reached or did not answer in time. The commit may or may not be stored. Handling: tell
    /// the client to retry with its idempotency key.
    #[error("the event store is unavailable")]
    Unavailable {
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The reason why commits could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store could not be reached or did not answer in time. Handling: retry later.
    #[error("the event store is unavailable")]
    Unavailable {
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The stored data is not a commit. Handling: a person must look; the stream takes no commands meanwhile.
    #[error("stream {stream_id} holds data that is not a commit: {reason}")]
    Corrupt {
        /// The stream.
        stream_id: StreamId,
        /// The part of the data that does not fit.
        reason: String,
    },
}

/// The outcome of a run: consecutive commits of one stream, given to [`EventStoreRepository::append_runs`].
#[derive(Debug)]
pub struct RunOutcome {
    /// The number of commits that were stored, from the first commit on.
    pub stored_commits: usize,
    /// The reason why the next commit was not stored. It is `None` when the whole run was stored. The commits after the
    /// refused commit were not tried.
    pub stopped_by: Option<AppendError>,
}

/// Port: the database that holds the commits. Its adapters pass one suite of contract tests.
///
/// Commits are only ever appended. An adapter never updates or deletes one.
#[async_trait]
pub trait EventStoreRepository: Send + Sync {
    /// Stores the commit, durably before it returns. The commit is refused if its stream already has a commit that
    /// starts at the same version or carries the same idempotency key. If both are true, either error may be answered.
    async fn append(&self, commit: &Commit) -> Result<(), AppendError>;

    /// Stores several runs with as few requests as possible. Each run has consecutive commits of one stream, and no stream
    /// has two runs. Each run has an outcome of its own, in the order given. A commit is stored only when the commit
    /// before it in its run is stored. All stored commits are durable when this returns.
    async fn append_runs(&self, runs: &[Vec<&Commit>]) -> Vec<RunOutcome> {
        let mut outcomes = Vec::with_capacity(runs.len());
        for run in runs {
            let mut outcome = RunOutcome { stored_commits: 0, stopped_by: None };
            for commit in run {
                match self.append(commit).await {
                    Ok(()) => outcome.stored_commits += 1,
                    Err(error) => {
                        outcome.stopped_by = Some(error);
                        break;
                    }
                }
            }
            outcomes.push(outcome);
        }
        outcomes
    }

    /// Stores the commits of several streams together: all of them, durably before it returns, or none. Each stream has
    /// one commit among them. The commits are refused if one of them would be refused by [`append`](Self::append). The
    /// error then names that commit's stream.
    async fn append_together(&self, commits: &[Commit]) -> Result<(), AppendError>;

    /// The stream's newest commit, or `None` for a stream that does not exist.
    async fn last_commit(&self, stream_id: StreamId) -> Result<Option<Commit>, ReadError>;

    /// Up to `limit` commits in stream order. The first of them is the commit that holds `from_version`.
    async fn commits_from(&self, stream_id: StreamId, from_version: u64, limit: u32) -> Result<Vec<Commit>, ReadError>;

    /// The commit of this stream that carries this idempotency key.
    async fn commit_by_idempotency_key(&self, stream_id: StreamId, key: &Digest) -> Result<Option<Commit>, ReadError>;

    /// Checks that the store answers.
    async fn ping(&self) -> Result<(), ReadError>;
}
