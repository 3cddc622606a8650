//! The append of several commits to several streams in one transaction.
//!
//! The server's errors are handled as the driver's specification says
//! (<https://github.com/mongodb/specifications/blob/master/source/transactions/transactions.md>):
//! - `TransientTransactionError`: nothing was stored. The whole transaction is tried again.
//! - `UnknownTransactionCommitResult`: the commits may be stored or not. The commit of the same transaction is sent
//!   again, and the server recognizes it by the transaction's number.

use std::time::{Duration, Instant};

use cqrs::{AppendError, Commit};
use mongodb::bson::RawDocumentBuf;
use mongodb::error::{Error, ErrorKind, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT};
use mongodb::options::{ReadConcern, ReadPreference, SelectionCriteria, TransactionOptions};
use mongodb::{ClientSession, Collection, Database};

use super::append_runs::refusal;
use super::commit_document::to_document;
use crate::OperationError;
use crate::bounded::{OPERATION_TIMEOUT, bounded};
use crate::connection::durable_write;

/// The wait before the first retry of a transaction. It doubles with each further retry.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// The longest wait between two tries.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// No further try begins after this time. The task of the transaction ends soon after its caller has stopped waiting.
const LAST_TRY_AFTER: Duration = OPERATION_TIMEOUT;

/// The reason why a transaction was not committed.
#[derive(Debug)]
enum TransactionError {
    /// An insert was refused, or failed for a reason that no retry mends. Nothing was stored.
    Insert(Error),
    /// Nobody knows whether the transaction was committed.
    Unknown(Error),
}

/// Stores all of these commits, or none.
pub(super) async fn append_together(
    database: &Database,
    collection: &Collection<RawDocumentBuf>,
    commits: &[Commit],
) -> Result<(), AppendError> {
    let documents: Vec<RawDocumentBuf> = commits.iter().map(to_document).collect();
    let (database, collection) = (database.clone(), collection.clone());
    let running = bounded(Box::pin(async move {
        let mut session = database.client().start_session().await?;
        Ok(run(&mut session, &collection, &documents).await)
    }));
    match running.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(TransactionError::Insert(error))) => Err(refusal_of_any(commits, error)),
        Ok(Err(TransactionError::Unknown(error))) => Err(AppendError::Unavailable { source: error.into() }),
        Err(error) => Err(AppendError::Unavailable { source: error.into() }),
    }
}

/// Runs the transaction until it is committed, refused, or out of time.
async fn run(
    session: &mut ClientSession,
    collection: &Collection<RawDocumentBuf>,
    documents: &[RawDocumentBuf],
) -> Result<(), TransactionError> {
    let give_up_at = Instant::now() + LAST_TRY_AFTER;
    let mut pause = FIRST_PAUSE;
    // After an unknown result, a duplicate may be this transaction's own commit.
    let mut may_be_stored = false;
    loop {
        let error = match run_once(session, collection, documents, give_up_at).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let (is_transient, error) = match error {
            TransactionError::Insert(error) => (error.contains_label(TRANSIENT_TRANSACTION_ERROR), error),
            TransactionError::Unknown(error) => {
                may_be_stored = true;
                (error.contains_label(TRANSIENT_TRANSACTION_ERROR), error)
            }
        };
        if !is_transient || Instant::now() + pause >= give_up_at {
            return Err(if may_be_stored { TransactionError::Unknown(error) } else { TransactionError::Insert(error) });
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// One try: one message with all inserts, and one to commit them.
async fn run_once(
    session: &mut ClientSession,
    collection: &Collection<RawDocumentBuf>,
    documents: &[RawDocumentBuf],
    give_up_at: Instant,
) -> Result<(), TransactionError> {
    let options = TransactionOptions::builder()
        .write_concern(durable_write())
        .read_concern(ReadConcern::majority())
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        .build();
    session.start_transaction().with_options(options).await.map_err(TransactionError::Insert)?;
    if let Err(error) = collection.insert_many(documents).session(&mut *session).await {
        // The server has ended the transaction by itself after most errors. The answer to this message does not matter.
        let _ = session.abort_transaction().await;
        return Err(TransactionError::Insert(error));
    }
    let mut is_unknown = false;
    loop {
        match session.commit_transaction().await {
            Ok(()) => return Ok(()),
            Err(error) if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) => {
                if Instant::now() >= give_up_at {
                    return Err(TransactionError::Unknown(error));
                }
                is_unknown = true;
            }
            // The server refused the commit, so nothing is stored, unless an earlier try of the commit got through.
            Err(error) if is_unknown => return Err(TransactionError::Unknown(error)),
            Err(error) => return Err(TransactionError::Insert(error)),
        }
    }
}

/// The refusal of the commit whose insert was refused, or an error that says nothing about the commits.
fn refusal_of_any(commits: &[Commit], error: Error) -> AppendError {
    if let ErrorKind::InsertMany(failed) = &*error.kind
        && let Some(refused) = failed.write_errors.iter().flatten().min_by_key(|refused| refused.index)
        && let Some(commit) = commits.get(refused.index)
    {
        return refusal(commit, refused.code, &refused.message);
    }
    AppendError::Unavailable { source: OperationError::Driver(error).into() }
}
