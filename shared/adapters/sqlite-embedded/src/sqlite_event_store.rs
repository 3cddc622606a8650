use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use cqrs::{
    AppendError, Commit, CommitDraft, Digest, EventStoreRepository, Idempotency, ReadError, RunOutcome, StreamId,
    Timestamp,
};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow, SqliteSynchronous};
use sqlx::{Row as _, Sqlite};
use uuid::Uuid;

use crate::OpenError;
use crate::open_database::Database;
use crate::version_column::version_to_column;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../../../migrations/sqlite/event_store");

/// The event store in one SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteEventStore {
    pub(crate) database: Database,
}

/// A commit and its place in the log.
#[derive(Debug, Clone)]
pub(crate) struct LoggedCommit {
    pub(crate) position: i64,
    pub(crate) commit: Commit,
}

impl SqliteEventStore {
    /// Opens the file, makes it if it is missing, and brings its tables up to date.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        // FULL: a commit is on the disk, and not only in a buffer, before a client gets its answer.
        Database::open(path, SqliteSynchronous::Full, &MIGRATIONS).await.map(|database| Self { database })
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.database.close().await;
    }

    async fn append_in_one_transaction(&self, runs: &[Vec<&Commit>]) -> Result<Vec<RunOutcome>, sqlx::Error> {
        let mut transaction = self.database.writer.begin_with("BEGIN IMMEDIATE").await?;
        let mut outcomes = Vec::with_capacity(runs.len());
        for run in runs {
            let mut outcome = RunOutcome { stored_commits: 0, stopped_by: None };
            for commit in run {
                match insert(commit).execute(&mut *transaction).await {
                    Ok(_) => outcome.stored_commits += 1,
                    // A refused insert has no effect. The transaction goes on with the other runs.
                    Err(error) => {
                        outcome.stopped_by = Some(append_error(commit, error));
                        break;
                    }
                }
            }
            outcomes.push(outcome);
        }
        transaction.commit().await?;
        Ok(outcomes)
    }

    /// Up to `limit` commits after this position of the log, in the log's order.
    pub(crate) async fn log_after(&self, position: i64, limit: u32) -> Result<Vec<LoggedCommit>, ReadError> {
        let rows = sqlx::query("SELECT * FROM commits WHERE position > ? ORDER BY position LIMIT ?")
            .bind(position)
            .bind(limit)
            .fetch_all(&self.database.readers)
            .await
            .map_err(read_error)?;
        rows.iter()
            .map(|row| {
                let commit = commit_from(row)?;
                Ok(LoggedCommit { position: row.try_get("position").map_err(read_error)?, commit })
            })
            .collect()
    }

    /// The last position of the log; 0 when it is empty.
    pub(crate) async fn last_position(&self) -> Result<i64, ReadError> {
        sqlx::query_scalar("SELECT COALESCE(MAX(position), 0) FROM commits")
            .fetch_one(&self.database.readers)
            .await
            .map_err(read_error)
    }
}

#[async_trait]
impl EventStoreRepository for SqliteEventStore {
    async fn append(&self, commit: &Commit) -> Result<(), AppendError> {
        // One statement is one transaction, and so one write to the disk.
        let inserted = insert(commit).execute(&self.database.writer).await;
        inserted.map(drop).map_err(|error| append_error(commit, error))
    }

    /// One transaction, and so one write to the disk, takes all commits of all runs.
    async fn append_runs(&self, runs: &[Vec<&Commit>]) -> Vec<RunOutcome> {
        if let [run] = runs
            && let [commit] = run[..]
        {
            let stopped_by = self.append(commit).await.err();
            return vec![RunOutcome { stored_commits: usize::from(stopped_by.is_none()), stopped_by }];
        }
        match self.append_in_one_transaction(runs).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                let error = Arc::new(error);
                let unknown = |_| RunOutcome {
                    stored_commits: 0,
                    stopped_by: Some(AppendError::Unavailable { source: error.clone().into() }),
                };
                runs.iter().map(unknown).collect()
            }
        }
    }

    async fn append_together(&self, commits: &[Commit]) -> Result<(), AppendError> {
        let unavailable = |error: sqlx::Error| AppendError::Unavailable { source: error.into() };
        // The write lock is taken at the beginning. A transaction that began as a reader could not become a writer once
        // another process has written.
        let mut transaction = self.database.writer.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
        for commit in commits {
            insert(commit).execute(&mut *transaction).await.map_err(|error| append_error(commit, error))?;
        }
        transaction.commit().await.map_err(unavailable)
    }

    async fn last_commit(&self, stream_id: StreamId) -> Result<Option<Commit>, ReadError> {
        let row = sqlx::query("SELECT * FROM commits WHERE stream_id = ? ORDER BY first_version DESC LIMIT 1")
            .bind(stream_id.to_string())
            .fetch_optional(&self.database.readers)
            .await
            .map_err(read_error)?;
        row.as_ref().map(commit_from).transpose()
    }

    async fn commits_from(&self, stream_id: StreamId, from_version: u64, limit: u32) -> Result<Vec<Commit>, ReadError> {
        // The search begins at the newest commit that starts at or before the version, because that commit may hold the
        // version.
        let rows = sqlx::query(
            "SELECT * FROM commits WHERE stream_id = ?1 AND first_version >= COALESCE((SELECT MAX(first_version) \
             FROM commits WHERE stream_id = ?1 AND first_version <= ?2), 1) AND last_version >= ?2 \
             ORDER BY first_version LIMIT ?3",
        )
        .bind(stream_id.to_string())
        .bind(version_to_column(from_version))
        .bind(limit)
        .fetch_all(&self.database.readers)
        .await
        .map_err(read_error)?;
        rows.iter().map(commit_from).collect()
    }

    async fn commit_by_idempotency_key(&self, stream_id: StreamId, key: &Digest) -> Result<Option<Commit>, ReadError> {
        let row = sqlx::query("SELECT * FROM commits WHERE stream_id = ? AND idempotency_key = ?")
            .bind(stream_id.to_string())
            .bind(key.to_string())
            .fetch_optional(&self.database.readers)
            .await
            .map_err(read_error)?;
        row.as_ref().map(commit_from).transpose()
    }

    async fn ping(&self) -> Result<(), ReadError> {
        sqlx::query("SELECT 1 FROM commits LIMIT 1")
            .fetch_optional(&self.database.readers)
            .await
            .map(|_| ())
            .map_err(read_error)
    }
}

