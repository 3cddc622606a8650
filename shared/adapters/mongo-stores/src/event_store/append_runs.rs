use std::sync::Arc;

use cqrs::{AppendError, Commit, RunOutcome};
use mongodb::Collection;
use mongodb::bson::RawDocumentBuf;
use mongodb::error::{ErrorKind, WriteFailure};

use super::commit_document::to_document;
use super::prepare::BY_IDEMPOTENCY_KEY;
use crate::OperationError;
use crate::bounded::bounded;

/// The server's error code for a duplicate entry in a unique index.
const DUPLICATE_KEY: i32 = 11000;

/// The result of one ordered insert.
enum Inserted {
    /// Every commit is stored.
    All,
    /// The first commits are stored. The next commit was refused, and the commits after it were not tried.
    UpTo { stored_commits: usize, code: i32, message: String },
    /// Nobody knows which commits are stored.
    Unknown(Arc<OperationError>),
}

/// Appends all commits of all runs by one ordered insert. An ordered insert ends at the first commit that is refused. The
/// runs behind that commit's run are then inserted by another request.
///
/// An insert without order would be wrong: it would store the commits of a run behind a refused commit, and leave a gap.
pub(crate) async fn append_runs(commits: &Collection<RawDocumentBuf>, runs: &[Vec<&Commit>]) -> Vec<RunOutcome> {
    let mut outcomes = Vec::with_capacity(runs.len());
    while let Some(left @ [_, ..]) = runs.get(outcomes.len()..) {
        match insert_in_order(commits, left).await {
            Inserted::All => outcomes.extend(left.iter().map(|run| stored_whole(run))),
            Inserted::UpTo { mut stored_commits, code, message } => {
                for run in left {
                    if let Some(refused) = run.get(stored_commits) {
                        let stopped_by = Some(refusal(refused, code, &message));
                        outcomes.push(RunOutcome { stored_commits, stopped_by });
                        break;
                    }
                    stored_commits -= run.len();
                    outcomes.push(stored_whole(run));
                }
            }
            Inserted::Unknown(error) => outcomes.extend(left.iter().map(|_| RunOutcome {
                stored_commits: 0,
                stopped_by: Some(AppendError::Unavailable { source: error.clone().into() }),
            })),
        }
    }
    outcomes
}

fn stored_whole(run: &[&Commit]) -> RunOutcome {
    RunOutcome { stored_commits: run.len(), stopped_by: None }
}

async fn insert_in_order(commits: &Collection<RawDocumentBuf>, runs: &[Vec<&Commit>]) -> Inserted {
    let documents: Vec<RawDocumentBuf> = runs.iter().flatten().map(|commit| to_document(commit)).collect();
    let commits = commits.clone();
    let inserting = Box::pin(async move { commits.insert_many(documents).ordered(true).await });
    let error = match bounded(inserting).await {
        Ok(_) => return Inserted::All,
        Err(error) => error,
    };
    if let OperationError::Driver(driver_error) = &error
        && let ErrorKind::InsertMany(refused) = &*driver_error.kind
        // A majority that did not answer in time makes every commit of the request uncertain.
        && refused.write_concern_error.is_none()
        && let Some(first) = refused.write_errors.iter().flatten().min_by_key(|error| error.index)
    {
        return Inserted::UpTo { stored_commits: first.index, code: first.code, message: first.message.clone() };
    }
    Inserted::Unknown(Arc::new(error))
}

/// The reason why the insert of this commit alone failed.
pub(crate) fn append_error(commit: &Commit, error: OperationError) -> AppendError {
    if let OperationError::Driver(driver_error) = &error
        && let ErrorKind::Write(WriteFailure::WriteError(refused)) = &*driver_error.kind
    {
        return refusal(commit, refused.code, &refused.message);
    }
    // A majority that did not answer in time is among these errors: the commit may be there or not.
    AppendError::Unavailable { source: error.into() }
}

/// The server's refusal of a commit.
///
/// The server's answer names the index in its message. Since version 4.2 it also has the members in a field of their
/// own, but the driver keeps the message alone. The message holds only this program's names and hexadecimal digits, and
/// no text from a client.
pub(super) fn refusal(commit: &Commit, code: i32, message: &str) -> AppendError {
    let (stream_id, first_version) = (commit.draft.stream_id, commit.draft.first_version);
    let index = message.split_once(" index: ").and_then(|(_, behind)| behind.split_once(' ')).map(|(name, _)| name);
    match index {
        Some("_id_") if code == DUPLICATE_KEY => AppendError::VersionTaken { stream_id, first_version },
        Some(BY_IDEMPOTENCY_KEY) if code == DUPLICATE_KEY => AppendError::IdempotencyKeyTaken { stream_id },
        _ => AppendError::Unavailable { source: format!("the server's error {code}: {message}").into() },
    }
}