/// The statement that stores this commit.
fn insert(commit: &Commit) -> Query<'_, Sqlite, SqliteArguments> {
    let draft = &commit.draft;
    let first_version = version_to_column(draft.first_version);
    let json = |value: serde_json::Result<String>| value.expect("a commit is plain JSON");
    sqlx::query(
        "INSERT INTO commits (stream_id, aggregate_type, first_version, last_version, occurred_at_us, caller, \
             correlation_id, causation_id, idempotency_key, request_fingerprint, events, state, previous_hash, hash) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(draft.stream_id.to_string())
    .bind(&draft.aggregate_type)
    .bind(first_version)
    .bind(version_to_column(commit.last_version()))
    .bind(draft.occurred_at.unix_micros())
    .bind(&draft.caller)
    .bind(&draft.correlation_id)
    .bind(&draft.causation_id)
    .bind(draft.idempotency.map(|idempotency| idempotency.key.to_string()))
    .bind(draft.idempotency.map(|idempotency| idempotency.request_fingerprint.to_string()))
    .bind(json(serde_json::to_string(&draft.events)))
    .bind(json(serde_json::to_string(&draft.state)))
    .bind(draft.previous_hash.map(|hash| hash.to_string()))
    .bind(commit.hash.to_string())
}

/// The reason why this commit was not stored.
fn append_error(commit: &Commit, error: sqlx::Error) -> AppendError {
    let (stream_id, first_version) = (commit.draft.stream_id, commit.draft.first_version);
    match error {
        sqlx::Error::Database(error) if error.is_unique_violation() => {
            // SQLite names the columns of the index that refused the insert.
            if error.message().contains("idempotency_key") {
                AppendError::IdempotencyKeyTaken { stream_id }
            } else {
                AppendError::VersionTaken { stream_id, first_version }
            }
        }
        error => AppendError::Unavailable { source: error.into() },
    }
}

pub(crate) fn read_error(error: sqlx::Error) -> ReadError {
    ReadError::Unavailable { source: error.into() }
}

pub(crate) fn commit_from(row: &SqliteRow) -> Result<Commit, ReadError> {
    let stream_text: String = row.try_get("stream_id").map_err(read_error)?;
    let stream_id = Uuid::try_parse(&stream_text)
        .map(StreamId)
        .map_err(|error| ReadError::Corrupt { stream_id: StreamId(Uuid::nil()), reason: error.to_string() })?;
    read_commit(row, stream_id).map_err(|error| ReadError::Corrupt { stream_id, reason: error.to_string() })
}

fn read_commit(row: &SqliteRow, stream_id: StreamId) -> Result<Commit, Box<dyn std::error::Error + Send + Sync>> {
    let digest = |column: &str| -> Result<Option<Digest>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(row.try_get::<Option<String>, _>(column)?.map(|text| text.parse()).transpose()?)
    };
    let idempotency = match (digest("idempotency_key")?, digest("request_fingerprint")?) {
        (Some(key), Some(request_fingerprint)) => Some(Idempotency { key, request_fingerprint }),
        _ => None,
    };
    Ok(Commit {
        draft: CommitDraft {
            stream_id,
            aggregate_type: row.try_get("aggregate_type")?,
            first_version: u64::try_from(row.try_get::<i64, _>("first_version")?)?,
            events: serde_json::from_str(row.try_get("events")?)?,
            occurred_at: Timestamp::from_unix_micros(row.try_get("occurred_at_us")?)?,
            caller: row.try_get("caller")?,
            correlation_id: row.try_get("correlation_id")?,
            causation_id: row.try_get("causation_id")?,
            idempotency,
            state: serde_json::from_str(row.try_get("state")?)?,
            previous_hash: digest("previous_hash")?,
        },
        hash: digest("hash")?.ok_or("a commit has a hash")?,
    })
}
